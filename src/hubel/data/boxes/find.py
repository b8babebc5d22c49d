"""Which format the annotations of a source are in, and what they say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hubel.base.errors import DataError
from hubel.data.boxes import coco, table, voc, yolo
from hubel.data.boxes.annotations import Annotations
from hubel.data.sources.layout import Layout

_KNOWN = "COCO's JSON, YOLO's text files, VOC's XML, or a table with a box a line"


def recognises(source: str | os.PathLike[str]) -> bool:
    """Whether a path has boxes beside pictures, in a format that is known."""
    return _reader(Path(source).expanduser()) is not None


def read(root: Path, layout: Layout) -> Annotations:
    """All annotations of a source. Raises DataError where there are none."""
    reader = _reader(root)
    if reader is None:
        raise DataError(f"{root}: expected boxes ({_KNOWN}), found none")
    return reader(root, layout)


def _reader(root: Path) -> Callable[[Path, Layout], Annotations] | None:
    """COCO's first, since a folder may hold copies of its boxes in another format."""
    return next((each.read for each in (coco, voc, yolo, table) if each.recognises(root)), None)
