"""Images and masks from a folder: which belong together, at one size, and what their values mean."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.errors import DataError
from hubel.data import (
    Dataset,
    Fit,
    FitRule,
    ImageError,
    Splits,
    Survey,
    Validation,
    fit_image,
    hold_out,
    read_image,
)
from hubel.data.masks import coco
from hubel.data.masks.classes import classes_of, notes_of, values_in
from hubel.data.masks.pairs import Found, Pair, opened, pairs_of, recognises, refuse, size_of
from hubel.data.masks.shapes import Shapes
from hubel.data.masks.targets import VOID, region

if TYPE_CHECKING:
    from hubel.data import Progress


_Values: TypeAlias = npt.NDArray[np.unsignedinteger]
_Pictures: TypeAlias = tuple[npt.NDArray[np.uint8], _Values]


def load(
    source: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: FitRule = "auto",
    validation: Validation = 0.0,
    bad_images: Literal["stop", "skip"] = "stop",
    void: int | None = None,
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
    refuse(source, others)
    root = Path(source).expanduser()
    there = find(root)
    parts, problems = there.parts, there.problems
    looked = {pair.image: size_of(pair) for pairs in parts.values() for pair in pairs}
    sizes = {image: size for image, size in looked.items() if not isinstance(size, ImageError)}
    problems += [error for error in looked.values() if isinstance(error, ImageError)]
    _stop_at(problems, bad_images)
    parts = {part: [pair for pair in pairs if pair.image in sizes] for part, pairs in parts.items()}
    if not parts.get("train"):
        raise DataError(f"{root}: expected images with masks to train on, found none")
    seen = Survey(tuple(sizes.values()), channels == 1, None)
    height, width = size or _size_for(seen.sizes)
    chosen = seen.choose(fit, (height, width, channels or 3)) if fit != "auto" else _whole(seen.sizes, (height, width))
    own = None if set(sizes.values()) == {(height, width)} else chosen
    read = {}
    for part, pairs in parts.items():
        pictures, bad = _read(pairs, (height, width), channels, chosen, progress)
        problems += bad
        _stop_at(problems, bad_images)
        if pictures is not None:
            read[part] = pictures
    if "train" not in read:
        raise DataError(f"{root}: expected images with masks to train on, found none that can be read")
    held = sum((Counter(values_in(mask)) for _, masks in read.values() for mask in masks), Counter[int]())
    table = classes_of(root, held, void, there.named)
    found = {
        part: Dataset(images, table.masks(masks), name=f"{root.name} {part}", fit=own)
        for part, (images, masks) in read.items()
    }
    notes = (
        *there.notes,
        *seen.notes(chosen, found["train"].shape),
        *notes_of(root, table, parts, float((found["train"].targets.array == VOID).mean())),
    )
    splits = Splits(found["train"], found.get("validation"), found.get("test"), tuple(problems), notes=notes)
    return hold_out(splits, validation)


_AREA = 512 * 640  # pixels up to which images keep their size, where they have one
_ALIKE = 1.05  # times wider in form, up to which images are stretched


def _size_for(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The images' own size where they have one that is not too large, else one like it, in multiples of 32."""
    if len(set(sizes)) == 1 and math.prod(sizes[0]) <= _AREA:
        return sizes[0]
    height, width = (float(np.median(sides)) for sides in zip(*sizes, strict=True))
    scale = min(1.0, math.sqrt(_AREA / 2 / (height * width)))
    rows, columns = (max(32, round(side * scale / 32) * 32) for side in (height, width))
    return rows, columns


def _whole(sizes: Sequence[tuple[int, int]], size: tuple[int, int]) -> Fit:
    """How all of each image comes to be seen: padded, or stretched where that changes no form by much."""
    wider = [(width / height) / (size[1] / size[0]) for height, width in sizes]
    return "stretch" if all(1 / _ALIKE < each < _ALIKE for each in wider) else "pad"


def _stop_at(problems: Sequence[ImageError], bad_images: Literal["stop", "skip"]) -> None:
    if problems and bad_images == "stop":
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        raise ImageError(
            problems[0].path, f"{problems[0].reason}{more}; mend or remove it, or leave such out: --bad-images skip"
        )


def _read(
    pairs: Sequence[Pair], size: tuple[int, int], channels: int | None, fit: Fit, progress: Progress | None
) -> tuple[_Pictures | None, list[ImageError]]:
    """Images, and masks of the files' values, brought to one size alike; and what could not be read."""

    def one(pair: Pair) -> _Pictures | ImageError:
        try:
            picture, mask = read_image(pair.image), values_of(pair.mask)
        except ImageError as error:
            return error
        grey = picture.mode in ("L", "LA")
        return fit_image(picture, *size, channels or (1 if grey else 3), fit), fitted(mask, size, fit)

    found: list[_Pictures] = []
    problems = []
    with ThreadPoolExecutor() as pool:
        for done, each in enumerate(pool.map(one, pairs), 1):
            if isinstance(each, ImageError):
                problems.append(each)
            else:
                found.append(each)
            if progress is not None:
                progress("decoding images and masks", done, len(pairs))
    if not found:
        return None, problems
    depth = max(image.shape[2] for image, _ in found)
    images = np.stack([np.broadcast_to(image, (*size, depth)) for image, _ in found])
    return (images, np.stack([mask for _, mask in found])), problems


def is_source(source: str | os.PathLike[str]) -> bool:
    """Whether a folder has masks beside images, or COCO's outlines without boxes, by a glance."""
    return recognises(source) or coco.recognises(Path(source).expanduser())


def find(root: Path) -> Found:
    """Images and masks of a folder: pictures beside pictures, or COCO's outlines. Raises DataError where there is
    neither.
    """
    return coco.pairs_of(root) if not recognises(root) and root.is_dir() and coco.files_of(root) else pairs_of(root)


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


def fitted(values: _Values, size: tuple[int, int], fit: Fit) -> _Values:
    """A mask brought to a size as `fit_image` brings its image, each pixel the nearest one's; void around it."""
    if values.shape == size:
        return values
    top, left, rows, columns = region((values.shape[0], values.shape[1]), size, fit)
    down = np.floor(top + (np.arange(size[0]) + 0.5) * rows / size[0]).astype(np.int64)
    right = np.floor(left + (np.arange(size[1]) + 0.5) * columns / size[1]).astype(np.int64)
    inside = (down >= 0) & (down < values.shape[0]), (right >= 0) & (right < values.shape[1])
    found = np.full(size, VOID, values.dtype)
    found[np.ix_(*inside)] = values[np.ix_(down[inside[0]], right[inside[1]])]
    return found
