"""Pictures and points from a source: which belong together, at one size, each point in its picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from hubel.base.names import listing
from hubel.data import Fit, FitRule, Splits, Validation, _marked
from hubel.data._marked import Frame, Row, empty_line, heads, odd_lines, sized
from hubel.data.points.annotations import UNSEEN, Annotations, Individual, Pairs, Point, paired, pairs_of
from hubel.data.points.find import read
from hubel.data.points.targets import AREA, CROWD, FIRST, INDIVIDUAL, KIND, Points
from hubel.data.sources.layout import Layout

if TYPE_CHECKING:
    from hubel.data import Progress

_SMALL = 25  # per cent of the individuals that are smaller than what the size is chosen by
_SIDE = 128  # pixels of the longer side that such small individuals get
_LEAST, _MOST = 192, 1024  # of the longer side
_MARGIN = 0.1  # of the longer side around an individual's points, that belongs to it where no box is told
_TRIED = 1000  # individuals by which it is told which points are near each other
_POINT = 0.05  # of a picture's longer side that an individual of one point has
Seen: TypeAlias = _marked.Seen[Individual]
Checked: TypeAlias = _marked.Checked[Individual, Annotations]
_OUTSIDE, TWICE = "left out: its box is outside the picture", "with two points at one place"
THINGS = {"": ("point", "points"), **dict.fromkeys((_OUTSIDE, TWICE), ("individual", "individuals"))}  # that may be odd


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
    """Pictures and points: COCO's JSON with keypoints, DeepLabCut's tables, or a table with x and y of each point.

    Points outside their picture are unseen, and named in the notes. Which points are left and right of each other, and
    change places in mirrored pictures, their names say. Where no size is said, small individuals (a quarter are
    smaller) get a longer side of 128 pixels, and the longer side of pictures 192 to 1,024, no more than it has.
    Pictures are padded, so that no point is lost. The rest: as `hubel.data.load`.

    Raises DataError where labels and pictures do not match; ImageError at the first file that cannot be used, unless
    bad_images is "skip".
    """
    found = checked(source, Layout.of_parts(source, others, "pictures with points"), progress)
    names, pairs, bones = found.annotations.points, pairs_of(found.annotations.points), bones_of(found)

    def rows(seen: Sequence[Seen], size: tuple[int, int], fit: Fit) -> Row:
        return rows_of(seen, len(names), size, fit)

    def targets(rows: Row) -> Points:
        return Points(rows, names, pairs, bones)

    settings = size or usual_size(found.training), channels, fit, validation, bad_images, workers, progress
    return _marked.decode(source, found, rows, targets, *settings, "points", _told(found, bones))


def checked(source: str | os.PathLike[str], layout: Layout, progress: Progress | None) -> Checked:
    """What a source says, held against the headers of its pictures. Raises DataError where nothing matches."""
    found = Checked(read(Path(source).expanduser(), layout))
    _marked.check(source, found, "points", _in_picture, progress)
    return found


def bones_of(found: Checked) -> Pairs:
    """Which points are joined when they are drawn: as the file says, else each with those it is usually nearest to, so
    that all hang together, on the left as on the right.
    """
    said = found.annotations
    if said.bones:
        return said.bones
    pairs = pairs_of(said.points)
    other = {**dict(pairs), **{right: left for left, right in pairs}}
    near = _nearest(found.seen, len(said.points))
    mirrored = [(other.get(one, one), other.get(two, two)) for one, two in near]
    return tuple(dict.fromkeys((min(bone), max(bone)) for bone in (*near, *mirrored)))


def _in_picture(found: Checked, individuals: Sequence[Individual], frame: Frame) -> Iterator[Individual]:
    """A picture's individuals in shares of it, each with a box around and an area in pixels."""
    size = frame.size
    slack = 1.0 / min(size)  # a pixel is a matter of how one counts
    for one in individuals:
        points: list[Point] = []
        for name, (x, y, seen) in zip(found.annotations.points, one.points, strict=True):
            across, down = frame.place(x, y)
            outside = not (-slack <= across <= 1 + slack and -slack <= down <= 1 + slack)
            if outside and seen:
                found.leave_out("left out: outside the picture", f"{one.place}, {name}")
            points.append((min(1 - 1e-6, max(0.0, across)), min(1 - 1e-6, max(0.0, down)), UNSEEN if outside else seen))
        box = frame.box(one.box) if one.box is not None else _around(points, size)
        if box is None:
            continue
        left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in box)
        if right <= left or bottom <= top:
            found.leave_out(_OUTSIDE, one.place)
            continue
        area = one.area or (right - left) * (bottom - top) * size[0] * size[1]
        yield one._replace(points=tuple(points), box=(left, top, right, bottom), area=area)


def _around(points: Sequence[Point], size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """A box around the points that are told, with a margin; None where there are none."""
    there = np.array([point[:2] for point in points if point[2]])
    if not len(there):
        return None
    span = np.ptp(there, axis=0) * size[::-1]
    margin = _MARGIN * span.max() if span.max() else _POINT * max(size) / 2
    around = np.array([margin / size[1], margin / size[0]])
    left, top, right, bottom = np.concatenate([there.min(0) - around, there.max(0) + around]).tolist()
    return left, top, right, bottom


def usual_size(seen: Sequence[Seen]) -> tuple[int, int]:
    """The height and width by rule (see `load`), multiples of 16."""

    def smallest(scale: Callable[[Seen], float]) -> float:
        sides = [side(one, each.size) * scale(each) for each in seen for one in each.marks if not one.crowd]
        return float(np.percentile(sides, _SMALL)) if sides else 1.0

    return sized(seen, smallest, _SIDE, _LEAST, _MOST)


def side(one: Individual, size: tuple[int, int]) -> float:
    """The longer side of an individual's box, in pixels of the picture."""
    left, top, right, bottom = one.box or (0.0, 0.0, 0.0, 0.0)
    return max((right - left) * size[1], (bottom - top) * size[0])


def rows_of(seen: Sequence[Seen], number: int, size: tuple[int, int], fit: Fit) -> Row:
    """The rows of `Points` for pictures that are brought to a size."""
    most = max((len(each.marks) for each in seen), default=0)
    rows = np.zeros((len(seen), 1 + most, FIRST + 3 * number), np.float32)
    for each, own, frame in zip(seen, rows, heads(rows, seen, size, fit), strict=True):
        low, span = frame[:2], frame[2:] - frame[:2]
        for row, one in zip(own[1:], each.marks, strict=False):
            row[:4] = np.clip(np.tile(low, 2) + np.array(one.box) * np.tile(span, 2), 0, 1)
            points = np.array(one.points, np.float64)
            points[:, :2] = low + points[:, :2] * span
            points[~((points[:, :2] >= 0) & (points[:, :2] < 1)).all(1), 2] = UNSEEN  # where the picture is cropped
            row[FIRST:] = points.ravel()
            row[AREA] = one.area
            passed_over = one.crowd or not points[:, 2].any()
            row[KIND] = (CROWD if passed_over else INDIVIDUAL) if (row[2:4] > row[:2]).all() else 0
    return rows


def _nearest(seen: Sequence[Seen], number: int) -> Pairs:
    """The shortest tree over the points, by how far they are apart in the middle (Prim 1957)."""
    own = [(one.points, each.size) for each in seen for one in each.marks if not one.crowd][:_TRIED]
    places = np.array([points for points, _ in own], np.float64).reshape(len(own), number, 3)
    places[places[..., 2] == 0] = np.nan
    places[..., :2] *= np.array([size[::-1] for _, size in own], np.float64).reshape(-1, 1, 2)
    apart = np.full((number, number), np.inf)
    for one in range(number):
        away = np.sqrt(((places[:, one, None, :2] - places[:, :, :2]) ** 2).sum(2))
        known = ~np.isnan(away).all(0)
        apart[one, known] = np.nanmedian(away[:, known], 0) if known.any() else np.inf
    inside: list[int] = [0] if number else []
    found: list[tuple[int, int]] = []
    while len(inside) < number:
        outside = [place for place in range(number) if place not in inside]
        shortest = apart[np.ix_(inside, outside)]
        one, other = divmod(int(shortest.argmin()), len(outside))
        if np.isfinite(shortest[one, other]):
            found.append((inside[one], outside[other]))
        inside.append(outside[other])
    return tuple(found)


def joined(found: Checked, bones: Pairs) -> Iterator[str]:
    """The sentence about what is joined, where the file does not say it and there is something."""
    if bones and not found.annotations.bones:
        names = found.annotations.points
        told = listing([f"{names[one]}–{names[other]}" for one, other in bones], 6)
        yield f"no skeleton is told: drawn are points joined to those that they are usually nearest to ({told})"


def _told(found: Checked, bones: Pairs) -> Iterator[str]:
    names = found.annotations.points
    yield paired(names, pairs_of(names))
    yield from joined(found, bones)
    yield from odd_lines(found.odd, THINGS)
    yield from empty_line(found.training, "point", "training ")
