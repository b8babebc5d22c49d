"""The layers by Keras's names, and what stands before them: `from hubel.model.layers import Conv2D, Input`."""

from __future__ import annotations

from dataclasses import dataclass

from hubel.arch import Shape
from hubel.arch.layers import *  # noqa: F403 (one list of layers, kept where they are)
from hubel.arch.layers import __all__ as _layers

__all__ = ["Input", "InputLayer", *_layers]  # noqa: PLE0604 (they are names, in a list of their own)


@dataclass(frozen=True)
class Input:
    """The shape that a network takes: (height, width, channels) or (features,), the first thing in a `Sequential`."""

    shape: Shape


InputLayer = Input
