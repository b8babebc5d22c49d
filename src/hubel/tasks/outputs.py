"""What a network says of images, before any task makes something of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hubel.data import Preprocessing
from hubel.data.feed.device import constant, sent
from hubel.nn import device_of
from hubel.tasks.decoding import Exchange


def outputs(
    module: nn.Module, preprocessing: Preprocessing, images: torch.Tensor, exchange: Exchange | None = None
) -> torch.Tensor:
    """What the network says before a closing softmax or sigmoid, float32, for uint8 images N×H×W×C; with an exchange
    the mean of that and of what it says of the mirrored images.

    A module with `scores` takes such images itself, since what runs it is not PyTorch; one that `mirrors` does that
    itself as well, where it is to be done.
    """
    found = _said(module, preprocessing, images)
    if exchange is None or getattr(module, "mirrors", False):
        return found
    return mean_of(found, _said(module, preprocessing, images.flip(2)), exchange)


def mean_of(found: torch.Tensor, mirrored: torch.Tensor, exchange: Exchange) -> torch.Tensor:
    """The mean of outputs N×C×H×W of images and of those of the mirrored images."""
    back = mirrored.flip(3)
    if exchange.order:
        signs = constant(exchange.signs, back.device, back.dtype)
        back = back[:, list(exchange.order)] * signs[:, None, None]
    return (found + back) / 2


def _said(module: nn.Module, preprocessing: Preprocessing, images: torch.Tensor) -> torch.Tensor:
    network: Any = module
    if hasattr(network, "scores"):
        return network.scores(images)  # type: ignore[no-any-return]
    found: torch.Tensor = network.logits(preprocessing.normalise(sent(images, device_of(module))))
    return found.float()
