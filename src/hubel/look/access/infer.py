"""A trained network run once over many images, at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from hubel.base.errors import SettingError
from hubel.base.names import listing
from hubel.data import Dataset
from hubel.nn import device_of, evaluation_mode
from hubel.tasks import LoadedModel, require_names

BATCH = 256


def logits(model: LoadedModel, images: torch.Tensor) -> torch.Tensor:
    """What the network says before a closing softmax: float32, N×classes, for uint8 images N×H×W×C."""
    network: Any = model.module
    return _batched(model, images, network.logits, len(model.classes))


def features(model: LoadedModel, images: torch.Tensor) -> torch.Tensor:
    """What the network's last weights are given: float32, N×features, for uint8 images N×H×W×C."""
    network: Any = model.module
    return _batched(model, images, network.penultimate, 0)


def probabilities_of(model: LoadedModel, inputs: torch.Tensor) -> torch.Tensor:
    """The class probabilities, float32 N×classes on the processor, for inputs N×C×H×W that are normalised already."""
    require_names(model)
    network: Any = model.module
    with torch.inference_mode():
        scores: torch.Tensor = network.logits(inputs.to(device_of(model.module)))
    return scores.float().cpu().softmax(1)


def _batched(
    model: LoadedModel, images: torch.Tensor, run: Callable[[torch.Tensor], torch.Tensor], width: int
) -> torch.Tensor:
    found = list(in_batches(model, images, run))
    return torch.cat(found) if found else torch.empty(0, width)


def in_batches(
    model: LoadedModel, images: torch.Tensor, run: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[torch.Tensor]:
    """What `run` makes of normalised inputs, float32 on the processor, for `BATCH` images at a time."""
    device = device_of(model.module)
    with evaluation_mode(model.module), torch.inference_mode():
        for part in images.split(BATCH):
            yield run(model.preprocessing.normalise(part.to(device))).float().cpu()


def check_fits(model: LoadedModel, dataset: Dataset) -> None:
    """Raise ValueError where a model does not classify, where a set's classes are not its own, in its order, or where
    images are of another size.
    """
    require_names(model)
    name = dataset.name or "the data set"
    if dataset.classes != model.classes:
        raise SettingError(
            f"expected the model's classes in its order ({listing(model.classes, 8)}), received "
            f"{listing(dataset.classes, 8)} from {name}"
        )
    check_size(model, dataset)


def check_size(model: LoadedModel, dataset: Dataset) -> None:
    """Raise ValueError where a set's images are of another size than the model takes."""
    shape = (model.preprocessing.height, model.preprocessing.width, model.preprocessing.channels)
    if dataset.shape != shape:
        raise SettingError(
            f"expected images of {'×'.join(map(str, shape))}, received {'×'.join(map(str, dataset.shape))} from "
            f"{dataset.name or 'the data set'}; load it with size={shape[:2]}, channels={shape[2]}"
        )
