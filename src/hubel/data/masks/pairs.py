"""Which image and which mask of a folder belong together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from hubel.base.errors import DataError, SettingError
from hubel.data.decode.image import SUFFIXES, ImageError, formats_of
from hubel.data.masks.shapes import Shapes
from hubel.data.masks.targets import Colour
from hubel.data.sources.listing import IMAGE_FOLDERS, MASK_FOLDERS, some
from hubel.data.sources.parts import part_of

LOSSLESS = frozenset((".png", ".bmp", ".gif", ".tif", ".tiff"))


class Pair(NamedTuple):
    """An image and its mask: a picture, or the shapes on it."""

    image: Path
    mask: Path | Shapes


class Found(NamedTuple):
    """What a folder holds. parts: pairs by part; problems: what does not belong together; notes: what to say.

    named: the classes by value from 0 on, with colours, where the format has them.
    """

    parts: dict[str, list[Pair]]
    problems: list[ImageError]
    notes: list[str]
    named: list[tuple[str, Colour | None]]


def recognises(source: str | os.PathLike[str]) -> bool:
    """Whether a folder has images beside masks: images/ and masks/, in folders for parts or with such in them."""
    root = Path(source).expanduser()
    if not root.is_dir():
        return False
    return any(_pair_of_folders(folder) for folder in (root, *(each for each in root.iterdir() if each.is_dir())))


def _pair_of_folders(folder: Path) -> tuple[Path, Path] | None:
    names = {each.name.casefold(): each for each in folder.iterdir() if each.is_dir()}
    images = next((names[name] for name in sorted(IMAGE_FOLDERS) if name in names), None)
    masks = next((names[name] for name in sorted(MASK_FOLDERS) if name in names), None)
    if (
        images is None or masks is None or (masks.name.casefold() not in ("mask", "masks") and not _files(masks))
    ):  # boxes, in .txt
        return None
    return images, masks


def refuse(source: str | os.PathLike[str], others: Mapping[str, object]) -> None:
    """Raise SettingError for what means nothing for images with masks."""
    if others:
        said = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise SettingError(f"{source}: {said} cannot be said of images with masks, whose folders tell them")


def pairs_of(root: Path) -> Found:
    """Pairs by part, and images without a mask or masks without an image. Raises DataError where there is no folder, or
    where no mask is called as an image is.
    """
    if not root.is_dir():
        raise DataError(f"{root}: expected a folder with images/ beside masks/ for segmentation, found none")
    found = Found({}, [], [], [])
    for folder in (root, *(each for each in sorted(root.iterdir()) if each.is_dir())):
        pair = _pair_of_folders(folder)
        if pair is None or (folder != root and part_of(folder.name) is None):
            continue
        listed = _listed(folder)
        images, masks = (_files(each) for each in pair)
        if listed:
            images, found.named[:] = {name: path for name, path in images.items() if name in listed}, VOC
        masks = _called(pair, images, masks, found.notes)
        for name in sorted(listed or {*images, *masks}):
            image, mask = images.get(name), masks.get(name)
            if image is None and mask is not None:
                found.problems.append(ImageError(str(mask), f"expected an image called {name} beside this mask"))
            elif mask is None:
                missing = f"its mask is missing: expected {pair[1].name}/{name}.png, found none"
                found.problems.append(ImageError(str(image or pair[0] / name), missing))
            else:
                assert image is not None
                part = listed.get(name) or part_of(folder.name if folder != root else Path(name).parts[0]) or "train"
                found.parts.setdefault(part, []).append(Pair(image, mask))
    return found


def _called(
    pair: tuple[Path, Path], images: Mapping[str, Path], masks: Mapping[str, Path], notes: list[str]
) -> dict[str, Path]:
    """Masks by their images' names: as they are called, or with what all have before or after it (NAME_mask)."""
    left = {name: path for name, path in masks.items() if name not in images}
    affixes = Counter(affix for name in left for affix in _affixes(name, images))
    found = {name: path for name, path in masks.items() if name in images}
    for before, after in (affix for affix, _ in affixes.most_common(1)):
        own = {name: f"{_folder(name)}{_stem(name)[len(before) : len(_stem(name)) - len(after)]}" for name in left}
        fitting = {name: meant for name, meant in own.items() if meant in images and meant not in found}
        fitting = {name: meant for name, meant in fitting.items() if f"{before}{_stem(meant)}{after}" == _stem(name)}
        if fitting:
            found |= {meant: masks[name] for name, meant in fitting.items()}
            left = {name: path for name, path in left.items() if name not in fitting}
            notes.append(f"masks are called {before}NAME{after}, where NAME is the image's")
    if images and masks and not found:
        one, other = ([repr(path.name) for path in own.values()] for own in (images, masks))
        raise DataError(
            f"{pair[1]}: no mask is called as an image: images are called {some(sorted(one), 2)}, masks "
            f"{some(sorted(other), 2)}; give each mask its image's name"
        )
    return {**found, **left}


def _affixes(name: str, images: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """What may stand before and after an image's name in that of a mask: the longest name that is in it."""
    folder, stem = _folder(name), _stem(name)
    for length in range(len(stem) - 1, 0, -1):
        for start in range(len(stem) - length + 1):
            if f"{folder}{stem[start : start + length]}" in images:
                yield stem[:start], stem[start + length :]
                return


def _folder(name: str) -> str:
    return name[: name.rfind("/") + 1]


def _stem(name: str) -> str:
    return name.rpartition("/")[2]


def _listed(folder: Path) -> dict[str, str]:
    """The part of each image, where VOC's lists say it; nothing else is meant then."""
    found: dict[str, str] = {}
    for path in sorted((folder / "ImageSets" / "Segmentation").glob("*.txt")):
        part = part_of(path.stem)
        if part is not None and path.stem != "trainval":
            found |= dict.fromkeys(path.read_text(encoding="utf-8").split(), part)
    return found


def _voc_colour(number: int) -> Colour:
    """VOC's own colours: the bits of a number in turns in red, green and blue, from the highest down."""
    red, green, blue = (
        sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)) for channel in range(3)
    )
    return red, green, blue


_VOC = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
)
VOC: list[tuple[str, Colour | None]] = [(name, _voc_colour(number)) for number, name in enumerate(_VOC.split())]


def _files(folder: Path) -> dict[str, Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}


def size_of(pair: Pair) -> tuple[int, int] | ImageError:
    """The height and width of both; or why they do not belong together."""
    if isinstance(pair.mask, Shapes):
        return _alike(pair, pair.mask.name, (pair.mask.height, pair.mask.width))
    if pair.mask.suffix.lower() not in LOSSLESS:
        return ImageError(str(pair.mask), "expected a mask that keeps its values (PNG), received one that loses some")
    try:
        return _alike(pair, str(pair.mask), _header(pair.mask))
    except ImageError as error:
        return error


def _alike(pair: Pair, mask: str, size: tuple[int, int]) -> tuple[int, int] | ImageError:
    try:
        height, width = _header(pair.image)
    except ImageError as error:
        return error
    if (height, width) != size:
        return ImageError(mask, f"expected {height}×{width}, the size of its image, received {size[0]}×{size[1]}")
    return height, width


def _header(path: Path) -> tuple[int, int]:
    try:
        with opened(path) as picture:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = picture.size[::-1] if turned else picture.size
            return height, width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(str(path), f"cannot be read ({error})") from None


def opened(path: Path) -> Image.Image:
    """An image file, opened as what its first bytes say."""
    with open(path, "rb") as file:
        kinds = formats_of(file.read(32), str(path))
    return Image.open(path, formats=kinds)
