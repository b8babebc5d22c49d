"""Measuring a model on a set, whatever its task."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from hubel.base.errors import DataError, LimitError, SettingError
from hubel.base.limits import check
from hubel.base.names import listing
from hubel.data import Dataset, ImageError, Preprocessing, read_image
from hubel.data.feed.device import sent
from hubel.data.prepare.arrays import as_array
from hubel.data.prepare.framing import opaque
from hubel.data.prepare.preprocessing import picture_of
from hubel.nn import device_of, evaluation_mode
from hubel.tasks.model import LoadedModel
from hubel.tasks.outputs import outputs
from hubel.tasks.task import Measured, Task
from hubel.view.figures.frames import coloured, enlarged

_SEEN = 112  # pixels of a side that a small image is shown in


def count(
    task: Task,
    module: nn.Module,
    preprocessing: Preprocessing,
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    batch_size: int = 256,
    changed: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]] | None = None,
) -> tuple[torch.Tensor, ...]:
    """What `task.measured` is made of, for images (uint8, N×H×W×C) and their targets; it may be added over parts of a
    set. changed: what is done to each batch of them before. The module's mode is put back afterwards.
    """
    counts, device = task.counts(), device_of(module)
    with evaluation_mode(module), torch.inference_mode(), task.going_on(module):
        for part in task.stretches(len(images), images.shape[1], batch_size):
            seen, wanted = images[part], targets[part]
            if changed is not None:
                seen, wanted = changed(seen, wanted)
            counts.add(task.outputs(module, preprocessing, seen), sent(wanted, device))
    return counts.tensors()


def evaluate(model: LoadedModel, dataset: Dataset, *, batch_size: int = 256) -> Any:
    """The model's figures on a set of images of its own size with targets of its task: `Metrics` for classification.

    Raises ValueError where the set's targets or classes are not the model's, in its order, or the images are of
    another size.
    """
    check_answers(model, dataset)
    images, targets = dataset.tensors()
    return measure(model.task, model.module, model.preprocessing, images, targets, batch_size=batch_size)


def measure(
    task: Task,
    module: nn.Module,
    preprocessing: Preprocessing,
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    batch_size: int = 256,
) -> Measured:
    """As `evaluate`, on tensors."""
    return task.measured(count(task, module, preprocessing, images, targets, batch_size=batch_size))


def check_answers(model: LoadedModel, dataset: Dataset) -> None:
    """Raise ValueError where a model's answers cannot be compared with what a set says of its images."""
    name = dataset.name or "the data set"
    if dataset.classes != model.classes:
        raise SettingError(
            f"expected the model's classes in its order, {listing(model.classes, 12)}, received "
            f"{listing(dataset.classes, 12)} from {name}; give the data those names in that order: folders are called "
            "so, or of masks a classes.txt beside their folders lists them (in Python, hubel.data.align(dataset, "
            "model.classes) gives what can be measured as it is)"
        )
    shape = (model.preprocessing.height, model.preprocessing.width, model.preprocessing.channels)
    if dataset.shape != shape:
        raise SettingError(f"expected images of {shape}, received {dataset.shape} from {name}")
    try:
        dataset.targets.check_measured()
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def said(model: LoadedModel, image: Any) -> torch.Tensor:
    """What the model says of one image of any size before a closing softmax or sigmoid, float32, without a batch's
    axis.
    """
    prepared = torch.from_numpy(model.preprocessing.prepare(image).copy())[None]
    with evaluation_mode(model.module), torch.inference_mode():
        return outputs(model.module, model.preprocessing, prepared, model.task.exchange)[0].cpu()


def outputs_of(model: LoadedModel, images: npt.NDArray[np.uint8], *, batch_size: int = 256) -> torch.Tensor:
    """What a model's network says before a closing softmax or sigmoid, float32 on the processor, for images of the
    model's size, uint8 N×H×W×C.
    """
    with evaluation_mode(model.module), torch.inference_mode():
        parts = (torch.from_numpy(np.array(images[n : n + batch_size])) for n in range(0, len(images), batch_size))
        exchange = model.task.exchange
        return torch.cat([outputs(model.module, model.preprocessing, part, exchange).cpu() for part in parts])


def whole_of(model: LoadedModel, image: Any, limit: str | None = "answered") -> Image.Image | npt.NDArray[np.generic]:
    """A picture (a path, a file's bytes, a Pillow image, an array) that is answered in its own size: an array where the
    model takes other channels than pictures have.

    Raises ImageError where it cannot be read, or has more pixels than the limit, SettingError where it is no picture.
    """
    kind = model.preprocessing
    place = os.fspath(image) if isinstance(image, (str, os.PathLike)) else "image"
    if isinstance(image, (str, os.PathLike, bytes)):
        image = read_image(image, levels=kind.levels)
    given = image if isinstance(image, Image.Image) else as_array(image, "an image")
    height, width = given.size[::-1] if isinstance(given, Image.Image) else (*given.shape, 1)[:2]
    try:
        if limit is not None:
            check(limit, height * width, place)
    except LimitError as error:
        raise ImageError(place, str(error)) from None
    if kind.channels not in (1, 3):
        return given
    return opaque(given if isinstance(given, Image.Image) else picture_of(given, kind.levels))


def shown(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An image of any number of channels as one that can be seen, H×W×3; a small one larger, each pixel a square."""
    return enlarged(coloured(image), _SEEN)


def called(dataset: Dataset, index: int) -> str:
    """What to call an image of a set in a report: its file's name, or its number."""
    return os.path.basename(dataset.paths[index]) if dataset.paths else f"image {index:,}"
