"""What a network says of images, before any task makes something of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hubel.data import Preprocessing
from hubel.data.feed.device import sent
from hubel.nn import device_of


def outputs(module: nn.Module, preprocessing: Preprocessing, images: torch.Tensor) -> torch.Tensor:
    """What the network says before a closing softmax or sigmoid, float32, for uint8 images N×H×W×C.

    A module with `scores` takes such images itself, since what runs it is not PyTorch.
    """
    network: Any = module
    if hasattr(network, "scores"):
        return network.scores(images)  # type: ignore[no-any-return]
    found: torch.Tensor = network.logits(preprocessing.normalise(sent(images, device_of(module))))
    return found.float()
