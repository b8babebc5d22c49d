"""What Keras keeps in `keras.preprocessing.sequence`."""

from __future__ import annotations

from hubel.model.utils import pad_sequences

__all__ = ["pad_sequences"]
