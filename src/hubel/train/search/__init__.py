"""The search for a better recipe."""
