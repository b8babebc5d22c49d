"""What was decoded once, kept on disk."""
