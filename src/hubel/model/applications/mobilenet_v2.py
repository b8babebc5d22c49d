"""`keras.applications.mobilenet_v2`."""

from __future__ import annotations

from typing import Any

from hubel.model.applications.making import from_minus_one as preprocess_input
from hubel.model.applications.making import made
from hubel.model.networks.sequential import Sequential

__all__ = ["MobileNetV2", "preprocess_input"]


def MobileNetV2(**settings: Any) -> Sequential:  # noqa: N802 (Keras's name)
    """Return MobileNetV2, Sandler et al. 2018 (see `making.made`)."""
    return made("mobilenet_v2", **settings)
