"""Which image and which mask of a folder belong together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from hubel.base.errors import DataError, SettingError
from hubel.data.decode.image import SUFFIXES, ImageError, formats_of
from hubel.data.sources.listing import IMAGE_FOLDERS, MASK_FOLDERS
from hubel.data.sources.parts import part_of

LOSSLESS = frozenset((".png", ".bmp", ".gif", ".tif", ".tiff"))


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
