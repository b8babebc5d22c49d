"""An image as a network sees it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from hubel.base.errors import SettingError
from hubel.data import image_files
from hubel.look.access.models import of_any_model
from hubel.tasks import LoadedModel, need_pictures


@dataclass(frozen=True, eq=False)
class Sample:
    """One image, prepared for one model.

    name: what to call it. picture: uint8 H×W×C, as the network is given it, before it is normalised.
    input: float32 1×C×H×W, normalised. symbols: of a text, each as it can be seen; its picture is their numbers,
    steps×1×1. visible: the picture as people see it, uint8 H×W×1 or H×W×3, where that is another.
    """

    name: str
    picture: npt.NDArray[np.uint8] = field(repr=False)
    input: torch.Tensor = field(repr=False)
    symbols: tuple[str, ...] = ()
    visible: npt.NDArray[np.uint8] | None = field(default=None, repr=False)

    @property
    def seen(self) -> npt.NDArray[np.uint8]:
        """As people see it."""
        return self.picture if self.visible is None else self.visible


@of_any_model
def sample(
    model: LoadedModel, image: Image.Image | str | os.PathLike[str] | bytes | npt.ArrayLike, name: str = ""
) -> Sample:
    """Prepare an image (a path, a file's bytes, a Pillow image, an array) as the model's own preprocessing says; for a
    model of a language a text, for one that plays its game's word.

    Raises ImageError for a file that cannot be read, ValueError for an array that is not an image, and for a model of
    sequences or of whole numbers that are looked up.
    """
    if not model.task.of_files:
        return _steps(model, image)
    need_pictures(model, "looking at an image")
    picture = model.task.prepared(model, image)
    if not name:
        name = Path(image).name if isinstance(image, (str, os.PathLike)) else "image"
    input = model.preprocessing.normalise(torch.from_numpy(picture.copy())[None])
    return Sample(name, picture, input, (), model.task.visible(picture))


def _steps(model: LoadedModel, given: Any) -> Sample:
    picture = model.task.prepared(model, given)
    input = model.preprocessing.normalise(torch.from_numpy(picture.copy())[None])
    return Sample(given, picture, input, model.task.symbols(picture))


def of_length(model: LoadedModel, sample: Sample) -> LoadedModel:
    """The model for as many steps as a text has; its weights are the same. Any other model as it is."""
    if not sample.symbols or len(sample.symbols) == model.network.input[0]:
        return model
    return replace(model, network=replace(model.network, input=(len(sample.symbols),)))


def samples(model: LoadedModel, images: Any) -> tuple[Sample, ...]:
    """Prepare one image or several: what `sample` takes, or Samples; of a folder, a pattern or a list of images all.

    Raises SettingError where there is none.
    """
    if model.task.of_files and isinstance(images, (str, os.PathLike)):
        images = image_files(images)
    many = images if isinstance(images, (list, tuple)) else [images]
    found = tuple(image if isinstance(image, Sample) else sample(model, image) for image in many)
    if not found:
        raise SettingError("expected one or more images, received none")
    return found


Subject, subject = Sample, sample  # the names that they had before
