"""What Keras keeps in `keras.models`."""

from hubel.model._sequential import Sequential, load_model

__all__ = ["Sequential", "load_model"]
