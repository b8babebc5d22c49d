"""Grey pictures and their colours, from any source of colour pictures."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel import data
from hubel.base.errors import DataError
from hubel.base.files import cache_folder, made_folder
from hubel.base.numbers import counted
from hubel.data import Dataset, Splits
from hubel.data._split import IN_MEMORY
from hubel.data.colours.targets import Colours
from hubel.data.colours.white import GREY
from hubel.data.sources.listing import some

_AT_ONCE = 2**24  # numbers in memory
_APART, _SHARE = 12, 0.001  # how far a coloured pixel's channels are apart, and the share of such in a grey picture


def load(source: str | os.PathLike[str], *, fit: str = "auto", channels: int | None = None, **settings: Any) -> Splits:
    """Colour pictures of any source of `hubel.data.load`, or of a folder without classes, whatever they show: each a
    grey image (ITU-R 601) whose target is the picture. All of a picture is seen, stretched to the common size.

    Pictures that are grey already are left out and named in the notes. Raises DataError where all are.
    """
    like = settings.pop("like", None)
    if like is not None:
        settings["size"] = (like.height, like.width)
    how: Any = "stretch" if fit == "auto" else fit
    splits = data.load(source, channels=3, fit=how, label_kind="none", **settings)
    notes, parts = [], {}
    for name, part in splits.parts().items():
        parts[name], told = _greyed(part, how)
        notes += [f"{name}: {told}"] if told else []
    if not any(len(part) for part in parts.values()):
        raise DataError(f"{source}: expected colour pictures, received {counted(len(splits.train), 'picture')} in grey")
    train = parts.pop("train", None)
    changed: dict[str, Any] = {**parts, **({} if train is None else {"train": train})}
    told = "pictures are taken alike, whatever they show: folders and labels say nothing here"
    return dataclasses.replace(splits, **changed, notes=(*splits.notes, told, *notes))


def _greyed(part: Dataset, fit: Any) -> tuple[Dataset, str]:
    """A part of colour pictures as grey images with these as their targets; and what is said of those left out."""
    pictures = part.images
    grey = _empty((*pictures.shape[:3], 1), isinstance(pictures, np.memmap))
    colourful = np.zeros(len(pictures), bool)
    step = max(1, _AT_ONCE // max(1, int(np.prod(part.shape))))
    for first in range(0, len(pictures), step):
        some_ = pictures[first : first + step]
        spread = some_.max(3).astype(np.int16) - some_.min(3)
        colourful[first : first + step] = (spread > _APART).mean((1, 2)) > _SHARE
        grey[first : first + step, ..., 0] = grey_of(some_)
    told = ""
    if not colourful.all():
        left = np.flatnonzero(~colourful)
        names = part.paths_of(left) or tuple(f"picture {number}" for number in left.tolist())
        told = f"left out: {counted(len(left), 'picture')} in grey already ({some(map(os.path.basename, names), 3)})"
        kept = np.flatnonzero(colourful)
        pictures, grey = pictures[kept], grey[kept]
        part = dataclasses.replace(part, images=grey, targets=Colours(pictures), classes=(), paths=part.paths_of(kept))
    else:
        part = dataclasses.replace(part, images=grey, targets=Colours(pictures), classes=())
    return dataclasses.replace(part, fit=fit), told


def grey_of(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey levels …×H×W of pictures …×H×W×3, as Pillow's L has them."""
    levels = sum(pictures[..., channel] * np.uint32(share) for channel, share in enumerate(GREY))
    return np.asarray((levels + np.uint32(0x8000)) >> 16, np.uint8)


def _empty(shape: tuple[int, ...], mapped: bool) -> npt.NDArray[np.uint8]:
    """Room for numbers: where they are many, in a file of this process that the system may write out."""
    if not mapped or np.prod(shape) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile(dir=made_folder(cache_folder())) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)
