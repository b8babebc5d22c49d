"""`keras.applications.vgg16`."""

from __future__ import annotations

from typing import Any

from hubel.model.applications.making import blue_first as preprocess_input
from hubel.model.applications.making import made
from hubel.model.networks.sequential import Sequential

__all__ = ["VGG16", "preprocess_input"]


def VGG16(**settings: Any) -> Sequential:  # noqa: N802 (Keras's name)
    """Return VGG-16, Simonyan and Zisserman 2014 (see `making.made`)."""
    return made("vgg16", **settings)
