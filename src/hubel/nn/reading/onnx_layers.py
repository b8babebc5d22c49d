"""What ONNX's operators are in the tree, exactly or not at all: one row an operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import hubel.arch as arch
from hubel.arch import Layer
from hubel.arch.ops.functions import PLAIN
from hubel.base.errors import NetworkError
from hubel.nn.inspection.report import TensorShape

Settings = Mapping[str, Any]
Reader = Callable[[Settings, list[TensorShape], TensorShape, TensorShape], Layer]


def _pads(settings: Settings) -> Any:
    automatic = settings.get("auto_pad", b"NOTSET").decode()
    if automatic == "SAME_UPPER":
        return "same"
    if automatic == "SAME_LOWER":
        raise NetworkError("the tree's padding 'same' puts the odd row below, not above")
    top, left, bottom, right = settings.get("pads", (0, 0, 0, 0))
    return (top, bottom), (left, right)


def _pair(settings: Settings, name: str) -> Any:
    return tuple(settings.get(name, (1, 1)))


def _four(given: TensorShape) -> None:
    if len(given) != 4:
        raise NetworkError(f"the tree's pictures have two axes, not {len(given) - 2}")


def _convolution(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    if len(given) == 3:
        return arch.Conv1D(
            weights[0][0],
            weights[0][2],
            strides=settings.get("strides", (1,))[0],
            padding=tuple(settings.get("pads", (0, 0))),
            dilation_rate=settings.get("dilations", (1,))[0],
            groups=settings.get("group", 1),
            use_bias=len(weights) > 1,
        )
    _four(given)
    return arch.Conv2D(
        weights[0][0],
        weights[0][2:],  # type: ignore[arg-type]
        strides=_pair(settings, "strides"),
        padding=_pads(settings),
        dilation_rate=_pair(settings, "dilations"),
        groups=settings.get("group", 1),
        use_bias=len(weights) > 1,
    )


def _transposed(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    _four(given)
    if "output_shape" in settings or settings.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise NetworkError("the tree's Conv2DTranspose has no output_shape and no auto_pad")
    groups = settings.get("group", 1)
    return arch.Conv2DTranspose(
        weights[0][1] * groups,
        weights[0][2:],  # type: ignore[arg-type]
        strides=_pair(settings, "strides"),
        padding=_pads(settings),
        output_padding=tuple(settings.get("output_padding", (0, 0))),
        dilation_rate=_pair(settings, "dilations"),
        groups=groups,
        use_bias=len(weights) > 1,
    )


def _dense(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    plain = settings.get("alpha", 1.0) == 1.0 and settings.get("beta", 1.0) == 1.0 and not settings.get("transA", 0)
    if len(given) != 2 or not weights or not plain:
        raise NetworkError("no dense layer: a tree multiplies a vector of each image by stored weights")
    return arch.Dense(made[1], use_bias=len(weights) > 1)


def _max_pooling(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    _four(given)
    if _pair(settings, "dilations") != (1, 1):
        raise NetworkError("the tree's MaxPooling2D has no dilations")
    return arch.MaxPooling2D(
        tuple(settings["kernel_shape"]),
        _pair(settings, "strides"),
        _pads(settings),
        ceil_mode=bool(settings.get("ceil_mode", 0)),
    )


def _average_pooling(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    _four(given)
    return arch.AveragePooling2D(
        tuple(settings["kernel_shape"]),
        _pair(settings, "strides"),
        _pads(settings),
        ceil_mode=bool(settings.get("ceil_mode", 0)),
        count_padding=bool(settings.get("count_include_pad", 0)),
    )


def _clip(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    low, high = settings.get("min"), settings.get("max")
    if (low, high) != (0, 6):
        raise NetworkError(f"the tree's relu6 clips to 0 … 6, not to {low} … {high}")
    return arch.Activation("relu6")


def _softmax(function: str) -> Reader:
    def read(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
        axis = settings.get("axis", 1) % len(given)
        if axis != 1:
            raise NetworkError(f"the tree's {function} is over the channels, not over dimension {axis}")
        return arch.Activation(function)

    return read


def _normalization(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    momentum, epsilon = settings.get("momentum", 0.9), settings.get("epsilon", 1e-5)
    return arch.BatchNormalization(momentum=round(momentum, 6), epsilon=float(f"{epsilon:.6g}"))


def _local_response(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    alpha, beta, k = (float(f"{settings.get(n, d):.6g}") for n, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return arch.LocalResponseNormalization(int(settings["size"]), alpha, beta, k)


def _short(value: float) -> float:
    """Write a number of 32 bits with as many digits as it has."""
    return float(f"{value:.6g}")


def _layer_normalization(
    settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape
) -> Layer:
    if settings.get("axis", -1) not in (-1, len(given) - 1):
        raise NetworkError("the tree's LayerNormalization is over the channels of each place")
    return arch.LayerNormalization(_short(settings.get("epsilon", 1e-5)), center=len(weights) > 1)


def _hard_sigmoid(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    if abs(settings.get("alpha", 0.2) - 1 / 6) > 1e-6 or settings.get("beta", 0.5) != 0.5:
        raise NetworkError("the tree's hard_sigmoid is min(max(x + 3, 0), 6)/6")
    return arch.Activation("hard_sigmoid")


def _depth_to_space(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    if settings.get("mode", b"DCR") != b"CRD":
        raise NetworkError("the tree's PixelShuffle has the channels before their block (mode CRD)")
    return arch.PixelShuffle(settings["blocksize"])


def _activation(function: str) -> Reader:
    return lambda settings, weights, given, made: arch.Activation(function)


READERS: dict[str, Reader] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Gemm": _dense,
    "MatMul": _dense,
    "MaxPool": _max_pooling,
    "AveragePool": _average_pooling,
    "GlobalAveragePool": lambda settings, weights, given, made: (
        arch.GlobalAveragePooling2D if len(given) == 4 else arch.GlobalAveragePooling1D
    )(keepdims=True),
    "GlobalMaxPool": lambda settings, weights, given, made: (
        arch.GlobalMaxPooling2D if len(given) == 4 else arch.GlobalMaxPooling1D
    )(keepdims=True),
    "BatchNormalization": _normalization,
    "LRN": _local_response,
    "Clip": _clip,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "LayerNormalization": _layer_normalization,
    "InstanceNormalization": lambda settings, weights, given, made: arch.InstanceNormalization(
        _short(settings.get("epsilon", 1e-5))
    ),
    "Elu": lambda settings, weights, given, made: (
        arch.Activation("elu") if settings.get("alpha", 1.0) == 1 else arch.ELU(_short(settings["alpha"]))
    ),
    "Celu": lambda settings, weights, given, made: arch.CELU(_short(settings.get("alpha", 1.0))),
    "PRelu": lambda settings, weights, given, made: arch.PReLU(prod(weights[0]) == 1 < given[1]),
    "HardSigmoid": _hard_sigmoid,
    "DepthToSpace": _depth_to_space,
    "Dropout": lambda settings, weights, given, made: arch.Dropout(round(settings.get("ratio", 0.5), 6)),
    "Identity": lambda settings, weights, given, made: arch.Identity(),
    "LeakyRelu": lambda settings, weights, given, made: arch.LeakyReLU(round(settings.get("alpha", 0.01), 6)),
    **{function.onnx: _activation(name) for name, function in PLAIN.items() if function.onnx and name != "elu"},
}
