"""Contact sheets: many small images on one, to be looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from hubel.data._dataset import Dataset
from hubel.data._targets import Targets
from hubel.data.feed.augment import Augmentation
from hubel.view.writers import font

if TYPE_CHECKING:
    import torch

CELL = 56  # pixels of one image's side on the sheet
_GAP = 4
_LABEL = 150
_FOOT = (CELL + _GAP) // 2
_PAPER, _PEN = (250, 250, 250), (40, 40, 40)


def contact_sheet(dataset: Dataset, columns: int = 12, rows: int = 40) -> Image.Image:
    """A sheet with one row a class (the first `rows` of them), its name, count, and images evenly spread over it."""
    shown = []
    for label, name in enumerate(dataset.classes[:rows]):
        members = np.flatnonzero(dataset.labels == label)
        chosen = members[np.linspace(0, len(members) - 1, min(columns, len(members))).astype(int)]
        shown.append((f"{name} ({len(members):,})", [dataset.images[index] for index in chosen]))
    left = len(dataset.classes) - rows
    return sheet(shown, columns, f"and {left:,} classes more" if left > 0 else "")


def augmented_sheet(
    dataset: Dataset, augmentation: Augmentation, columns: int = 12, rows: int = 10, seed: int = 0
) -> Image.Image:
    """A sheet with one row an image: as it is, then as the first epochs would show it with this augmentation, with what
    is wanted of it (masks, boxes, points) drawn where it moves to; such images are shown larger, six at most in a row.
    Of images with nothing on them there is one at most, unless others are too few. Mixing (mixup) is shown by the
    images that it mixes.
    """
    import torch

    from hubel.data.feed.transform import mixed

    wanted = dataset.targets
    columns, cell = (min(columns, 6), 4 * CELL) if wanted.moves else (columns, CELL)
    chosen = _spread(wanted, rows)
    originals, positions = torch.from_numpy(np.array(dataset.images[chosen])), torch.arange(len(chosen))
    targets = wanted.tensor()[torch.from_numpy(chosen)]
    seen, around = [_drawn(wanted, originals, targets)], wanted.around(targets)
    for epoch in range(columns - 1):
        images = augmentation.apply(originals, seed, epoch, positions, around)
        if augmentation.mixup:
            partners = augmentation.partners(seed, epoch, positions, len(chosen))
            others = augmentation.apply(originals[partners], seed, epoch, partners)
            images = mixed(images, others, augmentation.shares(seed, epoch, positions, images.device))
        moves = augmentation.moves(originals.shape, seed, epoch, positions, images.device, around)
        seen.append(_drawn(wanted, images, wanted.moved(targets, moves)))
    names = [
        wanted.caption(target.numpy()) or _name(dataset, index) for target, index in zip(targets, chosen, strict=True)
    ]
    lines = [(name, [images[row] for images in seen]) for row, name in enumerate(names)]
    return sheet(lines, columns, f"{dataset.name}: first as it is, then by {augmentation}", cell)


def _spread(wanted: Targets, number: int) -> npt.NDArray[np.int64]:
    """So many images, evenly spread over those that show something, and one that shows nothing where there is one."""
    empty = wanted.empty()
    shown, bare = np.flatnonzero(~empty), np.flatnonzero(empty)
    some = shown[np.linspace(0, len(shown) - 1, min(max(1, number - bool(len(bare))), len(shown))).astype(int)]
    return np.sort(np.append(some, bare[: min(max(0, number - len(some)), 1 if len(shown) >= number else number)]))


def _drawn(wanted: Targets, images: torch.Tensor, targets: torch.Tensor) -> list[npt.NDArray[np.uint8]]:
    return [wanted.drawn(image.numpy(), target.numpy()) for image, target in zip(images, targets, strict=True)]


def _name(dataset: Dataset, index: int) -> str:
    return os.path.basename(dataset.paths[index]) if dataset.paths else f"image {index:,}"


def sheet(
    lines: Sequence[tuple[str, Sequence[npt.NDArray[np.uint8]]]], columns: int, foot: str = "", cell: int = CELL
) -> Image.Image:
    """The sheet of these lines, each a text and uint8 images H×W×1 or H×W×3 of any size, shown in `cell` pixels."""
    step = cell + _GAP
    height = len(lines) * step + _GAP + (_FOOT if foot else 0)
    canvas = Image.new("RGB", (_LABEL + columns * step + _GAP, height), _PAPER)
    pen, face = ImageDraw.Draw(canvas), ImageFont.truetype(font.REGULAR, 13, layout_engine=ImageFont.Layout.BASIC)
    font.tell_lacking("".join(text for text, _ in lines) + foot, "drawn as boxes on the sheet")
    for row, (text, images) in enumerate(lines):
        top = _GAP + row * step
        pen.text((_GAP + 2, top + cell // 2), _fitting(text, face), _PEN, face, anchor="lm")
        for column, image in enumerate(images[:columns]):
            picture = _small(image, cell)
            left = _LABEL + column * step + (cell - picture.width) // 2
            canvas.paste(picture, (left, top + (cell - picture.height) // 2))
    if foot:
        pen.text((_GAP + 2, height - _FOOT // 2 - _GAP), normalize("NFC", foot), _PEN, face, anchor="lm")
    return canvas


def _small(image: npt.NDArray[np.uint8], cell: int) -> Image.Image:
    # of more bands the first three
    picture = Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[2] < 3 else image[..., :3]))
    scale = cell / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    # enlarged pixels stay pixels, so that one sees what the network is given
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR)


def _fitting(text: str, face: ImageFont.FreeTypeFont) -> str:
    text = normalize("NFC", text)  # letters and their accents as one: the basic layout sets no accents
    while text and face.getlength(text) > _LABEL - 3 * _GAP:
        text = text[:-2].rstrip("…") + "…"
    return text
