"""Pictures and boxes from a source: which belong together, at one size, each box in its picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from hubel.data import Fit, FitRule, Splits, Validation, _marked
from hubel.data._marked import Frame, Row, empty_line, heads, odd_lines, sized
from hubel.data.boxes.annotations import Annotations, Box
from hubel.data.boxes.find import read
from hubel.data.boxes.targets import AREA, CLASS, CROWD, NOTHING, WIDTH, Boxes
from hubel.data.sources.layout import Layout

if TYPE_CHECKING:
    from hubel.data import Progress

_SMALL = 25  # per cent of the objects of the class of the smallest that are smaller than what the size is chosen by
_SIDE = 18  # pixels of a side that such small objects get
_LEAST, _MOST = 256, 1024  # of the longer side
Seen: TypeAlias = _marked.Seen[Box]
Checked: TypeAlias = _marked.Checked[Box, Annotations]
THINGS = {"": ("box", "boxes")}  # that may be odd


def load(
    source: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: FitRule = "auto",
    validation: Validation = 0.0,
    bad_images: Literal["stop", "skip"] = "stop",
    workers: int | None = None,
    progress: Progress | None = None,
    **others: object,
) -> Splits:
    """Pictures and boxes: COCO's JSON, YOLO's text files, VOC's XML, or a table with a box a line.

    Boxes without width or height, and those outside their picture, are left out, and named in the notes; boxes that go
    beyond its edge are cut there. Where no size is said, the small ones among the objects of each class (a quarter are
    smaller) get a side of at least 18 pixels, and the longer side of pictures 256 to 1,024, no more than it has.
    Pictures are padded, so that no object is lost. The rest: as `hubel.data.load`.

    Raises DataError where labels and pictures do not match; ImageError at the first file that cannot be used, unless
    bad_images is "skip".
    """
    found = checked(source, Layout.of_parts(source, others, "pictures with boxes"), progress)
    classes = found.annotations.classes

    def rows(seen: Sequence[Seen], size: tuple[int, int], fit: Fit) -> Row:
        return rows_of(seen, tuple(classes), size, fit)

    def targets(rows: Row) -> Boxes:
        return Boxes(rows, tuple(classes), tuple(classes.values()))

    size = size or usual_size(found.training)
    settings = size, channels, fit, validation, bad_images, workers, progress
    return _marked.decode(source, found, rows, targets, *settings, "boxes", _told(found, size))


def checked(source: str | os.PathLike[str], layout: Layout, progress: Progress | None) -> Checked:
    """What a source says, held against the headers of its pictures. Raises DataError where nothing matches."""
    found = Checked(read(Path(source).expanduser(), layout))
    _marked.check(source, found, "boxes", _whole, progress)
    return found


def _whole(found: Checked, boxes: Sequence[Box], frame: Frame) -> Iterator[Box]:
    """A picture's boxes in shares of it, cut at its edges."""
    slack = 1.5 / min(frame.size)  # a pixel is a matter of how one counts
    taken = set()
    for box in boxes:
        if why := box.wrong():
            found.leave_out("left out: no box", f"{box.place}: {why}")
            continue
        edges = frame.box(box[1:5])
        cut = tuple(min(1.0, max(0.0, edge)) for edge in edges)
        if cut[2] - cut[0] <= 1e-9 or cut[3] - cut[1] <= 1e-9:
            found.leave_out("left out: outside the picture", box.place)
            continue
        if any(abs(edge - own) > slack for edge, own in zip(edges, cut, strict=True)):
            found.leave_out("cut at the picture's edge", box.place)
        if (box.name, cut) in taken:
            found.leave_out("left out: twice the same", box.place)
            continue
        taken.add((box.name, cut))
        area = box.area or (cut[2] - cut[0]) * (cut[3] - cut[1]) * frame.size[0] * frame.size[1]
        yield box._replace(left=cut[0], top=cut[1], right=cut[2], bottom=cut[3], area=area)


def usual_size(seen: Sequence[Seen]) -> tuple[int, int]:
    """The height and width by rule (see `load`), multiples of 16."""

    def smallest(scale: Callable[[Seen], float]) -> float:
        sides: dict[str, list[float]] = {}
        for each in seen:
            for box in each.marks:
                area = (box.right - box.left) * each.size[1] * (box.bottom - box.top) * each.size[0]
                sides.setdefault(box.name, []).append(float(np.sqrt(area)) * scale(each))
        return min((float(np.percentile(own, _SMALL)) for own in sides.values()), default=1.0)

    return sized(seen, smallest, _SIDE, _LEAST, _MOST)


def rows_of(seen: Sequence[Seen], classes: Sequence[str], size: tuple[int, int], fit: Fit) -> Row:
    """The rows of `Boxes` for pictures that are brought to a size."""
    place = {name: number for number, name in enumerate(classes)}
    most = max((len(each.marks) for each in seen), default=0)
    rows = np.zeros((len(seen), 1 + most, WIDTH), np.float32)
    rows[:, 1:, CLASS] = NOTHING
    for each, own, frame in zip(seen, rows, heads(rows, seen, size, fit), strict=True):
        low, span = np.tile(frame[:2], 2), np.tile(frame[2:] - frame[:2], 2)
        kept = 1
        for box in each.marks:
            cut = np.clip(low + np.array(box[1:5]) * span, 0, 1)  # where the picture is cropped
            if cut[2] > cut[0] and cut[3] > cut[1]:
                own[kept, :4] = cut
                own[kept, CLASS], own[kept, CROWD], own[kept, AREA] = place[box.name], box.crowd, box.area
                kept += 1
    return rows


def _told(found: Checked, size: tuple[int, int]) -> Iterator[str]:
    yield from odd_lines(found.odd, THINGS)
    yield from empty_line(found.training, "object", "training ")
    short = [
        min((box.right - box.left) * size[1], (box.bottom - box.top) * size[0])
        for seen in found.training
        for box in seen.marks
    ]
    small = float(np.percentile(short, _SMALL)) if short else 8.0
    if small < 8:
        yield (
            f"at {size[0]}×{size[1]} a quarter of the objects are less than {small:.1f} pixels wide or high, which are "
            "hard to find; a larger --input makes them larger"
        )
