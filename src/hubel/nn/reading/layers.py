"""From PyTorch's ordinary modules and functions to the tree's layers, exactly or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

import hubel.arch as arch
from hubel.arch import Layer, Shape
from hubel.arch.ops.functions import PLAIN
from hubel.base.errors import NetworkError
from hubel.nn._build import run_call

Reader = Callable[[Any, Shape], Layer]


def layer_of(module: nn.Module, input: Shape) -> Layer:
    """Return the tree's layer that a module is, for an input of that shape (H×W×C, or features).

    What the tree would build of the layer is compared with the module, setting by setting. Raises `ValueError` where
    there is no such layer, or a setting that it does not have.
    """
    if parametrize.is_parametrized(module):
        raise NetworkError(
            f"its weights are worked out when it runs ({type(module).__name__}); "
            "torch.nn.utils.parametrize.remove_parametrizations makes plain ones of them"
        )
    reader = READERS.get(_known_type(module))
    if reader is None:
        raise NetworkError(f"the tree has no layer for {type(module).__name__}")
    layer = reader(module, input)
    with torch.device("meta"):
        built = run_call(layer.call(input))
    for setting in _settings(module):
        ours, theirs = getattr(built, setting, None), getattr(module, setting)
        if not _alike(ours, theirs):
            raise NetworkError(f"the tree's {type(layer).__name__} has no {setting}={theirs!r}")
    return layer


def _known_type(module: nn.Module) -> type[nn.Module]:
    """Return PyTorch's class of a module, also where its own subclass changes nothing of what is computed."""
    own = type(module)
    for kind in own.__mro__[:-1]:
        if kind in READERS:
            same = all(getattr(own, name, None) is getattr(kind, name, None) for name in ("forward", "_conv_forward"))
            hooked = module._forward_hooks or module._forward_pre_hooks
            return kind if same and not hooked else own
    return own


def _settings(module: nn.Module) -> list[str]:
    ignored = {"inplace", "name", "dim", "output_size", "start_dim", "end_dim"}
    if isinstance(getattr(module, "padding", None), str):
        ignored.add("padding")
    if getattr(module, "padding", None) in (0, (0, 0)):
        ignored.add("count_include_pad")  # of nothing
    return [name for name in getattr(module, "__constants__", []) if name not in ignored]


def _alike(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, tuple) and isinstance(theirs, (int, float)):
        return ours == (theirs,) * len(ours)
    if isinstance(ours, float) and isinstance(theirs, (int, float)):
        return abs(ours - theirs) < 1e-9
    return bool(ours == theirs) or (not ours and not theirs)  # None is False where a setting is left out


def _convolution(module: Any, input: Shape) -> Layer:
    return arch.Conv2D(
        module.out_channels,
        module.kernel_size,
        strides=module.stride,
        padding=module.padding if isinstance(module.padding, str) else tuple((p, p) for p in module.padding),  # type: ignore[arg-type]
        dilation_rate=module.dilation,
        groups=module.groups,
        use_bias=module.bias is not None,
    )


def _transposed(module: Any, input: Shape) -> Layer:
    return arch.Conv2DTranspose(
        module.out_channels,
        module.kernel_size,
        strides=module.stride,
        padding=tuple((p, p) for p in module.padding),
        output_padding=module.output_padding,
        dilation_rate=module.dilation,
        groups=module.groups,
        use_bias=module.bias is not None,
    )


def _dense(module: Any, input: Shape) -> Layer:
    if len(input) != 1:
        raise NetworkError("a Linear that acts on the columns of a picture is no layer of the tree")
    return arch.Dense(module.out_features, use_bias=module.bias is not None)


def _max_pooling(module: Any, input: Shape) -> Layer:
    return arch.MaxPooling2D(module.kernel_size, module.stride, module.padding, ceil_mode=module.ceil_mode)


def _average_pooling(module: Any, input: Shape) -> Layer:
    return arch.AveragePooling2D(
        module.kernel_size,
        module.stride,
        module.padding,
        ceil_mode=module.ceil_mode,
        count_padding=module.count_include_pad if module.padding not in (0, (0, 0)) else True,
    )


def _adaptive(kind: Any, whole: Any) -> Reader:
    def read(module: Any, input: Shape) -> Layer:
        size = module.output_size if isinstance(module.output_size, tuple) else (module.output_size,) * 2
        size = tuple(given if wanted is None else wanted for wanted, given in zip(size, input[:2], strict=True))
        found: Layer = whole(keepdims=True) if size == (1, 1) else kind(size)
        return found

    return read


def _batch_normalization(module: Any, input: Shape) -> Layer:
    if module.momentum is None or not module.track_running_stats:
        raise NetworkError("the tree's BatchNormalization keeps running statistics with a momentum")
    momentum, affine = round(1 - module.momentum, 12), module.affine
    return arch.BatchNormalization(momentum=momentum, epsilon=module.eps, center=affine, scale=affine)


def _layer_normalization(module: Any, input: Shape) -> Layer:
    if len(input) != 1:
        raise NetworkError("a LayerNorm over the columns of a picture is no layer of the tree")
    return arch.LayerNormalization(module.eps, center=module.bias is not None, scale=module.elementwise_affine)


def _group_normalization(module: Any, input: Shape) -> Layer:
    return arch.GroupNormalization(module.num_groups, module.eps, center=module.affine, scale=module.affine)


def _flatten(module: Any, input: Shape) -> Layer:
    if module.start_dim != 1 or module.end_dim not in (-1, len(input)):
        raise NetworkError(f"flatten({module.start_dim}, {module.end_dim}) does not make a vector of each image")
    return arch.Flatten()


def _softmax(module: Any, input: Shape) -> Layer:
    if module.dim not in (1, 1 - len(input) - 1):
        raise NetworkError(f"the tree's softmax is over the channels, not over dimension {module.dim}")
    return arch.Activation("softmax")


def _upsampling(module: Any, input: Shape) -> Layer:
    scale = module.scale_factor if isinstance(module.scale_factor, tuple) else (module.scale_factor,) * 2
    if None in scale or any(factor != int(factor) for factor in scale):
        raise NetworkError("the tree's UpSampling2D multiplies rows and columns by whole numbers")
    return arch.UpSampling2D(tuple(int(factor) for factor in scale), module.mode)  # type: ignore[arg-type]


def _zero_padding(module: Any, input: Shape) -> Layer:
    left, right, top, bottom = module.padding
    return arch.ZeroPadding2D(((top, bottom), (left, right)))


def _activation(function: str) -> Reader:
    return lambda module, input: arch.Activation(function)


READERS: dict[type[nn.Module], Reader] = {
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed,
    nn.Linear: _dense,
    nn.MaxPool2d: _max_pooling,
    nn.AvgPool2d: _average_pooling,
    nn.AdaptiveAvgPool2d: _adaptive(arch.AdaptiveAveragePooling2D, arch.GlobalAveragePooling2D),
    nn.AdaptiveMaxPool2d: _adaptive(arch.AdaptiveMaxPooling2D, arch.GlobalMaxPooling2D),
    nn.BatchNorm1d: _batch_normalization,
    nn.BatchNorm2d: _batch_normalization,
    nn.LayerNorm: _layer_normalization,
    nn.GroupNorm: _group_normalization,
    nn.LocalResponseNorm: lambda module, input: arch.LocalResponseNormalization(
        module.size, module.alpha, module.beta, module.k
    ),
    nn.Flatten: _flatten,
    nn.Softmax: _softmax,
    nn.Upsample: _upsampling,
    nn.ZeroPad2d: _zero_padding,
    nn.Dropout: lambda module, input: arch.Dropout(module.p),
    nn.LeakyReLU: lambda module, input: arch.LeakyReLU(module.negative_slope),
    nn.ChannelShuffle: lambda module, input: arch.ChannelShuffle(module.groups),
    nn.Identity: lambda module, input: arch.Identity(),
    **{getattr(nn, function.torch): _activation(name) for name, function in PLAIN.items()},
}


_POOL = ("kernel_size", "stride", "padding")
# What a function is as a module, by its plain name, and what its arguments after the first are called.
FUNCTIONS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    **{
        function.torch.lower(): (kind, tuple(getattr(kind, "__constants__", ())))  # ELU: alpha, inplace
        for function in PLAIN.values()
        for kind in (getattr(nn, function.torch),)
    },
    "max_pool2d": (nn.MaxPool2d, (*_POOL, "dilation", "ceil_mode", "return_indices")),
    "avg_pool2d": (nn.AvgPool2d, (*_POOL, "ceil_mode", "count_include_pad", "divisor_override")),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d, ("output_size",)),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d, ("output_size", "return_indices")),
    "local_response_norm": (nn.LocalResponseNorm, ("size", "alpha", "beta", "k")),
    "dropout": (nn.Dropout, ("p", "training", "inplace")),
    "leaky_relu": (nn.LeakyReLU, ("negative_slope", "inplace")),
    "interpolate": (nn.Upsample, ("size", "scale_factor", "mode", "align_corners")),
    "upsample": (nn.Upsample, ("size", "scale_factor", "mode", "align_corners")),
    "softmax": (nn.Softmax, ("dim",)),
    "flatten": (nn.Flatten, ("start_dim", "end_dim")),
    "gelu": (nn.GELU, ("approximate",)),
    "channel_shuffle": (nn.ChannelShuffle, ("groups",)),
    "native_channel_shuffle": (nn.ChannelShuffle, ("groups",)),
}
# The same for functions that are given their weights: the module's own arguments come from the weights' shapes.
WEIGHTED: dict[str, tuple[str, ...]] = {
    "conv2d": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "linear": ("weight", "bias"),
    "layer_norm": ("normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("num_groups", "weight", "bias", "eps"),
    "batch_norm": ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
}
_TENSORS = ("weight", "bias", "running_mean", "running_var")
IGNORED = ("training", "inplace", "_stacklevel", "dtype", "antialias", "recompute_scale_factor")
SUMS = ("add", "iadd", "radd")
CONCATENATIONS = ("cat", "concat", "concatenate")


def module_of(function: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> nn.Module | None:
    """Return the module that does what a function does, `arguments` being those after its input; `None` if unknown."""
    if function == "pad":
        return _padding_of(*arguments, **keywords)
    if function not in FUNCTIONS:
        return None
    kind, names = FUNCTIONS[function]
    settings = {**dict(zip(names, arguments, strict=False)), **keywords}
    if function == "dropout" and settings.get("training", True):
        raise NetworkError("this dropout is always on, also in evaluation mode; the tree's ends with training")
    settings = {name: value for name, value in settings.items() if name not in IGNORED and value is not None}
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
    if "weight" not in weights:
        return None
    shape, bias = tuple(weights["weight"].shape), "bias" in weights
    if function == "linear":
        return nn.Linear(shape[1], shape[0], bias)
    if function == "layer_norm":
        return nn.LayerNorm(settings["normalized_shape"], settings.get("eps", 1e-5), bias=bias)
    if function == "group_norm":
        return nn.GroupNorm(settings["num_groups"], shape[0], settings.get("eps", 1e-5)) if bias else None
    groups = settings.pop("groups", 1)
    return nn.Conv2d(shape[1] * groups, shape[0], shape[2:], groups=groups, bias=bias, **settings)  # type: ignore[arg-type]


def _padding_of(sides: Any, mode: str = "constant", value: float | None = None) -> nn.Module | None:
    if mode != "constant" or value or len(sides) not in (2, 4):
        return None
    return nn.ZeroPad2d((*sides, *[0] * (4 - len(sides))))
