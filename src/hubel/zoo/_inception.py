"""The pieces of the later inception networks: normalised convolutions, also of one row or one column."""

from __future__ import annotations

from hubel.arch import AveragePooling2D, Chain, Padding, Pair
from hubel.zoo._blocks import conv_norm_relu


def unit(filters: int, kernel_size: int | Pair, strides: int | Pair = 1, padding: Padding = "valid") -> Chain:
    """A convolution, its normalisation (with the authors' epsilon of 0.001) and a ReLU."""
    return conv_norm_relu(filters, kernel_size, strides, padding, epsilon=1e-3)


def row(filters: int, size: int) -> Chain:
    """A 1×size convolution that keeps the size."""
    return unit(filters, (1, size), padding=(0, size // 2))


def column(filters: int, size: int) -> Chain:
    """A size×1 convolution that keeps the size."""
    return unit(filters, (size, 1), padding=(size // 2, 0))


def pooled_branch(filters: int, count_padding: bool = False) -> Chain:
    """The branch that averages 3×3 and then mixes channels by 1×1."""
    pool = AveragePooling2D(3, strides=1, padding=1, count_padding=count_padding)
    return Chain(pool, unit(filters, 1), name="branch_pool")
