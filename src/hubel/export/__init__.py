"""A model that leaves: written in standard forms, with its preparation inside, and checked against `predict`.

`hubel.export(model, path)` writes one; this room can be called because of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubel.base.rooms import called, later

if TYPE_CHECKING:
    from hubel.export.check import Check, SkewError
    from hubel.export.exported import Exported, export
    from hubel.export.onnx.write import onnx_model
    from hubel.export.opened import open_onnx
    from hubel.export.source import Source

__all__ = ["Check", "Exported", "SkewError", "Source", "export", "onnx_model", "open_onnx"]

_HOMES = {
    "Check": "hubel.export.check",
    "Exported": "hubel.export.exported",
    "SkewError": "hubel.export.check",
    "Source": "hubel.export.source",
    "export": "hubel.export.exported",
    "onnx_model": "hubel.export.onnx.write",
    "open_onnx": "hubel.export.opened",
}


__getattr__ = later(__name__, _HOMES)


def _exported(model: Any, path: Any, **settings: Any) -> Exported:
    from hubel.export.exported import export

    return export(model, path, **settings)


called(__name__, _exported)
