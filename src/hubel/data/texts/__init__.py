"""Texts: read whole, their symbols numbered, in windows that follow each other."""
