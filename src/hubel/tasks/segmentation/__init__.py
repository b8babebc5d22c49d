"""Segmentation: one class of a fixed list for every pixel."""
