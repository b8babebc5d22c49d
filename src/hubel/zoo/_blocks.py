"""The few pieces that several papers share."""

from __future__ import annotations

import math

from hubel.arch import Activation, BatchNormalization, Chain, Conv2D, Padding, Pair
from hubel.base.errors import SettingError


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """The number of channels times `width`, rounded to a multiple and never below one.

    Rounding is that of the MobileNetV2 code: to the nearest multiple, one up where that would lose over a tenth.

    Raises:
        ValueError: if `width` is not positive, or infinite.
    """
    if not 0 < width < math.inf:
        raise SettingError(f"expected a positive width, received width={width!r}; 1.0 is the network of the paper.")
    wanted = channels * width
    rounded = max(multiple, int(wanted + multiple / 2) // multiple * multiple)
    return rounded if rounded >= 0.9 * wanted else rounded + multiple


def conv_norm(
    filters: int, kernel_size: int | Pair, strides: int | Pair = 1, padding: Padding = "valid", epsilon: float = 1e-5
) -> Chain:
    """A convolution without bias and the normalisation after it (Ioffe and Szegedy 2015)."""
    return Chain(
        Conv2D(filters, kernel_size, strides=strides, padding=padding, use_bias=False),
        BatchNormalization(epsilon=epsilon),
    )


def conv_norm_relu(
    filters: int, kernel_size: int | Pair, strides: int | Pair = 1, padding: Padding = "valid", epsilon: float = 1e-5
) -> Chain:
    """A convolution without bias, its normalisation and a ReLU: what most networks since 2015 are made of."""
    return Chain(conv_norm(filters, kernel_size, strides, padding, epsilon), Activation("relu"))
