"""The arithmetic of a network: expressions, receptive fields, costs, memory, and their tables."""
