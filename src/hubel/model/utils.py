"""What Keras keeps in `keras.utils`."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hubel.base.errors import SettingError
from hubel.model.data import image_dataset_from_directory

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "normalize",
    "pad_sequences",
    "plot_model",
    "set_random_seed",
    "to_categorical",
]


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[np.float32]:
    """Turn whole numbers into one-hot rows: N (or N×1) → N×num_classes. Raises ValueError for labels out of range."""
    given = np.asarray(x)
    labels = given.astype(np.int64).reshape(
        given.shape[:-1] if given.ndim > 1 and given.shape[-1] == 1 else given.shape
    )
    classes = num_classes or (int(labels.max()) + 1 if labels.size else 0)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise SettingError(f"expected labels from 0 to {classes - 1}, received {labels.min()} to {labels.max()}")
    return np.eye(classes, dtype=np.float32)[labels]


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> NDArray[Any]:
    """Divide by the length along an axis."""
    array = np.asarray(x, np.float64)
    length = np.linalg.norm(array, order, axis, keepdims=True)
    return array / np.where(length == 0, 1, length)


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and PyTorch: what starts weights and shuffles."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class PyDataset:
    """A base for batches by number: write `__len__` and `__getitem__`, which gives (x, y) or (x, y, weights).

    `on_epoch_begin` and `on_epoch_end` are called where they exist. Batches are made one after the other; `workers`,
    `use_multiprocessing` and `max_queue_size` are taken and have no effect.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError


Sequence = PyDataset


def load_img(
    path: str | Path, color_mode: str = "rgb", target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest", keep_aspect_ratio: bool = False,
) -> Any:  # fmt: skip
    """Open a picture with Pillow, in a size of (height, width)."""
    from PIL import Image

    from hubel.model.pictures import MODES

    if color_mode not in MODES:
        raise SettingError(f"expected color_mode of {', '.join(MODES)}, received {color_mode!r}")
    with Image.open(path) as opened:
        found = opened.convert(MODES[color_mode])
    if target_size is None:
        return found
    height, width = target_size
    resample = {
        "nearest": Image.Resampling.NEAREST,
        "bilinear": Image.Resampling.BILINEAR,
        "bicubic": Image.Resampling.BICUBIC,
    }
    return found.resize((width, height), resample[interpolation])


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> NDArray[np.float32]:
    """Return a Pillow image as numbers, H×W×C."""
    array = np.asarray(img, dtype or np.float32)
    return array[..., None] if array.ndim == 2 else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """Return numbers H×W×C as a Pillow image; `scale` brings the smallest and the largest to 0 and 255."""
    from PIL import Image

    array = np.asarray(x, np.float32)
    if scale:
        array = array - array.min()
        array = array / (array.max() or 1.0) * 255
    return Image.fromarray(array.astype(np.uint8)[..., 0] if array.shape[-1] == 1 else array.astype(np.uint8))


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> NDArray[Any]:
    """Return sequences of different lengths as one array, filled and cut before their numbers ("pre") or after."""
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise SettingError(f"expected {name} of pre, post, received {given!r}")
    length = max(map(len, sequences), default=0) if maxlen is None else maxlen
    found = np.full((len(sequences), length), value, dtype)
    for row, each in zip(found, sequences, strict=True):
        kept = each[-length:] if truncating == "pre" else each[:length]
        if length and len(kept):
            row[slice(length - len(kept), None) if padding == "pre" else slice(len(kept))] = kept
    return found


def plot_model(model: Any, to_file: str | Path = "model.png", **_: Any) -> Path:
    """Draw a model as `hubel draw` does, into a file: svg, png or pdf by its ending. Other settings change nothing.

    Of a model that is no tree nothing is drawn, which is said.
    """
    from hubel.draw import figure

    path = Path(to_file)
    if model.why_no_tree is not None:
        told = (
            f"{model.name} has {model.why_no_tree}, and only trees are drawn: {path} is not written; summary() lists it"
        )
        warnings.warn(told, stacklevel=2)
        return path
    figure(model.network).save(path)
    return path
