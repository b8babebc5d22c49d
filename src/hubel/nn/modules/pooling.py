"""Pools with padding as Keras has it, and over all places."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


class PaddedMaxPool2d(nn.Module):
    """Max pooling whose padding differs from side to side; padded places never win."""

    pool: Callable[..., Tensor] = staticmethod(functional.max_pool2d)

    def __init__(self, kernel_size: Pair, stride: Pair, sides: Sides) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides

    def forward(self, input: Tensor) -> Tensor:
        """Pad with minus infinity, then pool."""
        return self.pool(functional.pad(input, self.sides, value=-torch.inf), self.kernel_size, self.stride)


class PaddedMaxPool1d(PaddedMaxPool2d):
    """Max pooling of steps whose padding differs from end to end."""

    pool = staticmethod(functional.max_pool1d)


class PaddedAvgPool2d(nn.Module):
    """Average pooling whose padding differs from side to side; padded places count only with `count_include_pad`."""

    pool: Callable[..., Tensor] = staticmethod(functional.avg_pool2d)

    def __init__(self, kernel_size: Pair, stride: Pair, sides: Sides, count_include_pad: bool) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Average over padded windows, divided by the share of each that lies in the picture."""
        found = self.pool(functional.pad(input, self.sides), self.kernel_size, self.stride)
        if self.count_include_pad:
            return found
        ones = functional.pad(input.new_ones(1, 1, *input.shape[2:]), self.sides)
        return found / self.pool(ones, self.kernel_size, self.stride)


class PaddedAvgPool1d(PaddedAvgPool2d):
    """Average pooling of steps whose padding differs from end to end."""

    pool = staticmethod(functional.avg_pool1d)


class GlobalAvgPool2d(nn.Module):
    """The mean over height and width: N×C×H×W → N×C, or N×C×1×1 with `keepdims`."""

    def __init__(self, keepdims: bool) -> None:
        super().__init__()
        self.keepdims = keepdims

    def forward(self, input: Tensor) -> Tensor:
        """Average."""
        return input.mean((2, 3), keepdim=self.keepdims)


class GlobalMaxPool2d(GlobalAvgPool2d):
    """The largest number over height and width: N×C×H×W → N×C, or N×C×1×1 with `keepdims`."""

    def forward(self, input: Tensor) -> Tensor:
        """Take the largest; the first of several alone gets the gradient, as in windows."""
        found = functional.adaptive_max_pool2d(input, 1)
        return found if self.keepdims else found.flatten(1)


class GlobalAvgPool1d(GlobalAvgPool2d):
    """The mean over the steps: N×C×T → N×C, or N×C×1 with `keepdims`."""

    def forward(self, input: Tensor) -> Tensor:
        """Average."""
        return input.mean(2, keepdim=self.keepdims)


class GlobalMaxPool1d(GlobalAvgPool2d):
    """The largest number over the steps: N×C×T → N×C, or N×C×1 with `keepdims`."""

    def forward(self, input: Tensor) -> Tensor:
        """Take the largest; the first of several alone gets the gradient, as in windows."""
        found = functional.adaptive_max_pool1d(input, 1)
        return found if self.keepdims else found.flatten(1)
