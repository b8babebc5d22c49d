"""Images and masks from a folder: which belong together, at one size, and what their values mean."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.errors import DataError, SettingError
from hubel.data import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    SUFFIXES,
    Dataset,
    Fit,
    FitRule,
    ImageError,
    Splits,
    Survey,
    Validation,
    fit_image,
    hold_out,
    part_of,
    read_image,
)
from hubel.data.decode.image import formats_of
from hubel.data.sources.listing import some
from hubel.data.sources.parts import PARTS
from hubel.tasks.segmentation.targets import VOID, Colour, Masks, region

if TYPE_CHECKING:
    from hubel.data import Progress

CLASSES = "classes.txt"
LOSSLESS = frozenset((".png", ".bmp", ".gif", ".tif", ".tiff"))
_NO_CLASS = frozenset(("void", "ignore", "unlabelled", "unlabeled"))
_BRIGHT = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66))


_Pictures: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]


class Pair(NamedTuple):
    """An image and its mask."""

    image: Path
    mask: Path


def recognises(source: str | os.PathLike[str]) -> bool:
    """Whether a folder has images beside masks: images/ and masks/, in folders for parts or with such in them."""
    root = Path(source).expanduser()
    if not root.is_dir():
        return False
    return any(_pair_of_folders(folder) for folder in (root, *(each for each in root.iterdir() if each.is_dir())))


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

    Masks are lossless pictures of indices (grey or with a palette) or of colours; 255, and `void`, is no class. Masks
    of 0 and 255 alone are background and object. `classes.txt` beside them names the classes, one a line (with its
    colour after it, for masks of colours); one called void is none. size, channels, fit, validation, bad_images:
    as `hubel.data.load`.

    Raises ValueError for a mask that is missing, of another size than its image, or of classes that there are not.
    """
    if others:
        raise SettingError(
            f"{source}: {', '.join(others)} cannot be said of images with masks, whose folders tell them"
        )
    root = Path(source).expanduser()
    parts, problems = pairs_of(root)
    looked = {pair: size_of(pair) for pairs in parts.values() for pair in pairs}
    sizes = {pair: size for pair, size in looked.items() if not isinstance(size, ImageError)}
    problems += [error for error in looked.values() if isinstance(error, ImageError)]
    _stop_at(problems, bad_images)
    parts = {part: [pair for pair in pairs if pair in sizes] for part, pairs in parts.items()}
    if not parts.get("train"):
        raise DataError(f"{root}: expected images with masks to train on, found none")
    seen = Survey(tuple(sizes.values()), channels == 1, None)
    height, width = size or seen.usual_size()
    chosen = seen.choose(fit, (height, width, channels or 3))
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
    table = classes_of(
        root, set[int]().union(*(np.unique(mask).tolist() for _, masks in read.values() for mask in masks)), void
    )
    found = {
        part: Dataset(images, table.masks(masks), name=f"{root.name} {part}", fit=own)
        for part, (images, masks) in read.items()
    }
    notes = (
        *seen.notes(chosen, found["train"].shape),
        *notes_of(root, table, parts, float((found["train"].targets.array == VOID).mean())),
    )
    splits = Splits(found["train"], found.get("validation"), found.get("test"), tuple(problems), notes=notes)
    return hold_out(splits, validation)


def _stop_at(problems: Sequence[ImageError], bad_images: Literal["stop", "skip"]) -> None:
    if problems and bad_images == "stop":
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        raise ImageError(
            problems[0].path, f"{problems[0].reason}{more}; mend or remove it, or leave such out: --bad-images skip"
        )


def notes_of(root: Path, table: Table, parts: Mapping[str, Sequence[Pair]], void: float) -> list[str]:
    """What is to be said of what folders and masks were taken for. void: the share of training pixels of no class."""
    told = []
    if any(part != "train" for part in parts):
        counts = (f"{part} ({len(parts[part]):,})" for part in PARTS if parts.get(part))
        told.append(f"parts by folder: {', '.join(counts)}")
    coloured = [value for value in table.places if value >> 24]
    if table.values == (0, VOID):
        told.append("masks of 0 and 255 are taken for background and object")
    elif coloured:
        colours = some((f"#{v & 0xFFFFFF:06x} is {table.classes[table.places[v]]}" for v in coloured), 8)
        told.append(f"classes by the colours of the masks, in this order: {colours}")
    elif table.unused:
        unused = f"{len(table.unused):,} that no mask holds ({some(map(str, table.unused), 4)})"
        told.append(f"{len(table.classes):,} classes, with {unused}; {root / CLASSES} would name those that there are")
    if void:
        told.append(f"{void:.1%} of the training pixels have no class and count nowhere")
    return told


class Table(NamedTuple):
    """The classes of a set. places: where each value of the files (an index, or 24 bits of colour) goes. unused: the
    numbers below the highest that no mask holds, where they count as classes.
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    colours: tuple[Colour, ...]
    places: Mapping[int, int]
    unused: tuple[int, ...] = ()

    def masks(self, masks: npt.NDArray[np.uint32]) -> Masks:
        """Masks of the files' values as ones of classes."""
        found = np.empty(masks.shape, np.uint8)
        for mask, place in zip(masks, found, strict=True):
            values, inverse = np.unique(mask, return_inverse=True)
            chosen = np.array([self.places.get(value, VOID) for value in values.tolist()], np.uint8)
            place[:] = chosen[inverse].reshape(mask.shape)
        return Masks(found, self.classes, self.values, self.colours)


def _pair_of_folders(folder: Path) -> tuple[Path, Path] | None:
    names = {each.name.casefold(): each for each in folder.iterdir() if each.is_dir()}
    images = next((names[name] for name in sorted(IMAGE_FOLDERS) if name in names), None)
    masks = next((names[name] for name in sorted(MASK_FOLDERS) if name in names), None)
    if (
        images is None or masks is None or (masks.name.casefold() not in ("mask", "masks") and not _files(masks))
    ):  # boxes, in .txt
        return None
    return images, masks


def pairs_of(root: Path) -> tuple[dict[str, list[Pair]], list[ImageError]]:
    """Pairs by part, and images without a mask or masks without an image. Raises DataError where there is no folder."""
    if not root.is_dir():
        raise DataError(f"{root}: expected a folder with images/ beside masks/ for segmentation, found none")
    parts: dict[str, list[Pair]] = {}
    problems: list[ImageError] = []
    for folder in (root, *(each for each in sorted(root.iterdir()) if each.is_dir())):
        pair = _pair_of_folders(folder)
        if pair is None or (folder != root and part_of(folder.name) is None):
            continue
        images, masks = (_files(each) for each in pair)
        for name in sorted({*images, *masks}):
            image, mask = images.get(name), masks.get(name) or masks.get(f"{name}_mask")
            if image is None and not name.endswith("_mask"):
                problems.append(ImageError(str(masks[name]), f"expected an image called {name} beside this mask"))
            elif image is not None and mask is None:
                problems.append(ImageError(str(image), f"expected a mask {pair[1].name}/{name}.png, found none"))
            elif image is not None and mask is not None:
                part = part_of(folder.name if folder != root else Path(name).parts[0]) or "train"
                parts.setdefault(part, []).append(Pair(image, mask))
    return parts, problems


def _files(folder: Path) -> dict[str, Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}


def size_of(pair: Pair) -> tuple[int, int] | ImageError:
    """The height and width of both; or why they do not belong together."""
    if pair.mask.suffix.lower() not in LOSSLESS:
        return ImageError(str(pair.mask), "expected a mask that keeps its values (PNG), received one that loses some")
    try:
        (height, width), (other, across) = _header(pair.image), _header(pair.mask)
    except ImageError as error:
        return error
    if (height, width) != (other, across):
        return ImageError(
            str(pair.mask), f"expected {height}×{width}, the size of its image, received {other}×{across}"
        )
    return height, width


def _header(path: Path) -> tuple[int, int]:
    try:
        with _opened(path) as picture:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = picture.size[::-1] if turned else picture.size
            return height, width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(str(path), f"cannot be read ({error})") from None


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


def _opened(path: Path) -> Image.Image:
    with open(path, "rb") as file:
        kinds = formats_of(file.read(32), str(path))
    return Image.open(path, formats=kinds)


def values_of(path: Path) -> npt.NDArray[np.uint32]:
    """A mask's values, H×W: indices as they are, colours in 24 bits above 2^24. Raises ImageError."""
    try:
        with _opened(path) as picture:
            if picture.mode in ("RGB", "RGBA", "LA"):
                red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), np.uint32), 2, 0)
                return np.asarray(1 << 24 | red << 16 | green << 8 | blue, np.uint32)
            found = np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(str(path), f"cannot be read ({error})") from None
    return found.astype(np.uint32) * (255 if found.dtype == np.bool_ else 1)


def fitted(values: npt.NDArray[np.uint32], size: tuple[int, int], fit: Fit) -> npt.NDArray[np.uint32]:
    """A mask brought to a size as `fit_image` brings its image, each pixel the nearest one's; void around it."""
    top, left, rows, columns = region((values.shape[0], values.shape[1]), size, fit)
    down = np.floor(top + (np.arange(size[0]) + 0.5) * rows / size[0]).astype(np.int64)
    right = np.floor(left + (np.arange(size[1]) + 0.5) * columns / size[1]).astype(np.int64)
    inside = (down >= 0) & (down < values.shape[0]), (right >= 0) & (right < values.shape[1])
    found = np.full(size, VOID, np.uint32)
    found[np.ix_(*inside)] = values[np.ix_(down[inside[0]], right[inside[1]])]
    return found


def _named(root: Path) -> list[tuple[str, Colour | None]]:
    """The lines of classes.txt: a name, and its colour where one follows."""
    path = root / CLASSES
    found: list[tuple[str, Colour | None]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        words = line.replace(",", " ").split()
        numbers = [int(word) for word in words[-3:] if word.isdecimal() and int(word) < 256]
        has_colour = len(words) > 3 and len(numbers) == 3
        name = " ".join(words[:-3] if has_colour else words)
        if name:
            found.append((name, (numbers[0], numbers[1], numbers[2]) if has_colour else None))
    return found


def classes_of(root: Path, there: Iterable[int], void: int | None) -> Table:
    """The classes that masks of these values have, and what `classes.txt` says of them."""
    values, named = sorted(set(there)), _named(root)
    in_colour = any(value >> 24 for value in values)
    if len(values) > 256 or (not in_colour and values[-1] > VOID):
        raise DataError(
            f"{root}: expected masks of at most 255 classes, found {len(values):,} values in them, up to {values[-1]:,}"
        )
    by_value: dict[int, str]
    if in_colour and named and all(colour for _, colour in named):
        by_value = {1 << 24 | c[0] << 16 | c[1] << 8 | c[2]: name for name, c in named if c is not None}
    elif in_colour:
        by_value = {value: f"#{value & 0xFFFFFF:06x}" for value in values if value >> 24}
    elif values in ([0, 255], [255]) and not named and void is None:
        by_value = {0: "background", 255: "object"}
    else:
        highest = max((value for value in values if value not in (VOID, void)), default=0)
        by_value = dict(enumerate(name for name, _ in named)) if named else {i: str(i) for i in range(highest + 1)}
    unknown = [value for value in values if value not in by_value and value not in (VOID, void)]
    if unknown:
        shown = f"#{unknown[0] & 0xFFFFFF:06x}" if in_colour else str(unknown[0])
        raise DataError(
            f"{root / CLASSES}: expected all values of the masks, found {len(by_value)} classes and masks of {shown}; "
            f"add it{'' if in_colour else f', or leave such pixels out: --void {shown}'}"
        )
    kept = {value: name for value, name in by_value.items() if value != void and name.casefold() not in _NO_CLASS}
    if len(kept) < 2:
        raise DataError(f"{root}: expected masks of at least two classes, found {', '.join(kept.values()) or 'none'}")
    told = {name: colour for name, colour in named if colour is not None}
    colours = tuple(
        _split(value) if value >> 24 else told.get(name) or _bright(place)
        for place, (value, name) in enumerate(kept.items())
    )
    numbers = tuple(place if value >> 24 else value for place, value in enumerate(kept))
    unused = () if named or in_colour else tuple(value for value in kept if value not in values)
    return Table(tuple(kept.values()), numbers, colours, {value: place for place, value in enumerate(kept)}, unused)


def _split(value: int) -> Colour:
    return value >> 16 & 255, value >> 8 & 255, value & 255


def _bright(place: int) -> Colour:
    """Seven colours that colour-blind readers tell apart (Okabe, Ito 2008), and darker ones for more classes."""
    shade = 1 / (1 + place // len(_BRIGHT) * 0.6)
    red, green, blue = (round(level * shade) for level in _BRIGHT[place % len(_BRIGHT)])
    return red, green, blue
