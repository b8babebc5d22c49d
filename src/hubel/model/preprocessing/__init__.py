"""What Keras keeps in `keras.preprocessing`: pictures from folders and files, and sequences of one length."""

from __future__ import annotations

from hubel.model.data import image_dataset_from_directory
from hubel.model.preprocessing import image, sequence
from hubel.model.preprocessing.sequence import pad_sequences

__all__ = ["image", "image_dataset_from_directory", "pad_sequences", "sequence"]
