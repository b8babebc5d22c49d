"""The ways in which a batch changes weights, and their average."""
