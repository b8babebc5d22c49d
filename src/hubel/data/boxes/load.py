"""Pictures and boxes from a source: which belong together, at one size, each box in its picture."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base import limits
from hubel.base.errors import DataError, LimitError
from hubel.data import Fit, FitRule, ImageError, Splits, Validation
from hubel.data._beside import decode_beside, stop_at
from hubel.data.boxes.annotations import Annotated, Annotations, Box
from hubel.data.boxes.find import read
from hubel.data.boxes.targets import AREA, CLASS, CROWD, NOTHING, NUMBER, WIDTH, Boxes
from hubel.data.decode.image import formats_of
from hubel.data.decode.parallel import workers_here
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import natural_key, some
from hubel.data.sources.parts import PARTS

if TYPE_CHECKING:
    from hubel.data import Progress

_SMALL = 25  # per cent of the objects of the class of the smallest that are smaller than what the size is chosen by
_SIDE = 18  # pixels of a side that such small objects get
_LEAST, _MOST = 256, 1024  # of the longer side
_MULTIPLE = 16  # of which sides are, so that networks may halve them evenly


class Seen(NamedTuple):
    """A picture with what its header tells. size: height and width, upright. turned: whether its rows lie across, and
    how (EXIF's number). boxes: those that are whole, in shares of the picture.
    """

    annotated: Annotated
    part: str
    size: tuple[int, int]
    boxes: tuple[Box, ...]


@dataclasses.dataclass
class Checked:
    """Pictures that can be used, with their boxes; what cannot be used, and what is odd and left out or mended."""

    annotations: Annotations
    seen: list[Seen]
    problems: list[ImageError]
    odd: dict[str, list[str]]  # by kind: the places


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
    stop_at(found.problems, bad_images)
    kind = found.annotations.classes
    training = [seen for seen in found.seen if seen.part == "train"]
    height, width = size or usual_size(training or found.seen)
    chosen: Fit = "pad" if fit == "auto" else fit

    def boxes(numbers: list[int]) -> Boxes:
        rows = rows_of([found.seen[number] for number in numbers], kind, (height, width), chosen)
        rows[:, 0, NUMBER] = numbers
        return Boxes(rows, tuple(kind), tuple(kind.values()))

    files = {part: [seen.annotated.path for seen in found.seen if seen.part == part] for part in PARTS}
    settings = (height, width), channels, chosen, validation, bad_images, workers, progress
    notes = [*found.annotations.notes, *_told(found, (height, width), training)]
    return decode_beside(source, files, boxes, *settings, framed=chosen, notes=notes, problems=found.problems)


def checked(source: str | os.PathLike[str], layout: Layout, progress: Progress | None) -> Checked:
    """What a source says, held against the headers of its pictures. Raises DataError where nothing matches."""
    annotations = read(Path(source).expanduser(), layout)
    own = {part: sorted(each, key=lambda one: natural_key(one.path)) for part, each in annotations.parts.items()}
    entries = [(part, each) for part in PARTS for each in own.get(part, ())]
    if not entries:
        first = (
            f"; the first of {len(annotations.problems):,}: {annotations.problems[0]}" if annotations.problems else ""
        )
        raise DataError(f"{source}: expected pictures with boxes ({annotations.format}), found none that match{first}")
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


def header_of(path: str) -> tuple[tuple[int, int], int] | ImageError:
    """The height and width of a picture, upright, and EXIF's number of how it lies (1: as it is)."""
    try:
        with open(path, "rb") as file:
            kinds = formats_of(file.read(32), path)
        with Image.open(path, formats=kinds) as picture:
            turned = picture.getexif().get(0x0112, 1)
            width, height = picture.size[::-1] if turned in (5, 6, 7, 8) else picture.size
            return (height, width), turned if turned in range(1, 9) else 1
    except ImageError as error:
        return error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return ImageError(path, f"cannot be read ({error})")


def _hold_against(found: Checked, part: str, each: Annotated, header: tuple[tuple[int, int], int]) -> None:
    """Take a picture's boxes in shares of it, as it is upright."""
    size, turned = header
    lying = turned in (5, 6, 7, 8) and each.size == size[::-1] != size  # measured before it was turned
    if each.size is not None and each.size != size and not lying:
        stated = "×".join(map(str, each.size))
        found.problems.append(
            ImageError(each.path, f"is {size[0]}×{size[1]}, and its annotation says {stated}: its boxes lie elsewhere")
        )
        return
    try:
        limits.check("boxes", len(each.boxes), each.path)
    except LimitError as error:
        found.problems.append(ImageError(each.path, str(error)))
        return
    height, width = (1, 1) if each.in_shares else size[::-1] if lying else size
    boxes: list[Box] = []
    for box in each.boxes:
        if why := box.wrong():
            found.odd.setdefault("left out: no box", []).append(f"{box.place}: {why}")
            continue
        edges = [box.left / width, box.top / height, box.right / width, box.bottom / height]
        edges = _turned(edges, turned) if lying else edges
        cut = [min(1.0, max(0.0, edge)) for edge in edges]
        slack = 1.5 / min(size)  # a pixel is a matter of how one counts
        if cut[2] - cut[0] <= 1e-9 or cut[3] - cut[1] <= 1e-9:
            found.odd.setdefault("left out: outside the picture", []).append(box.place)
            continue
        if any(abs(edge - own) > slack for edge, own in zip(edges, cut, strict=True)):
            found.odd.setdefault("cut at the picture's edge", []).append(box.place)
        whole = box._replace(left=cut[0], top=cut[1], right=cut[2], bottom=cut[3])
        if any(whole[:5] == other[:5] for other in boxes):
            found.odd.setdefault("left out: twice the same", []).append(box.place)
            continue
        area = box.area or (cut[2] - cut[0]) * (cut[3] - cut[1]) * size[0] * size[1]
        boxes.append(whole._replace(area=area))
    found.seen.append(Seen(each, part, size, tuple(boxes)))


def _turned(edges: Sequence[float], how: int) -> list[float]:
    """A box in shares of a picture, where the picture is once it is turned as EXIF says (5 to 8)."""
    left, top, right, bottom = edges
    across = (top, bottom) if how in (5, 8) else (1 - bottom, 1 - top)
    down = (left, right) if how in (5, 6) else (1 - right, 1 - left)
    return [across[0], down[0], across[1], down[1]]


def usual_size(seen: Sequence[Seen]) -> tuple[int, int]:
    """The height and width by rule (see `load`), multiples of 16."""
    longest = np.array([max(each.size) for each in seen], np.float64)
    shares: dict[str, list[float]] = {}
    for each in seen:
        for box in each.boxes:
            area = (box.right - box.left) * each.size[1] * (box.bottom - box.top) * each.size[0]
            shares.setdefault(box.name, []).append(float(np.sqrt(area)) / max(each.size))
    small = min((float(np.percentile(own, _SMALL)) for own in shares.values()), default=1.0)
    own = float(np.median(longest))
    longer = min(max(_LEAST, _SIDE / max(small, 1e-9)), _MOST, max(own, 64))
    shape = float(np.clip(np.median([each.size[1] / each.size[0] for each in seen]), 1 / 4, 4))
    height, width = (longer / shape, longer) if shape > 1 else (longer, longer * shape)
    return rounded(height), rounded(width)


def rounded(side: float) -> int:
    """A side of images in pixels: the nearest multiple of 16, at least one."""
    return max(_MULTIPLE, round(side / _MULTIPLE) * _MULTIPLE)


def rows_of(
    seen: Sequence[Seen], classes: Mapping[str, int], size: tuple[int, int], fit: Fit
) -> npt.NDArray[np.float32]:
    """The rows of `Boxes` for pictures that are brought to a size."""
    place = {name: number for number, name in enumerate(classes)}
    most = max((len(each.boxes) for each in seen), default=0)
    rows = np.zeros((len(seen), 1 + most, WIDTH), np.float32)
    rows[:, 1:, CLASS] = NOTHING
    for each, own in zip(seen, rows, strict=True):
        left, top, right, bottom = placed(each.size, size, fit)
        own[0] = (left, top, right, bottom, *each.size, 0)
        kept = 1
        for box in each.boxes:
            edges = (
                left + box.left * (right - left),
                top + box.top * (bottom - top),
                left + box.right * (right - left),
                top + box.bottom * (bottom - top),
            )
            cut = np.clip(edges, 0, 1)  # where the picture is cropped
            if cut[2] > cut[0] and cut[3] > cut[1]:
                own[kept, :4] = cut
                own[kept, CLASS], own[kept, CROWD], own[kept, AREA] = place[box.name], box.crowd, box.area
                kept += 1
    return rows


def placed(picture: tuple[int, int], size: tuple[int, int], fit: Fit) -> tuple[float, float, float, float]:
    """Where a picture (height, width) lies in an image of `size` that `fit_image` makes of it: its left, top, right and
    bottom edges, in shares of the image; beyond it where it is cropped.
    """
    if fit == "stretch" or picture == size:
        return 0.0, 0.0, 1.0, 1.0
    if fit == "pad":
        scale = min(size[0] / picture[0], size[1] / picture[1])
        rows, columns = (max(1, round(side * scale)) for side in picture)
        top, left = (size[0] - rows) // 2 / size[0], (size[1] - columns) // 2 / size[1]
        return left, top, left + columns / size[1], top + rows / size[0]
    scale = max(size[0] / picture[0], size[1] / picture[1])
    down, across = picture[0] * scale / size[0], picture[1] * scale / size[1]
    return (1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2


def nothing_shown(pictures: str, count: int) -> str:
    """The sentence about so many pictures without an object."""
    show, teach = ("shows", "teaches") if count == 1 else ("show", "teach")
    return f"{pictures} {show} no object, and {teach} where none is"


def odd_lines(odd: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is to be said of boxes that are left out or cut, by kind, with the first places."""
    for kind, places in odd.items():
        yield f"{len(places):,} box{'es' * (len(places) > 1)} {kind} ({some(places, 2)})"


def _told(found: Checked, size: tuple[int, int], training: Sequence[Seen]) -> Iterator[str]:
    counts = {part: sum(seen.part == part for seen in found.seen) for part in PARTS}
    parts = ", ".join(f"{count:,} {part}" for part, count in counts.items() if count)
    yield f"boxes are read as {found.annotations.format} has them: pictures {parts}"
    yield from odd_lines(found.odd)
    empty = sum(not seen.boxes for seen in training)
    if empty:
        yield nothing_shown(f"{empty:,} of {len(training):,} training pictures", empty)
    if found.problems:
        yield f"left out: {len(found.problems):,} files ({found.problems[0].path}: {found.problems[0].reason})"
    short = [
        min((box.right - box.left) * size[1], (box.bottom - box.top) * size[0])
        for seen in training
        for box in seen.boxes
    ]
    small = float(np.percentile(short, _SMALL)) if short else 8.0
    if small < 8:
        yield (
            f"at {size[0]}×{size[1]} a quarter of the objects are less than {small:.1f} pixels wide or high, which are "
            "hard to find; a larger --input makes them larger"
        )
