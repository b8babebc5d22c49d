"""Pictures with what files of annotations mark on them, boxes or individuals: held against the pictures, and read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base import limits
from hubel.base.errors import DataError, LimitError
from hubel.base.numbers import counted
from hubel.data._beside import decode_beside, stop_at
from hubel.data._dataset import Fit, Splits
from hubel.data._split import Validation
from hubel.data._survey import FitRule
from hubel.data._targets import Targets
from hubel.data.cache.fill import BadImages
from hubel.data.decode.image import ImageError, formats_of
from hubel.data.decode.parallel import workers_here
from hubel.data.prepare.preprocessing import covered
from hubel.data.sources.listing import natural_key, some
from hubel.data.sources.parts import PARTS

if TYPE_CHECKING:
    from hubel.data import Progress

LEFT, TOP, RIGHT, BOTTOM, ROWS, COLUMNS, NUMBER = range(7)  # of a row that is of the whole picture
_MULTIPLE = 16  # of which sides are, so that networks may halve them evenly
_LYING = (5, 6, 7, 8)  # EXIF's numbers of pictures whose rows lie across
Mark = TypeVar("Mark")
Said = TypeVar("Said", bound="Annotations[Any]")
Row = npt.NDArray[np.float32]


@dataclass
class Annotated(Generic[Mark]):
    """A picture and what is marked on it. size: height and width that the file tells; None where it tells none.
    in_shares: whether places are shares of its width and height, not pixels.
    """

    path: str
    marks: list[Mark] = field(default_factory=list)
    size: tuple[int, int] | None = None
    in_shares: bool = False


@dataclass
class Annotations(Generic[Mark]):
    """All that a source says. format: in words. parts: pictures by "train", "validation", "test". problems: what cannot
    be used. notes: what was taken for what.
    """

    format: str
    parts: dict[str, list[Annotated[Mark]]] = field(default_factory=dict)
    problems: list[ImageError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Seen(Generic[Mark]):
    """A picture with what its header tells. size: height and width, upright. marks: what can be used of those that are
    told, in shares of the picture.
    """

    annotated: Annotated[Mark]
    part: str
    size: tuple[int, int]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Frame:
    """How a file's places lie in a picture. size: its height and width, upright; whole: what places are counted in,
    height and width; turned: how the picture was turned since they were told (EXIF's 5 to 8), 1 where it was not.
    """

    size: tuple[int, int]
    whole: tuple[int, int]
    turned: int

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A file's place in shares of the upright picture."""
        across, down = x / self.whole[1], y / self.whole[0]
        if self.turned not in _LYING:
            return across, down
        return (down if self.turned in (5, 8) else 1 - down), (across if self.turned in (5, 6) else 1 - across)

    def box(self, edges: Sequence[float]) -> tuple[float, float, float, float]:
        """A file's left, top, right and bottom in shares of the upright picture."""
        (left, top), (right, bottom) = self.place(*edges[:2]), self.place(*edges[2:])
        return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


@dataclass
class Checked(Generic[Mark, Said]):
    """Pictures that can be used, with their marks; what cannot be used, and what is odd and left out or mended."""

    annotations: Said
    seen: list[Seen[Mark]] = field(default_factory=list)
    problems: list[ImageError] = field(default_factory=list)
    odd: dict[str, list[str]] = field(default_factory=dict)  # by kind: the places

    @property
    def training(self) -> list[Seen[Mark]]:
        """Those of the training part; all where there is none."""
        return [seen for seen in self.seen if seen.part == "train"] or self.seen

    @property
    def images(self) -> dict[str, int]:
        """How many pictures each part has that has any."""
        return {part: count for part in PARTS if (count := sum(seen.part == part for seen in self.seen))}

    def leave_out(self, why: str, place: str) -> None:
        """Note what is odd and not used, or not as it is told."""
        self.odd.setdefault(why, []).append(place)


Take = Callable[[Checked[Mark, Said], Sequence[Mark], Frame], Iterator[Mark]]


def check(
    source: str | os.PathLike[str],
    found: Checked[Mark, Said],
    noun: str,
    take: Take[Mark, Said],
    progress: Progress | None,
) -> None:
    """Hold what a source says against the headers of its pictures. noun: what is marked. take: which of a picture's
    marks can be used, in shares of it. Raises DataError where nothing matches, or no picture can be used.
    """
    said = found.annotations
    own = {part: sorted(each, key=lambda one: natural_key(one.path)) for part, each in said.parts.items()}
    entries = [(part, each) for part in PARTS for each in own.get(part, ())]
    found.problems += said.problems
    with ThreadPoolExecutor(workers_here()) as pool:
        headers = pool.map(header_of, [each.path for _, each in entries])
        for done, ((part, each), header) in enumerate(zip(entries, headers, strict=True), 1):
            frame = _frame(each, header, noun)
            if isinstance(frame, ImageError):
                found.problems.append(frame)
            else:
                found.seen.append(Seen(each, part, frame.size, tuple(take(found, each.marks, frame))))
            if progress is not None and (done % 256 == 0 or done == len(entries)):
                progress("looking at pictures", done, len(entries))
    if not found.seen:
        first = f"; the first of {len(found.problems):,}: {found.problems[0]}" if found.problems else ""
        match = "can be used" if entries else "match"
        raise DataError(f"{source}: expected pictures with {noun} ({said.format}), found none that {match}{first}")


def header_of(path: str) -> tuple[tuple[int, int], int] | ImageError:
    """The height and width of a picture, upright, and EXIF's number of how it lies (1: as it is)."""
    try:
        with open(path, "rb") as file:
            kinds = formats_of(file.read(32), path)
        with Image.open(path, formats=kinds) as picture:
            turned = picture.getexif().get(0x0112, 1)
            width, height = picture.size[::-1] if turned in _LYING else picture.size
            return (height, width), turned if turned in range(1, 9) else 1
    except ImageError as error:
        return error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return ImageError(path, f"cannot be read ({error})")


def _frame(each: Annotated[Any], header: tuple[tuple[int, int], int] | ImageError, noun: str) -> Frame | ImageError:
    """How a file's places lie in a picture, or why they do not."""
    if isinstance(header, ImageError):
        return header
    size, turned = header
    lying = turned in _LYING and each.size == size[::-1] != size  # measured before it was turned
    if each.size is not None and each.size != size and not lying:
        stated = "×".join(map(str, each.size))
        why = f"is {size[0]}×{size[1]}, and its annotation says {stated}: its {noun} lie elsewhere"
        return ImageError(each.path, why)
    try:
        limits.check("boxes", len(each.marks), each.path)
    except LimitError as error:
        return ImageError(each.path, str(error))
    whole = (1, 1) if each.in_shares else size[::-1] if lying else size
    return Frame(size, whole, turned if lying else 1)


def in_shares(places: Sequence[Sequence[float]]) -> bool:
    """Whether a file's places, each some numbers, are shares of their pictures and not pixels: most lie from 0 to 1,
    some between. Not all need to, since what is at an edge is often told a little beyond it, or as a whole picture.
    """
    within = [each for each in places if all(abs(value) <= 1 for value in each)]
    return 2 * len(within) > len(places) and any(value % 1 for each in within for value in each)


class Rows(Protocol[Mark]):
    """What targets are made of: the rows of pictures brought to one size; the first of each is left to `heads`."""

    def __call__(self, seen: Sequence[Seen[Mark]], size: tuple[int, int], fit: Fit, /) -> Row: ...


def decode(
    source: str | os.PathLike[str],
    found: Checked[Mark, Said],
    rows: Rows[Mark],
    targets: Callable[[Row], Targets],
    size: tuple[int, int],
    channels: int | None,
    fit: FitRule,
    validation: Validation,
    bad_images: BadImages,
    workers: int | None,
    progress: Progress | None,
    noun: str,
    notes: Iterable[str],
) -> Splits:
    """The pictures at one size, with their targets, and what is to be said of them, `notes` too. rows: of pictures, at
    a size, framed so; targets: made of these. noun: what is marked. The rest: as `hubel.data.load`.

    Raises ImageError at the first file that cannot be used, unless bad_images is "skip".
    """
    stop_at(found.problems, bad_images)
    chosen: Fit = "pad" if fit == "auto" else fit

    def of(numbers: list[int]) -> Targets:
        own = rows([found.seen[number] for number in numbers], size, chosen)
        own[:, 0, NUMBER] = numbers
        return targets(own)

    files = {part: [seen.annotated.path for seen in found.seen if seen.part == part] for part in PARTS}
    parts = ", ".join(f"{count:,} {part}" for part, count in found.images.items())
    told = [*found.annotations.notes, f"{noun} are read as {found.annotations.format} has them: pictures {parts}"]
    told += notes
    settings = size, channels, chosen, validation, bad_images, workers, progress
    return decode_beside(source, files, of, *settings, framed=chosen, notes=told, problems=found.problems)


def heads(rows: Row, seen: Sequence[Seen[Any]], size: tuple[int, int], fit: Fit) -> npt.NDArray[np.float64]:
    """Tell in the first row of each picture where it lies in an image of `size`, and how large it is. The former again:
    left, top, right and bottom, N×4.
    """
    frames = np.array([placed(each.size, size, fit) for each in seen], np.float64).reshape(-1, 4)
    rows[:, 0, LEFT : BOTTOM + 1] = frames
    rows[:, 0, [ROWS, COLUMNS]] = np.array([each.size for each in seen], np.float64).reshape(-1, 2)
    return frames


def placed(picture: tuple[int, int], size: tuple[int, int], fit: Fit) -> tuple[float, float, float, float]:
    """Where a picture (height, width) lies in an image of `size` that `fit_image` makes of it: its left, top, right and
    bottom edges, in shares of the image; beyond it where it is cropped.
    """
    if fit == "stretch" or picture == size:
        return 0.0, 0.0, 1.0, 1.0
    if fit == "pad":
        rows, columns = covered(picture, size)
        top, left = (size[0] - rows) // 2 / size[0], (size[1] - columns) // 2 / size[1]
        return left, top, left + columns / size[1], top + rows / size[0]
    scale = max(size[0] / picture[0], size[1] / picture[1])
    down, across = picture[0] * scale / size[0], picture[1] * scale / size[1]
    return (1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2


def sized(
    seen: Sequence[Seen[Any]],
    smallest: Callable[[Callable[[Seen[Any]], float]], float],
    wanted: float,
    least: int,
    most: int,
) -> tuple[int, int]:
    """A height and width for pictures, multiples of 16, of their usual form, such that what is small gets `wanted`
    pixels; the longer side is held between `least` and `most`, and is no more than pictures have. smallest: how large
    that is, where a function says how many times larger than itself each picture becomes.
    """
    longest = float(np.median([max(each.size) for each in seen]))
    shape = float(np.clip(np.median([each.size[1] / each.size[0] for each in seen]), 1 / 4, 4))
    height, width = (1 / shape, 1.0) if shape > 1 else (1.0, shape)  # of a frame whose longer side is 1
    small = smallest(lambda each: min(height / each.size[0], width / each.size[1]))
    longer = min(max(least, wanted / max(small, 1e-9)), most, max(longest, 64))
    return _rounded(height * longer), _rounded(width * longer)


def _rounded(side: float) -> int:
    return max(_MULTIPLE, round(side / _MULTIPLE) * _MULTIPLE)


def odd_lines(odd: Mapping[str, Sequence[str]], things: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """What is to be said of marks that are left out or cut, by kind, with the first places. things: what is odd, one
    and several, by kind; "" for all other kinds.
    """
    for kind, places in odd.items():
        yield f"{counted(len(places), *things.get(kind, things['']))} {kind} ({some(places, 2)})"


def empty_line(seen: Sequence[Seen[Any]], thing: str, of: str = "") -> Iterator[str]:
    """The sentence about pictures without a mark, where there are such."""
    empty = sum(not each.marks for each in seen)
    if empty:
        show, teach = ("shows", "teaches") if empty == 1 else ("show", "teach")
        yield f"{empty:,} of {counted(len(seen), f'{of}picture')} {show} no {thing}, and {teach} where none is"
