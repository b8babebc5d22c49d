"""Data sets: found by one word or path, decoded once, kept as bytes, prepared the same way everywhere.

Nothing here loads torch before a tensor is asked for, so that data can be read while torch is being imported.
"""

from hubel.data._dataset import Dataset, Splits
from hubel.data._framing import Frame
from hubel.data._image import ImageError, read_image
from hubel.data._load import load
from hubel.data._order import Order, batch
from hubel.data._preprocessing import Preprocessing

__all__ = ["Dataset", "Frame", "ImageError", "Order", "Preprocessing", "Splits", "batch", "load", "read_image"]
