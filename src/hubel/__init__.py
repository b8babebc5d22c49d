"""hubel: a convolutional network from the line on a slide to a trained, understood and deployed model.

Names are imported when they are first used, so that `import hubel` costs nothing and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hubel.arch import Network, analyse, parse
    from hubel.base.errors import HubelError
    from hubel.data import load
    from hubel.export.exported import export
    from hubel.model import Sequential
    from hubel.nn import build, inspect
    from hubel.train import Recipe, Run

_HOMES = {
    "HubelError": "hubel.base.errors",
    "Network": "hubel.arch",
    "Recipe": "hubel.train",
    "Run": "hubel.train",
    "Sequential": "hubel.model",
    "analyse": "hubel.arch",
    "build": "hubel.nn",
    "inspect": "hubel.nn",
    "load": "hubel.data",
    "parse": "hubel.arch",
}

__all__ = [
    "HubelError",
    "Network",
    "Recipe",
    "Run",
    "Sequential",
    "analyse",
    "build",
    "export",
    "inspect",
    "load",
    "parse",
]


def __getattr__(name: str) -> object:
    if name == "export":
        return importlib.import_module("hubel.export")  # a room that can be called
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    from hubel.arch import layers

    if name in layers.__all__:
        return getattr(layers, name)
    raise AttributeError(f"module 'hubel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
