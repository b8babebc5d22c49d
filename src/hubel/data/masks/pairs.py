"""Which image and which mask of a folder belong together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.data.decode.image import SUFFIXES, ImageError, size_in
from hubel.data.masks.shapes import Shapes
from hubel.data.masks.targets import Colour
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import files_below, is_image_path, some
from hubel.data.sources.paired import paired
from hubel.data.sources.part_folders import PartFolders
from hubel.data.sources.part_lists import part_lists
from hubel.data.sources.unread import unread_kinds

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
    return any(_pairs_of_folders(folder) for folder in _folders(root))


def _pairs_of_folders(folder: Path) -> list[tuple[Path, Path]]:
    """Folders of images with those of their masks, in a folder; YOLO's labels are text."""
    pairs = [(folder / image, folder / mask) for image, mask in paired(e.name for e in folder.iterdir() if e.is_dir())]
    return [pair for pair in pairs if "mask" in pair[1].name.casefold() or _files(pair[1])]


def pairs_of(root: Path, layout: Layout) -> Found:
    """Pairs by part, and images without a mask or masks without an image. Raises DataError where there is no folder, or
    where no mask is called as an image is.
    """
    if not root.is_dir():
        raise DataError(f"{root}: expected a folder with images/ beside masks/ for segmentation, found none")
    found = Found({}, [], [], [])
    there = [(folder, *pair) for folder in _folders(root) for pair in _pairs_of_folders(folder)]
    pictures = [path for _, images, _ in there for _, path in sorted(_files(images).items())]
    of_folders = PartFolders([path.relative_to(root).as_posix() for path in pictures], layout)
    lists: dict[Path, dict[str, str]] = {}
    for folder, own, _ in there if layout.parts == "auto" else ():
        lists[folder], told = part_lists(folder / "ImageSets" / "Segmentation", _files(own).keys())
        found.notes.extend(told)
    for folder, *pair in there:
        listed = lists.get(folder, {})
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
                part = listed.get(name) or of_folders.of(image.relative_to(root).as_posix())
                if part is not None:
                    found.parts.setdefault(part or "train", []).append(Pair(image, mask))
    return found._replace(notes=[*found.notes, *_beside(root, there, of_folders, any(lists.values()))])


def _folders(root: Path) -> list[Path]:
    return [root, *(each for each in sorted(root.iterdir()) if each.is_dir() and not each.name.startswith("."))]


def _beside(root: Path, there: Sequence[tuple[Path, ...]], folders: PartFolders, listed: bool) -> list[str]:
    """What is to be said of the folders, of images in none that has masks, and of files that cannot be read."""
    paths = [path for path, _ in files_below(str(root))]
    within = tuple(f"{each.relative_to(root).as_posix()}/" for _, *pair in there for each in pair)
    others = [path for path in paths if is_image_path(path) and not path.startswith(within)]
    notes = [] if listed else folders.notes()
    if others:
        notes.append(f"left out: {len(others):,} images in folders without masks ({some(others, 2)})")
    unread = unread_kinds(paths)
    return [*notes, *([f"left out: {unread}, which cannot be read; save them as PNG or TIFF"] if unread else [])]


def _called(
    pair: Sequence[Path], images: Mapping[str, Path], masks: Mapping[str, Path], notes: list[str]
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
        return _alike(pair, str(pair.mask), size_in(pair.mask))
    except ImageError as error:
        return error


def _alike(pair: Pair, mask: str, size: tuple[int, int]) -> tuple[int, int] | ImageError:
    try:
        height, width = size_in(pair.image)
    except ImageError as error:
        return error
    if (height, width) != size:
        return ImageError(mask, f"expected {height}×{width}, the size of its image, received {size[0]}×{size[1]}")
    return height, width
