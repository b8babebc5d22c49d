"""Diagrams and tables of a network."""
