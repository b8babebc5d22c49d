"""A model that leaves: written in standard forms, with its preparation inside, and checked against `predict`.

`hubel.export(model, path)` writes one; this room can be called because of that.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hubel.base.rooms import called

if TYPE_CHECKING:
    from hubel.export.check import Check, SkewError
    from hubel.export.exported import Exported, export
    from hubel.export.onnx.write import onnx_model
    from hubel.export.opened import open_onnx
    from hubel.export.source import Source

__all__ = ["Check", "Exported", "SkewError", "Source", "export", "onnx_model", "open_onnx"]

_HOMES = {
    "Check": "check",
    "Exported": "exported",
    "SkewError": "check",
    "Source": "source",
    "export": "exported",
    "onnx_model": "onnx.write",
    "open_onnx": "opened",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'hubel.export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hubel.export.{_HOMES[name]}"), name)


def _exported(model: Any, path: Any, **settings: Any) -> Exported:
    from hubel.export.exported import export

    return export(model, path, **settings)


called(__name__, _exported)
