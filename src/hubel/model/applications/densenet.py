"""`keras.applications.densenet`."""

from __future__ import annotations

from typing import Any

from hubel.model.applications.making import by_imagenet as preprocess_input
from hubel.model.applications.making import made
from hubel.model.networks.sequential import Sequential

__all__ = ["DenseNet121", "preprocess_input"]


def DenseNet121(**settings: Any) -> Sequential:  # noqa: N802 (Keras's name)
    """Return DenseNet-121, Huang et al. 2017 (see `making.made`)."""
    return made("densenet121", **settings)
