"""Weights that others have trained: read, matched, put into a module."""
