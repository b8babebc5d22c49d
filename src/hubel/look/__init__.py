"""Looking at what layers do, step by step, for one's own model and image.

`hubel.look.convolve` does convolutions and pooling by hand (standard library only), `hubel.look.kernels` has the
well-known kernels, `hubel.look.grids` reads and writes the grids of numbers that both work on. All else works on a
trained model (`hubel.tasks.LoadedModel`) and gives arrays first, and from them a `Plate` of pictures.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubel.look._attribution_result import Attributions, Map
    from hubel.look._index import Index, IndexFileError
    from hubel.look.access.record import Record, record
    from hubel.look.access.subject import Subject, subject
    from hubel.look.attribution import grad_cam, integrated_gradients, occlusion, saliency
    from hubel.look.changes import Changes
    from hubel.look.find import Found
    from hubel.look.mistakes import Calibration, ClassScores, Mistakes
    from hubel.look.space import Space
    from hubel.view.plate import Chart, Plate, Section, Tile
    from hubel.view.scale import Scale
    from hubel.view.sprite import Sprite, sprite

_HOMES = {
    "_attribution_result": ("Attributions", "Map"),
    "view.scale": ("Scale",),
    "_index": ("Index", "IndexFileError"),
    "view.plate": ("Chart", "Plate", "Section", "Tile"),
    "access.record": ("Record", "record"),
    "view.sprite": ("Sprite", "sprite"),
    "access.subject": ("Subject", "subject"),
    "attribution": ("grad_cam", "integrated_gradients", "occlusion", "saliency"),
    "changes": ("Changes",),
    "find": ("Found",),
    "mistakes": ("Calibration", "ClassScores", "Mistakes"),
    "space": ("Space",),
}

__all__ = [
    "Attributions",
    "Calibration",
    "Changes",
    "Chart",
    "ClassScores",
    "Found",
    "Index",
    "IndexFileError",
    "Map",
    "Mistakes",
    "Plate",
    "Record",
    "Scale",
    "Section",
    "Space",
    "Sprite",
    "Subject",
    "Tile",
    "grad_cam",
    "integrated_gradients",
    "occlusion",
    "record",
    "saliency",
    "sprite",
    "subject",
]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():  # loaded when used: a convolution by hand needs no torch
        if name in names:
            where = home if home.startswith("view.") else f"look.{home}"
            return getattr(importlib.import_module(f"hubel.{where}"), name)
    raise AttributeError(f"module 'hubel.look' has no attribute {name!r}")
