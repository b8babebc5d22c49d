"""From PyTorch's functions to the modules that do the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hubel.arch.ops.functions import PLAIN
from hubel.base.errors import NetworkError
from hubel.nn.modules import ChannelPadding
from hubel.nn.reading.layers import EDGES

_POOL = ("kernel_size", "stride", "padding")
# What a function is as a module, by its plain name, and what its arguments after the first are called.
FUNCTIONS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    **{
        function.torch.lower(): (kind, tuple(getattr(kind, "__constants__", ())))  # ELU: alpha, inplace
        for function in PLAIN.values()
        for kind in (getattr(nn, function.torch),)
    },
    "max_pool1d": (nn.MaxPool1d, (*_POOL, "dilation", "ceil_mode", "return_indices")),
    "max_pool2d": (nn.MaxPool2d, (*_POOL, "dilation", "ceil_mode", "return_indices")),
    "avg_pool1d": (nn.AvgPool1d, (*_POOL, "ceil_mode", "count_include_pad")),
    "avg_pool2d": (nn.AvgPool2d, (*_POOL, "ceil_mode", "count_include_pad", "divisor_override")),
    "adaptive_avg_pool1d": (nn.AdaptiveAvgPool1d, ("output_size",)),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d, ("output_size",)),
    "adaptive_max_pool1d": (nn.AdaptiveMaxPool1d, ("output_size", "return_indices")),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d, ("output_size", "return_indices")),
    "local_response_norm": (nn.LocalResponseNorm, ("size", "alpha", "beta", "k")),
    "dropout": (nn.Dropout, ("p", "training", "inplace")),
    "leaky_relu": (nn.LeakyReLU, ("negative_slope", "inplace")),
    "interpolate": (nn.Upsample, ("size", "scale_factor", "mode", "align_corners")),
    "upsample": (nn.Upsample, ("size", "scale_factor", "mode", "align_corners")),
    "softmax": (nn.Softmax, ("dim",)),
    "log_softmax": (nn.LogSoftmax, ("dim",)),
    "dropout1d": (nn.Dropout1d, ("p", "training", "inplace")),
    "dropout2d": (nn.Dropout2d, ("p", "training", "inplace")),
    "feature_dropout": (nn.Dropout2d, ("p", "training")),
    "elu": (nn.ELU, ("alpha", "inplace")),
    "celu": (nn.CELU, ("alpha", "inplace")),
    "pixel_shuffle": (nn.PixelShuffle, ("upscale_factor",)),
    "pixel_unshuffle": (nn.PixelUnshuffle, ("downscale_factor",)),
    "flatten": (nn.Flatten, ("start_dim", "end_dim")),
    "gelu": (nn.GELU, ("approximate",)),
    "channel_shuffle": (nn.ChannelShuffle, ("groups",)),
    "native_channel_shuffle": (nn.ChannelShuffle, ("groups",)),
}
# The same for functions that are given their weights: the module's own arguments come from the weights' shapes.
WEIGHTED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("conv1d", "conv2d"), ("weight", "bias", "stride", "padding", "dilation", "groups")),
    **dict.fromkeys(
        ("conv_transpose1d", "conv_transpose2d"),
        ("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    ),
    "linear": ("weight", "bias"),
    "layer_norm": ("normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("num_groups", "weight", "bias", "eps"),
    "batch_norm": ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "instance_norm": ("running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
    "prelu": ("weight",),
}
_TENSORS = ("weight", "bias", "running_mean", "running_var")
IGNORED = ("training", "inplace", "_stacklevel", "dtype", "antialias", "recompute_scale_factor")


def module_of(function: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> nn.Module | None:
    """Return the module that does what a function does, `arguments` being those after its input; `None` if unknown."""
    if function == "pad":
        return _padding_of(*arguments, **keywords)
    if function in LIMITS:
        return _limited(*arguments, **keywords)
    if function == "instance_norm":  # without weights of its own
        settings = {**dict(zip(WEIGHTED[function], arguments, strict=False)), **keywords}
        own = settings.get("use_input_stats", True)
        return nn.InstanceNorm2d(0, settings.get("eps", 1e-5)) if own else None
    if function not in FUNCTIONS:
        return None
    kind, names = FUNCTIONS[function]
    settings = {**dict(zip(names, arguments, strict=False)), **keywords}
    if "dropout" in function and settings.pop("train", settings.get("training", True)):  # torch.dropout's name
        raise NetworkError("this dropout is always on, also in evaluation mode; the tree's ends with training")
    settings = {name: value for name, value in settings.items() if name not in IGNORED and value is not None}
    if unknown := set(settings) - set(names):
        raise NetworkError(f"the tree has no layer for {function} with {', '.join(sorted(unknown))}")
    if kind is nn.Flatten:
        settings.setdefault("start_dim", 0)  # the function starts at the batch
    return kind(**settings)


def weighted_module(
    function: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, Tensor]] | None:
    """Return the module that does what a function of an input and weights does, and those by name; `None` if unknown.

    `arguments` are those after the input; of the weights only shapes count.
    """
    if function not in WEIGHTED:
        return None
    settings = {**dict(zip(WEIGHTED[function], arguments, strict=False)), **keywords}
    given = {name: settings.pop(name, None) for name in _TENSORS}
    weights = {name: tensor for name, tensor in given.items() if isinstance(tensor, Tensor)}
    with torch.device("meta"):
        made = _weighted(function, weights, settings)
    return None if made is None else (made, weights)


def _weighted(function: str, weights: Mapping[str, Tensor], settings: dict[str, Any]) -> nn.Module | None:
    if function == "batch_norm":
        if "running_mean" not in weights or settings.pop("training", False):
            return None
        channels, affine = len(weights["running_mean"]), "weight" in weights
        return nn.BatchNorm2d(channels, settings.get("eps", 1e-5), settings.get("momentum", 0.1), affine)
    if function == "instance_norm" and "running_mean" not in weights:
        channels = len(weights["weight"]) if "weight" in weights else 0
        return nn.InstanceNorm2d(channels, settings.get("eps", 1e-5), affine=True) if channels else None
    if "weight" not in weights:
        return None
    if function == "prelu":
        return nn.PReLU(weights["weight"].numel())
    shape, bias = tuple(weights["weight"].shape), "bias" in weights
    if function == "linear":
        return nn.Linear(shape[1], shape[0], bias)
    if function == "layer_norm":
        return nn.LayerNorm(settings["normalized_shape"], settings.get("eps", 1e-5), bias=bias)
    if function == "group_norm":
        return nn.GroupNorm(settings["num_groups"], shape[0], settings.get("eps", 1e-5)) if bias else None
    groups = settings.pop("groups", 1)
    if function.startswith("conv_transpose"):
        turned = nn.ConvTranspose1d if function.endswith("1d") else nn.ConvTranspose2d
        return turned(shape[0], shape[1] * groups, shape[2:], groups=groups, bias=bias, **settings)  # type: ignore[arg-type]
    kind = nn.Conv1d if function == "conv1d" else nn.Conv2d
    return kind(shape[1] * groups, shape[0], shape[2:], groups=groups, bias=bias, **settings)  # type: ignore[arg-type]


LIMITS = ("clamp", "clip", "hardtanh", "clamp_min")


def _limited(
    min: float | None = None,
    max: float | None = None,
    *inplace: bool,
    min_val: float | None = None,
    max_val: float | None = None,
    **keywords: bool,
) -> nn.Module | None:
    """Return the module that keeps numbers within limits; None where there is none, as for hardtanh's own −1 … 1."""
    limits = (min if min_val is None else min_val, max if max_val is None else max_val)
    return nn.ReLU6() if limits == (0, 6) else nn.ReLU() if limits == (0, None) else None


def _padding_of(sides: Any, mode: str = "constant", value: float | None = None) -> nn.Module | None:
    if len(sides) == 6 and not any(sides[:4]) and min(sides) >= 0 and mode == "constant" and not value:
        return ChannelPadding(*sides[4:])
    sides = (*sides, *[0] * (4 - len(sides)))
    kind = {"constant": nn.ZeroPad2d, **EDGES}.get(mode)
    if kind is None or value or len(sides) != 4 or (mode != "constant" and min(sides) < 0):
        return None
    return kind(sides)
