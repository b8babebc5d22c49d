"""Where training starts from: kernels drawn at random, or trained weights and the scale of pixels that they know."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from torch import nn

from hubel.arch import Network
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.train.recipe.recipe import Recipe
from hubel.zoo import encoder_of

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's documentation of its models
# whose ImageNet weights were trained on pixels from -1 to 1: torchvision's two (its `transform_input` undoes ImageNet's
# scaling for them), and the EfficientNet-Lites (tensorflow/tpu, models/official/efficientnet/lite: 127 and 128)
_SYMMETRIC = ("googlenet_bn", "inception_v3", "efficientnet_lite0")


def start_weights(module: nn.Module, recipe: Recipe) -> None:
    """Start the kernels as the recipe says: "glorot" (Glorot, Bengio 2010: uniform, zero biases, as Keras does), "he"
    (He et al. 2015: normal, zero biases), or "pytorch", which leaves PyTorch's own start.
    """
    if recipe.initializer == "pytorch":
        return
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if recipe.initializer == "he":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def pixel_scale(
    recipe: Recipe, network: Network, measured: Preprocessing, about: Mapping[str, Any]
) -> tuple[Recipe, Preprocessing]:
    """The recipe with `pixels` decided, and the preprocessing with the mean and deviation that follow from it.

    measured: the preprocessing for the training data. about: what the file of weights says of itself, if anything.
    Raises ValueError where the file is to say how pixels are scaled, and does not for so many channels.
    """
    own = about.get("preprocessing")
    known = None if own is None else Preprocessing.from_json(json.dumps(own))
    if known is not None and known.channels != measured.channels:
        known = None
    choice = recipe.pixels
    if choice == "auto":
        if known is not None:
            choice = "weights"
        elif not recipe.weights or measured.channels != 3:
            choice = "data"
        else:
            choice = "symmetric" if (encoder_of(network.name) or network.name) in _SYMMETRIC else "imagenet"
    if choice == "weights":
        if known is None:
            raise SettingError(
                f"recipe: expected pixels = 'weights' with weights that say how pixels are scaled, received "
                f"{recipe.weights or 'none'}; 'imagenet', 'symmetric' and 'data' are known without"
            )
        mean, std = known.mean, known.std
    elif choice == "imagenet" and measured.channels == 3:
        mean, std = _IMAGENET
    elif choice == "imagenet":
        raise SettingError(
            "recipe: expected pixels = 'imagenet' with images of 3 channels, received 1; 'data' would do"
        )
    elif choice == "symmetric":
        mean = std = (0.5,) * measured.channels
    else:
        mean, std = measured.mean, measured.std
    return recipe.replace(pixels=choice), dataclasses.replace(measured, mean=tuple(mean), std=tuple(std))
