"""The way from a state to a trained one, step by step."""
