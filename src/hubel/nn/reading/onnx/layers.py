"""ONNX's operators that are layers of the tree, exactly or not at all: one row an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import hubel.arch as arch
from hubel.arch import Layer
from hubel.arch.ops.functions import PLAIN
from hubel.base.errors import NetworkError
from hubel.nn.inspection.report import TensorShape
from hubel.nn.reading.composed import limited
from hubel.nn.reading.onnx.node import Instead, Node, Reader, per_channel

Settings = Mapping[str, Any]


def _pads(node: Node, window: Sequence[int]) -> Any:
    """Return what an operator pads along each axis, before and after, for the sizes that it is given."""
    settings, axes = node.settings, len(node.given) - 2
    automatic = settings.get("auto_pad", b"NOTSET").decode()
    if automatic == "SAME_UPPER" and axes == 2:
        return "same"
    pads = settings.get("pads", (0,) * 2 * axes) if automatic == "NOTSET" else (0,) * 2 * axes
    if automatic.startswith("SAME"):
        strides, dilations = (settings.get(name, (1,) * axes) for name in ("strides", "dilations"))
        sides = zip(node.given[2:], window, strides, dilations, strict=True)
        needed = [max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n) for n, k, s, d in sides]
        pads = _halves(needed, automatic)
    return tuple(zip(pads[:axes], pads[axes:], strict=True))


def _halves(needed: Sequence[int], automatic: str) -> list[int]:
    """Put the odd row after the picture, or before it, of what is padded along each axis."""
    before = [(one + (automatic != "SAME_UPPER")) // 2 for one in needed]
    return [*before, *(one - first for one, first in zip(needed, before, strict=True))]


def _pair(settings: Settings, name: str) -> Any:
    return tuple(settings.get(name, (1, 1)))


def _four(given: TensorShape) -> None:
    if len(given) != 4:
        raise NetworkError(f"the tree's pictures have two axes, not {len(given) - 2}")


def _convolution(node: Node) -> Layer | Instead:
    if len(node.given) == 3:
        return arch.Conv1D(
            node.weights[0][0],
            node.weights[0][2],
            strides=node.settings.get("strides", (1,))[0],
            padding=_pads(node, node.weights[0][2:])[0],
            dilation_rate=node.settings.get("dilations", (1,))[0],
            groups=node.settings.get("group", 1),
            use_bias=len(node.weights) > 1,
        )
    _four(node.given)
    pads, before = _pads(node, node.weights[0][2:]), node.before
    sides = arch.both_sides(before.padding) if isinstance(before, arch.ZeroPadding2D) else ()
    # what is uneven PyTorch's convolutions do not have, and it is written before them
    alone = any(one != other for one, other in sides) and pads == ((0, 0), (0, 0))
    layer = arch.Conv2D(
        node.weights[0][0],
        node.weights[0][2:],  # type: ignore[arg-type]
        strides=_pair(node.settings, "strides"),
        padding=before.padding if alone else pads,
        dilation_rate=_pair(node.settings, "dilations"),
        groups=node.settings.get("group", 1),
        use_bias=len(node.weights) > 1,
    )
    return Instead(layer) if alone else layer


def _transposed(node: Node) -> Layer:
    _four(node.given)
    groups, automatic = node.settings.get("group", 1), node.settings.get("auto_pad", b"NOTSET").decode()
    strides, dilations = _pair(node.settings, "strides"), _pair(node.settings, "dilations")
    more = tuple(node.settings.get("output_padding", (0, 0)))
    pads = _pads(node, ()) if automatic in ("NOTSET", "VALID") else ()
    if "output_shape" in node.settings or not pads:
        sides = zip(node.given[2:], node.weights[0][2:], strides, dilations, more, node.made[2:], strict=True)
        needed = [(n - 1) * s + d * (k - 1) + 1 + o - made for n, k, s, d, o, made in sides]
        if min(needed) < 0:
            raise NetworkError("the tree's Conv2DTranspose gives no rows and columns besides those of its windows")
        halves = _halves(needed, automatic)
        pads = tuple(zip(halves[:2], halves[2:], strict=True))
    return arch.Conv2DTranspose(
        node.weights[0][1] * groups,
        node.weights[0][2:],  # type: ignore[arg-type]
        strides=strides,
        padding=pads,
        output_padding=more,
        dilation_rate=dilations,
        groups=groups,
        use_bias=len(node.weights) > 1,
    )


def _dense(node: Node) -> Layer:
    plain = (
        node.settings.get("alpha", 1.0) == 1.0
        and node.settings.get("beta", 1.0) == 1.0
        and not node.settings.get("transA", 0)
    )
    places = node.order == "last" and len(node.weights[:1]) and len(node.weights[0]) == 2  # a layer for each place
    if not (len(node.given) == 2 or places) or not node.weights or not plain:
        raise NetworkError("no dense layer: a tree multiplies a vector of each image by stored weights")
    return arch.Dense(node.made[-1], use_bias=len(node.weights) > 1)


def _pooling(node: Node, of_steps: Any, of_pictures: Any, **settings: Any) -> Layer:
    axes = len(node.given) - 2
    if axes != 1:
        _four(node.given)
    if set(node.settings.get("dilations", (1,))) != {1}:
        raise NetworkError(f"the tree's {of_pictures.__name__} has no dilations")
    window, strides = (tuple(node.settings.get(name, (1,) * axes)) for name in ("kernel_shape", "strides"))
    pads, kind = _pads(node, window), of_steps if axes == 1 else of_pictures
    rounded = node.settings.get("auto_pad", b"").startswith(b"SAME")  # up, and padded for that
    ceil_mode = bool(node.settings.get("ceil_mode", 0)) and not rounded
    found: Layer = kind(window, strides, pads[0] if axes == 1 else pads, ceil_mode=ceil_mode, **settings)
    return found


def _average_pooling(node: Node) -> Layer:
    counted = bool(node.settings.get("count_include_pad", 0))
    return _pooling(node, arch.AveragePooling1D, arch.AveragePooling2D, count_padding=counted)


def _clip(node: Node) -> Layer:
    limits = [node.settings.get(name, node.array(place)) for name, place in (("min", 1), ("max", 2))]  # old files, new
    low, high = (None if limit is None else float(limit) for limit in limits)
    if (low, high) in ((0, 6), (0, None)):
        return arch.Activation("relu6" if high else "relu")
    layer = None if low is None is high else limited(low, high)
    if layer is None:
        raise NetworkError(f"the tree has no layer that clips to {low} … {high}")
    return layer


def _softmax(function: str) -> Reader:
    def read(node: Node) -> Layer:
        old = node.version < 13  # where all from that axis on are one
        axis = node.settings.get("axis", 1 if old else -1) % len(node.given)
        if old and prod(node.given[axis + 1 :]) > 1:
            raise NetworkError(f"the tree's {function} is over the channels, not over all from dimension {axis} on")
        if axis != (len(node.given) - 1 if node.order == "last" else 1):
            raise NetworkError(f"the tree's {function} is over the channels, not over dimension {axis}")
        return arch.Activation(function)

    return read


def _normalization(node: Node) -> Layer | None:
    if node.order != "first" and len(node.given) > 2:
        return None
    if node.settings.get("training_mode", 0) or not node.settings.get("spatial", 1):
        raise NetworkError("the tree's BatchNormalization normalises channels, by statistics that stay once trained")
    momentum, epsilon = node.settings.get("momentum", 0.9), node.settings.get("epsilon", 1e-5)
    return arch.BatchNormalization(momentum=round(momentum, 6), epsilon=float(f"{epsilon:.6g}"))


def _local_response(node: Node) -> Layer:
    alpha, beta, k = (
        float(f"{node.settings.get(n, d):.6g}") for n, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    return arch.LocalResponseNormalization(int(node.settings["size"]), alpha, beta, k)


def _short(value: float) -> float:
    """Write a number of 32 bits with as many digits as it has."""
    return float(f"{value:.6g}")


def _layer_normalization(node: Node) -> Layer:
    if len(node.given) > 2 and node.order != "last":
        raise NetworkError("a LayerNormalization over the columns of a picture is no layer of the tree")
    if node.settings.get("axis", -1) not in (-1, len(node.given) - 1):
        raise NetworkError("the tree's LayerNormalization is over the channels of each place")
    return arch.LayerNormalization(_short(node.settings.get("epsilon", 1e-5)), center=len(node.weights) > 1)


def _group_normalization(node: Node) -> Layer:
    affine = any(map(node.constants.count, node.inputs[1:]))
    if affine and {prod(weights) for weights in node.weights} != {node.given[1]}:
        raise NetworkError(
            "the tree's GroupNormalization has a factor and a shift for each channel, not for each group"
        )
    epsilon = _short(node.settings.get("epsilon", 1e-5))
    return arch.GroupNormalization(node.settings["num_groups"], epsilon, center=affine, scale=affine)


def _instance_normalization(node: Node) -> Layer:
    affine = any(map(node.constants.count, node.inputs[1:]))
    return arch.InstanceNormalization(_short(node.settings.get("epsilon", 1e-5)), center=affine, scale=affine)


def _hard_sigmoid(node: Node) -> Layer:
    if abs(node.settings.get("alpha", 0.2) - 1 / 6) > 1e-6 or node.settings.get("beta", 0.5) != 0.5:
        raise NetworkError("the tree's hard_sigmoid is min(max(x + 3, 0), 6)/6")
    return arch.Activation("hard_sigmoid")


def _depth_to_space(node: Node) -> Layer | arch.Chain:
    size = node.settings["blocksize"]
    shuffle = arch.PixelShuffle(size)
    if node.settings.get("mode", b"DCR") == b"CRD" or node.given[1] == size**2:
        return shuffle
    channels = node.given[1] // size**2  # which come after their block
    order = (place * channels + channel for channel in range(channels) for place in range(size**2))
    return arch.Chain(arch.SelectChannels(tuple(order)), shuffle)


def _space_to_depth(node: Node) -> Layer | arch.Chain:
    size, channels = node.settings["blocksize"], node.given[1]
    order = tuple(channel * size**2 + place for place in range(size**2) for channel in range(channels))
    unshuffle = arch.PixelUnshuffle(size)
    return unshuffle if channels == 1 else arch.Chain(unshuffle, arch.SelectChannels(order))


def _bound(node: Node) -> Layer | None:
    """The larger or the smaller of each number and a stored one."""
    number = node.array(int(node.inputs[0] in node.takes)) if len(node.inputs) == 2 else None
    if number is None or number.size != 1:
        return None
    value = _short(float(number.reshape(-1)[0]))
    if node.kind == "Max" and value == 0:
        return arch.Activation("relu")
    return limited(*((value, None) if node.kind == "Max" else (None, value)))


def _power(node: Node) -> arch.Chain | None:
    exponent = node.array(1)
    if exponent is None or exponent.size != 1 or float(exponent.reshape(-1)[0]) != 2:
        raise NetworkError("of powers a tree has squares alone")
    return arch.Chain(arch.Product(arch.Identity(), arch.Identity()))


def _selu(node: Node) -> Layer:
    given = {name: node.settings.get(name, own) for name, own in _SELU.items()}
    if any(abs(given[name] - own) > 1e-4 for name, own in _SELU.items()):
        raise NetworkError(f"the tree's selu has alpha {_SELU['alpha']} and gamma {_SELU['gamma']}")
    return arch.Activation("selu")


_SELU = {"alpha": 1.67326, "gamma": 1.0507}


def _prelu(node: Node) -> Layer:
    shared = prod(node.weights[0]) == 1
    if not shared and not per_channel(node):
        raise NetworkError("the tree's PReLU has one slope for each channel, or one for all")
    return arch.PReLU(shared and node.given[1] > 1)


def _dropout(node: Node) -> Layer:
    rate, always = node.settings.get("ratio", 0.5), node.version < 7 and not node.settings.get("is_test", 0)
    if node.version >= 12:  # of which both are tensors
        given = [node.array(place) if len(node.inputs) > place and node.inputs[place] else None for place in (1, 2)]
        rate = 0.5 if given[0] is None else float(given[0])
        always = bool(given[1] is not None and given[1])
    if always:
        raise NetworkError("this dropout is always on, also where the file predicts; the tree's ends with training")
    return arch.Dropout(round(rate, 6))


def _activation(function: str) -> Reader:
    return lambda node: arch.Activation(function)


def _lying(reader: Reader, *orders: str) -> Reader:
    def read(node: Node) -> Any:
        if node.order not in orders:
            raise NetworkError("is given a tensor whose channels lie elsewhere")
        return reader(node)

    return read


_FIRST: dict[str, Reader] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MaxPool": lambda node: _pooling(node, arch.MaxPooling1D, arch.MaxPooling2D),
    "AveragePool": _average_pooling,
    "GlobalAveragePool": lambda node: (
        arch.GlobalAveragePooling2D if len(node.given) == 4 else arch.GlobalAveragePooling1D
    )(keepdims=True),
    "GlobalMaxPool": lambda node: (arch.GlobalMaxPooling2D if len(node.given) == 4 else arch.GlobalMaxPooling1D)(
        keepdims=True
    ),
    "LRN": _local_response,
    "Compete": lambda node: arch.GlobalResponseNormalization(_short(node.settings["epsilon"])),
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "PRelu": _prelu,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Radial": lambda node: arch.RadialBasis(node.made[1]) if len(node.given) == 2 else None,
}
_LAST: dict[str, Reader] = {
    "LayerNormalization": _layer_normalization,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
}
# of each number by itself, or of vectors that have weights for each
_ANYWHERE: dict[str, Reader] = {
    "Gemm": _dense,
    "MatMul": _dense,
    "BatchNormalization": _normalization,
    "Dropout": _dropout,
    "Clip": _clip,
    "Max": _bound,
    "Min": _bound,
    "Pow": _power,
    "Elu": lambda node: (
        arch.Activation("elu") if node.settings.get("alpha", 1.0) == 1 else arch.ELU(_short(node.settings["alpha"]))
    ),
    "Celu": lambda node: arch.CELU(_short(node.settings.get("alpha", 1.0))),
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": lambda node: arch.LeakyReLU(round(node.settings.get("alpha", 0.01), 6)),
    **{function.onnx: _activation(name) for name, function in PLAIN.items() if function.onnx and name != "elu"},
    "Selu": _selu,
    "Gelu": lambda node: arch.Activation("gelu_tanh" if node.settings.get("approximate") == b"tanh" else "gelu"),
    "GeluOfTanh": _activation("gelu_tanh"),
}
LAYERS: dict[str, Reader] = {
    **{kind: _lying(reader, "first") for kind, reader in _FIRST.items()},
    **{kind: _lying(reader, "first", "last") for kind, reader in _LAST.items()},
    **{kind: _lying(reader, "first", "last", "flat") for kind, reader in _ANYWHERE.items()},
}
