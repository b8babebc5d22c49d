"""Looking at what layers do, step by step, for one's own model and image.

`byhand` does convolutions and pooling by hand (standard library only). All else works on a trained model
(`hubel.tasks.LoadedModel`) and gives arrays first, and from them figures: `unit` one number and all that made it,
`inside` maps and filters, `attribution` where the network looked, `errors` what it gets wrong, `retrieve` alike images
and all as points, `made` pictures that gradients make. `access` gets at what they need, `figures` draws what they find.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from hubel.base.rooms import later

if TYPE_CHECKING:
    from hubel.look.access.record import Record, record
    from hubel.look.access.sample import Sample, sample
    from hubel.look.attribution import Attributions, Map, grad_cam, integrated_gradients, occlusion, saliency
    from hubel.look.errors.furthest import Furthest
    from hubel.look.errors.mistakes import Calibration, ClassScores, Mistakes
    from hubel.look.inside.changes import Changes
    from hubel.look.retrieve.find import Found
    from hubel.look.retrieve.index import Index, IndexFileError
    from hubel.look.retrieve.projection import Space
    from hubel.view.figures.scale import Scale
    from hubel.view.figures.sprite import Sprite, sprite
    from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure

_HOMES = {
    "hubel.look.access.record": ("Record", "record"),
    "hubel.look.access.sample": ("Sample", "Subject", "sample", "subject"),
    "hubel.look.attribution": ("Attributions", "Map", "grad_cam", "integrated_gradients", "occlusion", "saliency"),
    "hubel.look.errors.furthest": ("Furthest",),
    "hubel.look.errors.mistakes": ("Calibration", "ClassScores", "Mistakes"),
    "hubel.look.inside.changes": ("Changes",),
    "hubel.look.retrieve.find": ("Found",),
    "hubel.look.retrieve.index": ("Index", "IndexFileError"),
    "hubel.look.retrieve.projection": ("Space",),
    "hubel.view.figures.tiles": ("Chart", "Plate", "Section", "Tile", "TiledFigure"),
    "hubel.view.figures.scale": ("Scale",),
    "hubel.view.figures.sprite": ("Sprite", "sprite"),
}
_MOVED = {  # modules by the names that they had before there were rooms
    f"{__name__}.{name}": f"{__name__}.{room}.{name}"
    for room, names in {
        "byhand": "convolve grids kernels stepping",
        "errors": "mistakes",
        "inside": "changes filters maps",
        "made": "dream style",
        "retrieve": "find",
    }.items()
    for name in names.split()
} | {f"{__name__}.space": f"{__name__}.retrieve.projection"}

__all__ = [
    "Attributions",
    "Calibration",
    "Changes",
    "Chart",
    "ClassScores",
    "Found",
    "Furthest",
    "Index",
    "IndexFileError",
    "Map",
    "Mistakes",
    "Record",
    "Sample",
    "Scale",
    "Section",
    "Space",
    "Sprite",
    "Tile",
    "TiledFigure",
    "grad_cam",
    "integrated_gradients",
    "occlusion",
    "record",
    "saliency",
    "sample",
    "sprite",
]


__getattr__ = later(__name__, _HOMES)  # a convolution by hand needs no torch


class _Moved(MetaPathFinder, Loader):
    """Gives a room's module for the name that it had: the same module, not a copy."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in _MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(_MOVED[module.__name__])


sys.meta_path.append(_Moved())
