"""From PyTorch's ordinary modules and functions to the tree's layers, exactly or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import nn

import hubel.arch as arch
from hubel.arch import Layer, Shape
from hubel.arch.ops.functions import PLAIN
from hubel.base.errors import NetworkError
from hubel.nn._build import run_call
from hubel.nn.modules import ChannelPadding, Rescale

Reader = Callable[[Any, Shape], Layer]


def layer_of(module: nn.Module, input: Shape) -> Layer:
    """Return the tree's layer that a module is, for an input of that shape (H×W×C, or features).

    What the tree would build of the layer is compared with the module, setting by setting. Raises `ValueError` where
    there is no such layer, or a setting that it does not have.
    """
    reader = READERS.get(_known_type(module))
    if reader is None:
        raise NetworkError(f"the tree has no layer for {type(module).__name__}")
    layer = reader(module, input)
    if isinstance(module, (nn.InstanceNorm1d, nn.InstanceNorm2d)):  # which the tree builds as a group normalisation
        return layer
    with torch.device("meta"):
        built = run_call(layer.call(input))
    for setting in _settings(module):
        ours, theirs = getattr(built, setting, None), getattr(module, setting)
        if not _alike(ours, theirs):
            raise NetworkError(f"the tree's {type(layer).__name__} has no {setting}={theirs!r}")
    return layer


def before_it(module: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """Return the two modules that one of PyTorch's is, where it is two layers of the tree; None where it is one.

    A convolution of mirrored, repeated or circular edges pads first; padding on one side and cropping on another crops
    first.
    """
    if type(module) is nn.Conv2d and module.padding_mode in EDGES and isinstance(module.padding, tuple):
        rows, columns = module.padding
        with torch.device("meta"):
            plain = nn.Conv2d(
                module.in_channels,
                module.out_channels,
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                dilation=module.dilation,  # type: ignore[arg-type]
                groups=module.groups,
                bias=module.bias is not None,
            )
        return EDGES[module.padding_mode]((columns, columns, rows, rows)), plain
    if type(module) is nn.ZeroPad2d and min(module.padding) < 0 < max(module.padding):
        crop, pad = (tuple(limit(side, 0) for side in module.padding) for limit in (min, max))
        return nn.ZeroPad2d(crop), nn.ZeroPad2d(pad)  # type: ignore[arg-type]
    return None


EDGES = {"reflect": nn.ReflectionPad2d, "replicate": nn.ReplicationPad2d, "circular": nn.CircularPad2d}


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
    ignored = {"inplace", "name", "min_val", "max_val", "dim", "output_size", "start_dim", "end_dim"}
    ignored |= {"unflattened_size"}
    if isinstance(getattr(module, "padding", None), str):
        ignored.add("padding")
    if isinstance(module, nn.Upsample):  # the reader has made factors or a size of it
        ignored |= {"size", "scale_factor"}
    if _unpadded(module):
        ignored.add("count_include_pad")  # of nothing
    return [name for name in getattr(module, "__constants__", []) if name not in ignored]


def _alike(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, tuple) and isinstance(theirs, (int, float)):
        return ours == (theirs,) * len(ours)
    if isinstance(theirs, tuple) and isinstance(ours, (int, float)):
        return theirs == (ours,) * len(theirs)
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


def _sequence_convolution(module: Any, input: Shape) -> Layer:
    return arch.Conv1D(
        module.out_channels,
        module.kernel_size[0],
        strides=module.stride[0],
        padding=module.padding if isinstance(module.padding, str) else module.padding[0],  # type: ignore[arg-type]
        dilation_rate=module.dilation[0],
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


def _max_pooling(kind: Any) -> Reader:
    def read(module: Any, input: Shape) -> Layer:
        found: Layer = kind(module.kernel_size, module.stride, module.padding, ceil_mode=module.ceil_mode)
        return found

    return read


def _average_pooling(kind: Any) -> Reader:
    def read(module: Any, input: Shape) -> Layer:
        found: Layer = kind(
            module.kernel_size,
            module.stride,
            module.padding,
            ceil_mode=module.ceil_mode,
            count_padding=module.count_include_pad or _unpadded(module),
        )
        return found

    return read


def _unpadded(module: nn.Module) -> bool:
    return getattr(module, "padding", None) in (0, (0,), (0, 0))


def _adaptive(kind: Any, whole: Any) -> Reader:
    def read(module: Any, input: Shape) -> Layer:
        size = module.output_size if isinstance(module.output_size, tuple) else (module.output_size,) * whole.axes
        size = tuple(given if wanted is None else wanted for wanted, given in zip(size, input[:-1], strict=True))
        if kind is None and size != (1,):
            raise NetworkError(f"of sequences a tree has {type(module).__name__}(1) alone, not to {size[0]} steps")
        found: Layer = whole(keepdims=True) if set(size) == {1} else kind(size)
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


def _unflatten(module: Any, input: Shape) -> Layer:
    sizes = tuple(module.unflattened_size)
    if len(input) != 1 or module.dim not in (1, -1) or not all(isinstance(n, int) for n in sizes) or len(sizes) > 3:
        raise NetworkError("a tree makes pictures and sequences of vectors alone")
    target = (*sizes[1:], sizes[0])
    if -1 in target:
        target = tuple(input[0] // -prod(target) if size == -1 else size for size in target)
    return arch.Reshape(target)


def _softmax(function: str) -> Reader:
    def read(module: Any, input: Shape) -> Layer:
        if module.dim not in (1, 1 - len(input) - 1):
            raise NetworkError(f"the tree's {function} is over the channels, not over dimension {module.dim}")
        return arch.Activation(function)

    return read


def _upsampling(module: Any, input: Shape) -> Layer:
    if len(input) != 3:
        raise NetworkError(f"{module.mode} interpolation of what is no picture is no layer of the tree")
    scale = module.scale_factor if isinstance(module.scale_factor, tuple) else (module.scale_factor,) * 2
    if module.scale_factor is None:
        size = module.size if isinstance(module.size, (tuple, list)) else (module.size,) * 2
        scale = tuple(int(wanted) / given for wanted, given in zip(size, input[:2], strict=True))
    made = tuple(given * factor for given, factor in zip(input[:2], scale, strict=True))
    return resized(input, made, module.mode, bool(module.align_corners))


def resized(input: Shape, made: Sequence[float], mode: str, aligned: bool) -> Layer:
    """Return the layer that makes a picture so large: of whole times the size, or of any."""
    rows, columns = (round(length) for length in made)
    if any(abs(length - round(length)) > 1e-6 for length in made):
        raise NetworkError(
            f"{made[0]:g}×{made[1]:g} is no size of a picture: the tree resizes by what gives whole sizes"
        )
    if rows % input[0] or columns % input[1]:
        return arch.Resizing((rows, columns), mode, aligned and mode == "bilinear")
    return arch.UpSampling2D((rows // input[0], columns // input[1]), mode, aligned and mode == "bilinear")


def _zero_padding(module: Any, input: Shape) -> Layer:
    left, right, top, bottom = module.padding
    if min(module.padding) >= 0:
        return arch.ZeroPadding2D(((top, bottom), (left, right)))
    if max(module.padding) <= 0:
        return arch.Cropping2D(((-top, -bottom), (-left, -right)))
    raise NetworkError("padding on one side and cropping on another are two layers of the tree")


def _constant_padding(module: Any, input: Shape) -> Layer:
    if module.value:
        raise NetworkError(f"the tree pads with zeros, not with {module.value:g}")
    return _zero_padding(module, input)


def _padding(kind: Any) -> Reader:
    def read(module: Any, input: Shape) -> Layer:
        left, right, top, bottom = module.padding
        found: Layer = kind(((top, bottom), (left, right)))
        return found

    return read


def _instance_normalization(module: Any, input: Shape) -> Layer:
    if module.track_running_stats:
        raise NetworkError("the tree's InstanceNormalization has no running statistics")
    return arch.InstanceNormalization(module.eps, center=module.affine, scale=module.affine)


def _hard_tanh(module: Any, input: Shape) -> Layer:
    if (module.min_val, module.max_val) != (0, 6):
        raise NetworkError(f"the tree's relu6 limits to 0 … 6, not to {module.min_val:g} … {module.max_val:g}")
    return arch.Activation("relu6")


def _activation(function: str) -> Reader:
    return lambda module, input: arch.Activation(function)


READERS: dict[type[nn.Module], Reader] = {
    nn.Conv2d: _convolution,
    nn.Conv1d: _sequence_convolution,
    nn.ConvTranspose2d: _transposed,
    nn.Linear: _dense,
    nn.MaxPool2d: _max_pooling(arch.MaxPooling2D),
    nn.MaxPool1d: _max_pooling(arch.MaxPooling1D),
    nn.AvgPool2d: _average_pooling(arch.AveragePooling2D),
    nn.AvgPool1d: _average_pooling(arch.AveragePooling1D),
    nn.AdaptiveAvgPool1d: _adaptive(None, arch.GlobalAveragePooling1D),
    nn.AdaptiveMaxPool1d: _adaptive(None, arch.GlobalMaxPooling1D),
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
    nn.Unflatten: _unflatten,
    nn.Softmax: _softmax("softmax"),
    nn.Upsample: _upsampling,
    nn.ZeroPad2d: _zero_padding,
    nn.ConstantPad2d: _constant_padding,
    ChannelPadding: lambda module, input: arch.ChannelPadding(module.before, module.after),
    nn.SyncBatchNorm: _batch_normalization,
    nn.Softmax2d: lambda module, input: arch.Activation("softmax"),
    nn.ReflectionPad2d: _padding(arch.ReflectionPadding2D),
    nn.ReplicationPad2d: _padding(arch.ReplicationPadding2D),
    nn.CircularPad2d: _padding(arch.CircularPadding2D),
    nn.PixelShuffle: lambda module, input: arch.PixelShuffle(module.upscale_factor),
    nn.PixelUnshuffle: lambda module, input: arch.PixelUnshuffle(module.downscale_factor),
    nn.InstanceNorm1d: _instance_normalization,
    nn.InstanceNorm2d: _instance_normalization,
    nn.PReLU: lambda module, input: arch.PReLU(module.num_parameters == 1 < input[-1]),
    nn.ELU: lambda module, input: arch.Activation("elu") if module.alpha == 1 else arch.ELU(module.alpha),
    nn.CELU: lambda module, input: arch.CELU(module.alpha),
    nn.Hardtanh: _hard_tanh,
    nn.LogSoftmax: _softmax("log_softmax"),
    Rescale: lambda module, input: arch.Rescaling(module.scale, module.offset),
    nn.Dropout1d: lambda module, input: arch.SpatialDropout1D(module.p),
    nn.Dropout2d: lambda module, input: arch.SpatialDropout2D(module.p),
    nn.Dropout: lambda module, input: arch.Dropout(module.p),
    nn.LeakyReLU: lambda module, input: arch.LeakyReLU(module.negative_slope),
    nn.ChannelShuffle: lambda module, input: arch.ChannelShuffle(module.groups),
    nn.Identity: lambda module, input: arch.Identity(),
    **{getattr(nn, function.torch): _activation(name) for name, function in PLAIN.items() if name != "elu"},
    nn.GELU: lambda module, input: arch.Activation("gelu" if module.approximate == "none" else "gelu_tanh"),
}
