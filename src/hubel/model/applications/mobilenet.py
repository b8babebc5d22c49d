"""`keras.applications.mobilenet`."""

from __future__ import annotations

from typing import Any

from hubel.model.applications.making import from_minus_one as preprocess_input
from hubel.model.applications.making import made
from hubel.model.networks.sequential import Sequential

__all__ = ["MobileNet", "preprocess_input"]


def MobileNet(**settings: Any) -> Sequential:  # noqa: N802 (Keras's name)
    """Return MobileNet, Howard et al. 2017 (see `making.made`)."""
    return made("mobilenet_v1", **settings)
