"""Which format the points of a source are in, and what they say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hubel.base.errors import DataError
from hubel.data.points import coco, deeplabcut, table
from hubel.data.points.annotations import Annotations
from hubel.data.sources.layout import Layout

_KNOWN = "COCO's JSON with keypoints, DeepLabCut's tables, or a table with x and y of each point"


def recognises(source: str | os.PathLike[str]) -> bool:
    """Whether a path has points beside pictures, in a format that is known."""
    return _reader(Path(source).expanduser()) is not None


def read(root: Path, layout: Layout) -> Annotations:
    """All annotations of a source. Raises DataError where there are none."""
    reader = _reader(root)
    if reader is None:
        raise DataError(f"{root}: expected points ({_KNOWN}), found none")
    found = reader(root, layout)
    if not found.points and not found.problems:
        raise DataError(f"{root}: expected points ({found.format}), found the name of none")
    return found


def _reader(root: Path) -> Callable[[Path, Layout], Annotations] | None:
    return next((each.read for each in (coco, deeplabcut, table) if each.recognises(root)), None)
