"""What Keras keeps in `keras.preprocessing`: pictures from folders and files, and sequences of one length."""

from __future__ import annotations

from types import SimpleNamespace

from hubel.model.data import image_dataset_from_directory
from hubel.model.utils import array_to_img, img_to_array, load_img, pad_sequences

__all__ = ["image", "image_dataset_from_directory", "pad_sequences", "sequence"]


image = SimpleNamespace(
    load_img=load_img,
    img_to_array=img_to_array,
    array_to_img=array_to_img,
    image_dataset_from_directory=image_dataset_from_directory,
)
sequence = SimpleNamespace(pad_sequences=pad_sequences)
