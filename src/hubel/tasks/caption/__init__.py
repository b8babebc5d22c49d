"""Captions: a sentence about a picture."""
