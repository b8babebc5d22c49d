"""What an image is compared with: no image at all."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from hubel.base.errors import SettingError
from hubel.tasks import LoadedModel

Baseline = Literal["black", "white", "mean", "blur"]
BASELINES: tuple[str, ...] = get_args(Baseline)
_HEARD = {  # of spectrograms, whose shades are decibels
    "black": "silence",
    "white": "the loudest",
    "mean": "the training sounds' mean loudness",
    "blur": "the sound blurred",
}
_WORDS = {
    "black": "black",
    "white": "white",
    "mean": "the training images' mean colour",
    "blur": "the image blurred",
}


def baseline_of(model: LoadedModel, input: Tensor, wanted: Baseline | None) -> Tensor:
    """Return the baseline for normalised inputs N×C×H×W, normalised as they are."""
    word = _chosen(model, wanted)
    if word == "mean":
        return torch.zeros_like(input)
    if word == "blur":
        side = max(3, min(input.shape[2:]) // 4) | 1
        padded = functional.pad(input, [side // 2] * 4, mode="replicate")
        return functional.avg_pool2d(functional.avg_pool2d(padded, side, 1, side // 2), side, 1)
    level = 0.0 if word == "black" else 1.0
    preprocessing = model.preprocessing
    colour = [(level - mean) / std for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)]
    return input.new_tensor(colour).view(1, -1, 1, 1).expand_as(input).contiguous()


def baseline_name(model: LoadedModel, wanted: Baseline | None) -> str:
    """Return what the baseline is called in a sentence."""
    return (_HEARD if model.preprocessing.fit == "time" else _WORDS)[_chosen(model, wanted)]


def _chosen(model: LoadedModel, wanted: Baseline | None) -> str:
    """Drawings stand on their ground; photographs come out of the dark, as in the paper."""
    if wanted is None:
        return "white" if model.preprocessing.ink == "dark" else "black"
    if wanted not in BASELINES:
        raise SettingError(f"expected baseline as one of {', '.join(BASELINES)}, received {wanted!r}")
    return wanted
