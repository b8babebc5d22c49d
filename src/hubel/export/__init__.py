"""A model that leaves: written in standard forms, with its preparation inside, and checked against `predict`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubel.export.onnx.write import onnx_model
    from hubel.export.source import Source

__all__ = ["Source", "onnx_model"]

_HOMES = {"onnx_model": "hubel.export.onnx.write", "Source": "hubel.export.source"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'hubel.export' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
