"""Images and masks from a folder: which belong together, at one size, and what their values mean."""

from __future__ import annotations

import math
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.errors import DataError
from hubel.data import Fit, FitRule, ImageError, Splits, Validation
from hubel.data._beside import decode_beside, stop_at
from hubel.data.cache.decoded import working_cache
from hubel.data.decode.image import opened
from hubel.data.decode.parallel import in_order, workers_here
from hubel.data.masks import coco
from hubel.data.masks.classes import Classes, are_two, classes_of, notes_of, values_in
from hubel.data.masks.pairs import Found, Pair, pairs_of, recognises, size_of
from hubel.data.masks.shapes import Shapes
from hubel.data.masks.targets import VOID, Masks, region, usual_width
from hubel.data.sources.layout import Layout
from hubel.data.sources.parts import PARTS

if TYPE_CHECKING:
    from hubel.data import Progress


_Values: TypeAlias = npt.NDArray[np.unsignedinteger]


def load(
    source: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: FitRule = "auto",
    validation: Validation = 0.0,
    bad_images: Literal["stop", "skip"] = "stop",
    void: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **others: object,
) -> Splits:
    """Images and masks of a folder: images/NAME.jpg beside masks/NAME.png, in folders for train, val and test or with
    such inside them.

    COCO's annotations with outlines are read as masks too, and of VOC's folders those images that its lists name.

    Masks are lossless pictures of indices (grey or with a palette) or of colours; 255, and `void`, is no class. Masks
    of 0 and 255 alone are background and object, and so are those with soft edges between them, by what is nearer.
    `classes.txt` beside them names the classes, one a line (with its colour after it, for masks of colours); one called
    void is none. size, channels, fit, validation, bad_images: as `hubel.data.load`; where no size is said, images keep
    theirs up to 512×640 pixels, else they come to half that area.

    Raises ValueError for a mask that is missing, of another size than its image, or of classes that there are not.
    """
    root = Path(source).expanduser()
    there = find(root, Layout.of_parts(source, others, "images with masks"))
    looked = {pair.image: size_of(pair) for pairs in there.parts.values() for pair in pairs}
    sizes = {image: size for image, size in looked.items() if not isinstance(size, ImageError)}
    problems = [*there.problems, *(error for error in looked.values() if isinstance(error, ImageError))]
    stop_at(problems, bad_images)
    parts = {part: [pair for pair in pairs if pair.image in sizes] for part, pairs in there.parts.items()}
    if not any(parts.values()):
        raise DataError(f"{root}: expected images with masks, found none")
    things = 0.0 if size else _width_in(next(parts[part] for part in PARTS if parts.get(part)), void)
    height, width = size or _size_for(tuple(sizes.values()), things)
    alike = set(sizes.values()) == {(height, width)}
    chosen = _whole(tuple(sizes.values()), (height, width)) if fit == "auto" else fit
    drawn = _Drawn((height, width), chosen)
    held: Counter[int] = Counter()
    for pairs in parts.values():
        counts, bad = drawn.read(pairs, progress)
        problems += bad
        held += counts
    stop_at(problems, bad_images)
    parts = {part: [pair for pair in pairs if pair.image not in drawn.bad] for part, pairs in parts.items()}
    if not any(parts.values()):
        raise DataError(f"{root}: expected images with masks, found none that can be read")
    table = classes_of(root, held, void, there.named)
    every = [pair for part in PARTS for pair in parts.get(part, ())]

    def masks(numbers: list[int]) -> Masks:
        return drawn.masks([every[number] for number in numbers], table)

    files = {part: [str(pair.image) for pair in pairs] for part, pairs in parts.items()}
    settings = (height, width), channels, chosen, validation, bad_images, workers, progress
    framed: Fit = "pad" if alike and fit == "auto" else chosen  # others, of any form, lose nothing
    splits = decode_beside(source, files, masks, *settings, framed=framed, notes=there.notes, problems=problems)
    share = float(np.mean([(mask == VOID).mean() for mask in splits.train.targets.array[:_LOOKED]] or [0.0]))
    notes = (
        *splits.notes,
        *_thin(things, tuple(sizes.values()), splits.train.shape),
        *notes_of(root, table, parts, share),
    )
    return replace(splits, notes=notes)


class _Drawn:
    """Masks of the files' values at one size, kept where there are few of them, else read when they are wanted.

    bad: images whose masks cannot be read.
    """

    def __init__(self, size: tuple[int, int], fit: Fit) -> None:
        self.size, self.fit = size, fit
        self.bad: set[Path] = set()
        self._kept: dict[Path, Fitted] = {}
        self._room = _KEPT

    def read(self, pairs: Sequence[Pair], progress: Progress | None) -> tuple[Counter[int], list[ImageError]]:
        """The values that masks hold, with how many pixels have each; and those that cannot be read."""
        counts, problems = Counter[int](), list[ImageError]()
        for done, (pair, found) in enumerate(zip(pairs, self._fitted(pairs), strict=True), 1):
            if isinstance(found, ImageError):
                problems.append(found)
                self.bad.add(pair.image)
                continue
            counts.update(values_in(found.values))
            self._room -= found.values.nbytes
            if self._room >= 0:
                self._kept[pair.image] = found
            if progress is not None and (done % 32 == 0 or done == len(pairs)):
                progress("reading masks", done, len(pairs))
        return counts, problems

    def masks(self, pairs: Sequence[Pair], table: Classes) -> Masks:
        """Masks of classes; where they take much room, in a file of this process that the system may write out."""
        shape = (len(pairs), *self.size)
        if math.prod(shape) <= _KEPT or not pairs:
            found = np.empty(shape, np.uint8)
        else:
            file = tempfile.TemporaryFile(dir=working_cache()[0])  # noqa: SIM115, as long as the map
            found = np.memmap(file, np.uint8, "w+", shape=shape)
        for place, own in zip(found, self._fitted(pairs), strict=True):
            if isinstance(own, ImageError):
                raise own
            rows, columns = own.values.shape
            place[:] = VOID
            place[own.top : own.top + rows, own.left : own.left + columns] = table.of(own.values)
        return Masks(found, table.classes, table.values, table.colours)

    def _fitted(self, pairs: Sequence[Pair]) -> Iterator[Fitted | ImageError]:
        return in_order(self._one, pairs, workers_here())

    def _one(self, pair: Pair) -> Fitted | ImageError:
        if pair.image in self._kept:
            return self._kept[pair.image]
        try:
            return fitted(values_of(pair.mask), self.size, self.fit)
        except ImageError as error:
            return error


_KEPT = 2**28  # bytes of masks that are held in memory
_LOOKED = 512  # masks by which the share of void pixels is told
_AREA = 512 * 640  # pixels up to which images keep their size, where they have one
_LEAST, _SOME = 8, 16  # pixels that things keep, and masks by which their width is told
_FEW = 0.9 * _LEAST  # below which it is said: sizes are rounded
_ALIKE = 1.05  # times wider in form, up to which images are stretched


def _size_for(sizes: Sequence[tuple[int, int]], things: float) -> tuple[int, int]:
    """The images' own size where they have one that is not too large, else one like it, in multiples of 32: as large as
    leaves things, so many pixels wide, 8 pixels, within four times the usual area.
    """
    if len(set(sizes)) == 1 and math.prod(sizes[0]) <= _AREA:
        return sizes[0]
    height, width = (float(np.median(sides)) for sides in zip(*sizes, strict=True))
    usual, most = (math.sqrt(area / (height * width)) for area in (_AREA / 2, _AREA * 4))
    scale = min(1.0, max(usual, min(_LEAST / things if things else 0.0, most)))
    rows, columns = (max(32, round(side * scale / 32) * 32) for side in (height, width))
    return rows, columns


def _thin(things: float, sizes: Sequence[tuple[int, int]], shape: tuple[int, int, int]) -> Iterator[str]:
    """What is to be said where little is left, in images of this shape, of things so many pixels wide in files."""
    rows, columns = (round(float(np.median(sides))) for sides in zip(*sizes, strict=True))
    left = things * shape[0] / rows
    if shape[0] < rows and 0 < left < _FEW:
        yield (
            f"things about {things:g} pixels wide come to {left:.1f}, which are hard to draw; --input "
            f"{rows}x{columns}x{shape[2]} has training see them in their own scale, through windows"
        )


def _width_in(pairs: Sequence[Pair], void: int | None) -> float:
    """How many pixels things are wide, by some of the masks; those that cannot be read are named later."""
    found = [_values_or_none(pair.mask) for pair in pairs[:: max(1, len(pairs) // _SOME)]]
    masks = [values for values in found if values is not None]
    two = are_two(sum((Counter(values_in(values)) for values in masks), Counter[int]()), void)
    return usual_width(np.asarray(values > VOID // 2, np.uint8) if two else values for values in masks)


def _values_or_none(mask: Path | Shapes) -> _Values | None:
    try:
        return values_of(mask)
    except ImageError:
        return None


def _whole(sizes: Sequence[tuple[int, int]], size: tuple[int, int]) -> Fit:
    """How all of each image comes to be seen: padded, or stretched where that changes no form by much."""
    wider = [(width / height) / (size[1] / size[0]) for height, width in sizes]
    return "stretch" if all(1 / _ALIKE < each < _ALIKE for each in wider) else "pad"


def is_source(source: str | os.PathLike[str]) -> bool:
    """Whether a folder has masks beside images, or COCO's outlines without boxes, by a glance."""
    return recognises(source) or coco.recognises(Path(source).expanduser())


def find(root: Path, layout: Layout) -> Found:
    """Images and masks of a folder: pictures beside pictures, or COCO's outlines. Raises DataError where there is
    neither.
    """
    outlines = not recognises(root) and root.is_dir() and coco.files_of(root)
    return coco.pairs_of(root, layout) if outlines else pairs_of(root, layout)


def values_of(mask: Path | Shapes) -> _Values:
    """A mask's values, H×W: indices as they are, uint8 where they are, else uint32; colours in 24 bits above 2^24.
    Raises ImageError.
    """
    if isinstance(mask, Shapes):
        try:
            return mask.values()
        except DataError as error:
            raise ImageError(mask.name, str(error)) from None
    try:
        with opened(mask) as picture:
            if picture.mode in ("RGB", "RGBA", "LA"):
                red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), np.uint32), 2, 0)
                return np.asarray(1 << 24 | red << 16 | green << 8 | blue, np.uint32)
            found = np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(str(mask), f"cannot be read ({error})") from None
    if found.dtype == np.bool_:
        return np.asarray(found * np.uint8(255), np.uint8)
    return np.asarray(found, np.uint8 if found.dtype == np.uint8 else np.uint32)


class Fitted(NamedTuple):
    """A mask at a size: its values, and the row and column where they begin; nothing is known around them."""

    values: _Values
    top: int = 0
    left: int = 0


def fitted(values: _Values, size: tuple[int, int], fit: Fit) -> Fitted:
    """A mask brought to a size as `fit_image` brings its image, each pixel the nearest one's."""
    if values.shape == size:
        return Fitted(values)
    top, left, rows, columns = region((values.shape[0], values.shape[1]), size, fit)
    down = np.floor(top + (np.arange(size[0]) + 0.5) * rows / size[0]).astype(np.int64)
    right = np.floor(left + (np.arange(size[1]) + 0.5) * columns / size[1]).astype(np.int64)
    inside = [np.flatnonzero((own >= 0) & (own < side)) for own, side in zip((down, right), values.shape, strict=True)]
    found = values[np.ix_(down[inside[0]], right[inside[1]])]
    return Fitted(found, *(int(own[0]) for own in inside))
