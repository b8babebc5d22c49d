"""What Keras keeps in `keras.backend` and `keras.config`, as far as programs ask for it."""

from __future__ import annotations

from hubel.model.layers.names import forget_names
from hubel.model.metric import _names as _metric_names

__all__ = [
    "backend",
    "clear_session",
    "disable_traceback_filtering",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
]


def backend() -> str:
    """Return what computes: "torch"."""
    return "torch"


def clear_session(free_memory: bool = True) -> None:
    """Begin anew with the numbers in automatic names."""
    forget_names()
    _metric_names.clear()


def epsilon() -> float:
    """Return the small number that logarithms are kept from zero with."""
    return 1e-7


def floatx() -> str:
    """Return the type of numbers."""
    return "float32"


def image_data_format() -> str:
    """Return where the channels are."""
    return "channels_last"


def disable_traceback_filtering() -> None:
    """Leave tracebacks whole, as they are here."""


def enable_traceback_filtering() -> None:
    """Leave tracebacks whole: nothing is taken out of them here."""
