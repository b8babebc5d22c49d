"""Contact sheets: many small images on one, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from hubel.data._dataset import Dataset
from hubel.data.feed.augment import Augmentation
from hubel.view import font

CELL = 56  # pixels of one image's side on the sheet
_GAP = 4
_LABEL = 150
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
    """A sheet with one row an image: as it is, then as the first epochs would show it with this augmentation. Mixing
    (mixup) is shown by the images that it mixes.
    """
    import torch

    from hubel.data.feed.transform import mixed

    chosen = np.linspace(0, len(dataset) - 1, min(rows, len(dataset))).astype(int)
    originals, positions = torch.from_numpy(np.array(dataset.images[chosen])), torch.arange(len(chosen))
    seen = [originals]
    for epoch in range(columns - 1):
        images = augmentation.apply(originals, seed, epoch, positions)
        if augmentation.mixup:
            partners = augmentation.partners(seed, epoch, positions, len(chosen))
            others = augmentation.apply(originals[partners], seed, epoch, partners)
            images = mixed(images, others, augmentation.shares(seed, epoch, positions, images.device))
        seen.append(images)
    names = [dataset.classes[label] for label in dataset.labels[chosen]]
    lines = [(name, [images[row].numpy() for images in seen]) for row, name in enumerate(names)]
    return sheet(lines, columns, f"{dataset.name}: first as it is, then by {augmentation}")


def sheet(lines: Sequence[tuple[str, Sequence[npt.NDArray[np.uint8]]]], columns: int, foot: str = "") -> Image.Image:
    """The sheet of these lines, each a text and uint8 images H×W×1 or H×W×3 of any size."""
    step = CELL + _GAP
    height = len(lines) * step + _GAP + (step // 2 if foot else 0)
    canvas = Image.new("RGB", (_LABEL + columns * step + _GAP, height), _PAPER)
    pen, face = ImageDraw.Draw(canvas), ImageFont.truetype(font.REGULAR, 13, layout_engine=ImageFont.Layout.BASIC)
    font.tell_lacking("".join(text for text, _ in lines) + foot, "drawn as boxes on the sheet")
    for row, (text, images) in enumerate(lines):
        top = _GAP + row * step
        pen.text((_GAP + 2, top + CELL // 2), _fitting(text, face), _PEN, face, anchor="lm")
        for column, image in enumerate(images[:columns]):
            picture = _small(image)
            left = _LABEL + column * step + (CELL - picture.width) // 2
            canvas.paste(picture, (left, top + (CELL - picture.height) // 2))
    if foot:
        pen.text((_GAP + 2, height - step // 4 - _GAP), normalize("NFC", foot), _PEN, face, anchor="lm")
    return canvas


def _small(image: npt.NDArray[np.uint8]) -> Image.Image:
    # of more bands the first three
    picture = Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[2] < 3 else image[..., :3]))
    scale = CELL / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    # enlarged pixels stay pixels, so that one sees what the network is given
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR)


def _fitting(text: str, face: ImageFont.FreeTypeFont) -> str:
    text = normalize("NFC", text)  # letters and their accents as one: the basic layout sets no accents
    while text and face.getlength(text) > _LABEL - 3 * _GAP:
        text = text[:-2].rstrip("…") + "…"
    return text
