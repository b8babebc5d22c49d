"""Pictures and points from a source: which belong together, at one size, each point in its picture."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hubel.base import limits
from hubel.base.errors import DataError, LimitError
from hubel.base.names import listing
from hubel.base.numbers import counted
from hubel.data import Fit, FitRule, ImageError, Splits, Validation
from hubel.data._beside import decode_beside, stop_at
from hubel.data.boxes.load import header_of, placed, rounded
from hubel.data.decode.parallel import workers_here
from hubel.data.points.annotations import UNSEEN, Annotated, Annotations, Individual, Pairs, Point, paired, pairs_of
from hubel.data.points.find import read
from hubel.data.points.targets import AREA, CROWD, FIRST, INDIVIDUAL, KIND, NUMBER, Points
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import natural_key, some
from hubel.data.sources.parts import PARTS

if TYPE_CHECKING:
    from hubel.data import Progress

_SMALL = 25  # per cent of the individuals that are smaller than what the size is chosen by
_SIDE = 128  # pixels of the longer side that such small individuals get
_LEAST, _MOST = 192, 1024  # of the longer side
_MARGIN = 0.1  # of the longer side around an individual's points, that belongs to it where no box is told
_TRIED = 1000  # individuals by which it is told which points are near each other
_POINT = 0.05  # of a picture's longer side that an individual of one point has


class Seen(NamedTuple):
    """A picture with what its header tells. size: height and width, upright. individuals: places in shares of it, each
    with a box around and an area in pixels.
    """

    annotated: Annotated
    part: str
    size: tuple[int, int]
    individuals: tuple[Individual, ...]


@dataclasses.dataclass
class Checked:
    """Pictures that can be used, with their individuals; what cannot be used, and what is odd and left out."""

    annotations: Annotations
    seen: list[Seen]
    problems: list[ImageError]
    odd: dict[str, list[str]]  # by kind: the places

    @property
    def pairs(self) -> Pairs:
        """Left and right, by the points' names."""
        return pairs_of(self.annotations.points)

    @functools.cached_property
    def bones(self) -> Pairs:
        """Which points are joined when they are drawn: as the file says, else each with those it is usually nearest to,
        so that all hang together, on the left as on the right.
        """
        if self.annotations.bones:
            return self.annotations.bones
        other = {**dict(self.pairs), **{right: left for left, right in self.pairs}}
        found = _nearest(self.seen, len(self.annotations.points))
        mirrored = [(other.get(one, one), other.get(two, two)) for one, two in found]
        return tuple(dict.fromkeys((min(bone), max(bone)) for bone in (*found, *mirrored)))


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
    stop_at(found.problems, bad_images)
    training = [seen for seen in found.seen if seen.part == "train"]
    height, width = size or usual_size(training or found.seen)
    names = found.annotations.points
    chosen: Fit = "pad" if fit == "auto" else fit

    def points(numbers: list[int]) -> Points:
        rows = rows_of([found.seen[number] for number in numbers], len(names), (height, width), chosen)
        rows[:, 0, NUMBER] = numbers
        return Points(rows, names, found.pairs, found.bones)

    files = {part: [seen.annotated.path for seen in found.seen if seen.part == part] for part in PARTS}
    settings = (height, width), channels, chosen, validation, bad_images, workers, progress
    notes = (*found.annotations.notes, *_told(found, training))
    return decode_beside(source, files, points, *settings, framed=chosen, notes=notes, problems=found.problems)


def checked(source: str | os.PathLike[str], layout: Layout, progress: Progress | None) -> Checked:
    """What a source says, held against the headers of its pictures. Raises DataError where nothing matches."""
    annotations = read(Path(source).expanduser(), layout)
    own = {part: sorted(each, key=lambda one: natural_key(one.path)) for part, each in annotations.parts.items()}
    entries = [(part, each) for part in PARTS for each in own.get(part, ())]
    if not entries:
        count = len(annotations.problems)
        first = f"; the first of {count:,}: {annotations.problems[0]}" if count else ""
        raise DataError(f"{source}: expected pictures with points ({annotations.format}), found none that match{first}")
    found = Checked(annotations, [], list(annotations.problems), {})
    with ThreadPoolExecutor(workers_here()) as pool:
        headers = pool.map(header_of, [each.path for _, each in entries])
        for done, ((part, each), header) in enumerate(zip(entries, headers, strict=True), 1):
            if isinstance(header, ImageError):
                found.problems.append(header)
            else:
                _hold_against(found, part, each, header)
            if progress is not None and (done % 256 == 0 or done == len(entries)):
                progress("looking at pictures", done, len(entries))
    return found


def _hold_against(found: Checked, part: str, each: Annotated, header: tuple[tuple[int, int], int]) -> None:
    """Take a picture's individuals in shares of it, as it is upright."""
    size, turned = header
    lying = turned in (5, 6, 7, 8) and each.size == size[::-1] != size  # measured before it was turned
    if each.size is not None and each.size != size and not lying:
        stated = "×".join(map(str, each.size))
        why = f"is {size[0]}×{size[1]}, and its annotation says {stated}: its points lie elsewhere"
        found.problems.append(ImageError(each.path, why))
        return
    try:
        limits.check("boxes", len(each.individuals), each.path)
    except LimitError as error:
        found.problems.append(ImageError(each.path, str(error)))
        return
    whole = (1, 1) if each.in_shares else size[::-1] if lying else size
    own = (_in_picture(found, one, whole, size, turned if lying else 1) for one in each.individuals)
    found.seen.append(Seen(each, part, size, tuple(one for one in own if one is not None)))


def _in_picture(
    found: Checked, one: Individual, whole: tuple[int, int], size: tuple[int, int], turned: int
) -> Individual | None:
    """An individual in shares of its picture of `size`; `whole` is what its places are counted in."""
    points: list[Point] = []
    slack = 1.0 / min(size)  # a pixel is a matter of how one counts
    for name, (x, y, seen) in zip(found.annotations.points, one.points, strict=True):
        across, down = _turned(x / whole[1], y / whole[0], turned)
        outside = not (-slack <= across <= 1 + slack and -slack <= down <= 1 + slack)
        if outside and seen:
            found.odd.setdefault("left out: outside the picture", []).append(f"{one.place}, {name}")
        points.append((min(1 - 1e-6, max(0.0, across)), min(1 - 1e-6, max(0.0, down)), UNSEEN if outside else seen))
    there = np.array([point[:2] for point in points if point[2]])
    if one.box is not None:
        edges = np.array(one.box).reshape(2, 2) / whole[::-1]
        corners = np.array([_turned(x, y, turned) for x, y in edges])
        box = np.concatenate([corners.min(0), corners.max(0)])
    elif len(there):
        span = np.ptp(there, axis=0) * size[::-1]
        margin = _MARGIN * span.max() if span.max() else _POINT * max(size) / 2
        around = np.array([margin / size[1], margin / size[0]])
        box = np.concatenate([there.min(0) - around, there.max(0) + around])
    else:
        return None
    left, top, right, bottom = np.clip(box, 0, 1).tolist()
    if right <= left or bottom <= top:
        found.odd.setdefault("left out: its box is outside the picture", []).append(one.place)
        return None
    area = one.area or (right - left) * (bottom - top) * size[0] * size[1]
    return one._replace(points=tuple(points), box=(left, top, right, bottom), area=area)


def _turned(x: float, y: float, how: int) -> tuple[float, float]:
    """A place in shares of a picture, where it is once the picture is turned as EXIF says (5 to 8)."""
    if how not in (5, 6, 7, 8):
        return x, y
    return (y if how in (5, 8) else 1 - y), (x if how in (5, 6) else 1 - x)


def usual_size(seen: Sequence[Seen]) -> tuple[int, int]:
    """The height and width by rule (see `load`), multiples of 16."""
    longest = np.array([max(each.size) for each in seen], np.float64)
    shares = [_side(one, each.size) / max(each.size) for each in seen for one in each.individuals if not one.crowd]
    small = float(np.percentile(shares, _SMALL)) if shares else 1.0
    longer = min(max(_LEAST, _SIDE / max(small, 1e-9)), _MOST, max(float(np.median(longest)), 64))
    shape = float(np.clip(np.median([each.size[1] / each.size[0] for each in seen]), 1 / 4, 4))
    height, width = (longer / shape, longer) if shape > 1 else (longer, longer * shape)
    return rounded(height), rounded(width)


def _side(one: Individual, size: tuple[int, int]) -> float:
    """The longer side of an individual's box, in pixels of the picture."""
    left, top, right, bottom = one.box or (0.0, 0.0, 0.0, 0.0)
    return max((right - left) * size[1], (bottom - top) * size[0])


def rows_of(seen: Sequence[Seen], number: int, size: tuple[int, int], fit: Fit) -> npt.NDArray[np.float32]:
    """The rows of `Points` for pictures that are brought to a size."""
    most = max((len(each.individuals) for each in seen), default=0)
    rows = np.zeros((len(seen), 1 + most, FIRST + 3 * number), np.float32)
    for each, own in zip(seen, rows, strict=True):
        left, top, right, bottom = placed(each.size, size, fit)
        own[0, :NUMBER] = (left, top, right, bottom, *each.size)
        low, span = np.array([left, top]), np.array([right - left, bottom - top])
        for row, one in zip(own[1:], each.individuals, strict=False):
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
    own = [(one.points, each.size) for each in seen for one in each.individuals if not one.crowd][:_TRIED]
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


def joined(found: Checked) -> str:
    """The sentence about what is joined; "" where the file says it, or there is nothing."""
    if found.annotations.bones or not found.bones:
        return ""
    names = found.annotations.points
    told = listing([f"{names[one]}–{names[other]}" for one, other in found.bones], 6)
    return f"no skeleton is told: drawn are points joined to those that they are usually nearest to ({told})"


def odd_lines(odd: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is to be said of points that are left out, by kind, with the first places."""
    for kind, places in odd.items():
        yield f"{len(places):,} {kind} ({some(places, 2)})"


def nothing_shown(count: int, of: int) -> str:
    """The sentence about pictures without a point."""
    return f"{count:,} of {counted(of, 'picture')} show no point, and teach where none is"


def _told(found: Checked, training: Sequence[Seen]) -> Iterator[str]:
    counts = {part: sum(seen.part == part for seen in found.seen) for part in PARTS}
    parts = ", ".join(f"{count:,} {part}" for part, count in counts.items() if count)
    yield f"points are read as {found.annotations.format} has them: pictures {parts}"
    yield paired(found.annotations.points, found.pairs)
    yield from filter(None, [joined(found)])
    yield from odd_lines(found.odd)
    empty = sum(not seen.individuals for seen in training)
    if empty:
        yield nothing_shown(empty, len(training))
    if found.problems:
        yield f"left out: {len(found.problems):,} files or lines (the first: {found.problems[0]})"
