"""A chain of modules as it is run in training: the same function and the same gradient, sooner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.nn import modules

_LANES = 32  # outputs up to which a processor convolves as quickly as with a few
_BLOCK = 16  # channels that oneDNN takes at once, at most


def for_training(chain: list[nn.Module], device: torch.device) -> list[Callable[[Tensor], Tensor]]:
    """A chain's modules with every max pooling before the ReLU it follows, and on a processor merged with a
    convolution of few filters that it then follows.

    A ReLU never changes which number of a window is the largest: what comes out, and the gradient, is the same to the
    bit, and the ReLU has a quarter of the work.
    """
    found: list[Callable[[Tensor], Tensor]] = list(chain)
    for place in range(len(found) - 1):
        first, second = found[place : place + 2]
        if isinstance(first, nn.ReLU) and isinstance(second, (nn.MaxPool2d, modules.PaddedMaxPool2d)):
            found[place : place + 2] = second, first
    if device.type != "cpu":
        return found
    for place in range(len(found) - 2, -1, -1):
        first, second = found[place : place + 2]
        if _merge(first, second):
            found[place : place + 2] = [PooledConvolution(first)]  # type: ignore[arg-type]
    return found


class PointConvolution(nn.Conv2d):
    """A 1×1 convolution in strides that first takes the places it steps on: the same function and gradient.

    oneDNN (3.12, github.com/uxlfoundation/oneDNN/issues/6035) writes past its workspace in the weights' gradient of a
    strided 1×1 convolution of fewer than 16 channels in float32 and channels-last, which ends the process. Without
    strides it does not.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Take every so many rows and columns, then convolve: N×C×H×W → N×filters×⌈H / stride⌉×⌈W / stride⌉."""
        rows, columns = self.stride
        return functional.conv2d(input[:, :, ::rows, ::columns], self.weight, self.bias)


class EdgeConvolution(nn.Conv2d):
    """A convolution in strides whose weights have no gradient where they see padding alone: as it should be.

    On a map of one row or column a 3×3 kernel in steps of two sees little but padding. What oneDNN (3.12) gives in
    bfloat16 as the gradient of such weights is whatever stood in memory: NaN at times.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Convolve with the weights that see the input: N×C×H×W → N×filters×H′×W′."""
        axes = zip(input.shape[2:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        seen = [_seen(*axis) for axis in axes]  # type: ignore[arg-type]
        if all(map(all, seen)):
            return super().forward(input)
        rows, columns = (torch.tensor(each, device=input.device) for each in seen)
        weight = torch.where(rows[:, None] & columns, self.weight, 0)
        return functional.conv2d(input, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def _seen(size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[bool]:
    """Whether each of a kernel's weights along one axis sees the input at any place."""
    places = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    starts = range(-padding, -padding + places * stride, stride)
    return [any(0 <= start + tap * dilation < size for start in starts) for tap in range(kernel)]


def step_first(network: nn.Module) -> None:
    """Make every convolution whose weights' gradient oneDNN gets wrong one for which it does not, in place."""
    for module in network.modules():
        if type(module) is not nn.Conv2d or module.stride == (1, 1):
            continue
        if module.kernel_size != (1, 1) and not isinstance(module.padding, str) and any(module.padding):
            module.__class__ = EdgeConvolution
        elif (
            module.kernel_size == (1, 1)
            and module.padding in ((0, 0), "valid")
            and module.groups == 1
            and module.in_channels < _BLOCK
        ):
            module.__class__ = PointConvolution


class PooledConvolution:
    """A convolution with the 2×2 max pooling after it: N×C×H×W → N×filters×(H / 2)×(W / 2).

    Each filter is there four times, moved by (0, 0), (0, 1), (1, 0) and (1, 1), and all are moved in steps of two: one
    convolution then gives the four numbers of each window as channels, and the largest of them is taken. With six
    filters, most of a processor's vector would lie idle; with twenty-four it does not, and PyTorch's max pooling, which
    is slow for few channels, is not needed.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        self.convolution = convolution

    def __call__(self, input: Tensor) -> Tensor:
        """Convolve with all four, then take the largest."""
        weight, bias = self.convolution.weight, self.convolution.bias
        moved = [functional.pad(weight, (right, 1 - right, down, 1 - down)) for down in (0, 1) for right in (0, 1)]
        biases = None if bias is None else bias.repeat(4)
        padding: Any = self.convolution.padding
        windows = functional.conv2d(input, torch.cat(moved), biases, stride=2, padding=padding)
        found: Tensor = _LargestOfFour.apply(windows)  # type: ignore[no-untyped-call]
        return found


class _LargestOfFour(torch.autograd.Function):
    """The largest of four groups of channels; as in PyTorch's max pooling, the first of equals has the gradient."""

    @staticmethod
    def forward(context: Any, windows: Tensor) -> Tensor:
        """Take the larger of each row of the window, then of the rows."""
        groups = windows.chunk(4, 1)
        upper, lower = torch.maximum(*groups[:2]), torch.maximum(*groups[2:])
        context.save_for_backward(windows, upper, lower)
        return torch.maximum(upper, lower)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """Give the gradient to one of the rows, then to one of its two numbers."""
        windows, *rows = context.saved_tensors
        groups = windows.chunk(4, 1)
        found = torch.empty_like(windows)
        parts = found.chunk(4, 1)
        own = _shared(gradient, *rows)
        for row in (0, 1):
            pair = slice(2 * row, 2 * row + 2)
            for part, share in zip(parts[pair], _shared(own[row], *groups[pair]), strict=True):
                part.copy_(share)
        return found


def _shared(gradient: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient where the first is at least as large as the second, and where not; zeros elsewhere."""
    of_second = torch.ops.aten.threshold_backward(gradient, second - first, 0)
    return gradient - of_second, of_second


def _merge(first: object, second: object) -> bool:
    return (
        type(first) is nn.Conv2d
        and type(second) is nn.MaxPool2d
        and 4 * first.out_channels <= _LANES
        and (first.groups, first.stride, first.dilation) == (1, (1, 1), (1, 1))
        and first.padding_mode == "zeros"
        and not isinstance(first.padding, str)
        and [_pair(each) for each in (second.kernel_size, second.stride, second.padding, second.dilation)]
        == [(2, 2), (2, 2), (0, 0), (1, 1)]
        and not second.ceil_mode
        and not any((*first._forward_hooks, *first._forward_pre_hooks, *second._forward_hooks))
    )


def _pair(value: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    return (value, value) if isinstance(value, int) else value
