"""Modules of one place at a time: norms, scales, channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import torch_order
from hubel.arch.ops.functions import FARTHEST


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each place."""

    def forward(self, input: Tensor) -> Tensor:
        """Bring the channels to the end, normalise, and back."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class Rescale(nn.Module):
    """Multiply by a number and add another, which stay as they are."""

    def __init__(self, scale: float = 1.0, offset: float = 0.0) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, input: Tensor) -> Tensor:
        """Multiply and add."""
        return input * self.scale + self.offset if self.offset else input * self.scale


class Clip(nn.Module):
    """Keep numbers within limits; the farthest of 32 bits limit nothing."""

    def __init__(self, x_min: float = -FARTHEST, x_max: float = FARTHEST) -> None:
        super().__init__()
        self.x_min, self.x_max = x_min, x_max

    def forward(self, input: Tensor) -> Tensor:
        """Limit on the sides that are limited."""
        low, high = (None if abs(limit) == FARTHEST else limit for limit in (self.x_min, self.x_max))
        return input if low is high is None else input.clamp(low, high)


class Scale(nn.Module):
    """One learned factor, and shift, for each channel; or one of the two."""

    def __init__(self, channels: int, bias: bool, weight: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if weight else None
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """Multiply and add."""
        shape = (-1, *[1] * (input.dim() - 2))
        scaled = input if self.weight is None else input * self.weight.view(shape)
        return scaled if self.bias is None else scaled + self.bias.view(shape)


class GlobalResponseNorm(nn.Module):
    """Weigh each channel by its norm over all places, divided by the mean of all channels' norms."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, input: Tensor) -> Tensor:
        """Find the norms, and weigh."""
        shape = (-1, *[1] * (input.dim() - 2))
        norms = torch.linalg.vector_norm(input, dim=tuple(range(2, input.dim())), keepdim=True)
        share = norms / (norms.mean(1, keepdim=True) + self.eps)
        found: Tensor = input * (1 + self.weight.view(shape) * share) + self.bias.view(shape)
        return found


class SelectChannels(nn.Module):
    """Pass on the listed channels."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = list(channels)

    def forward(self, input: Tensor) -> Tensor:
        """Index."""
        return input[:, self.channels]


class ChannelPadding(nn.Module):
    """Put channels of zeros before and after the others."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before, self.after = before, after

    def forward(self, input: Tensor) -> Tensor:
        """Pad."""
        return functional.pad(input, (*[0, 0] * (input.dim() - 2), self.before, self.after))


class Reshape(nn.Module):
    """View the same numbers as C×H×W (`shape` is height, width, channels), as C×T (steps, channels), or as a vector."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = torch_order(shape)

    def forward(self, input: Tensor) -> Tensor:
        """View, channel after channel."""
        return input.reshape(input.shape[0], *self.shape)


class RadialBasis(nn.Module):
    """Minus half the squared distance to each of `out_features` fixed codes of ±1, drawn once."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        codes = torch.randint(0, 2, (out_features, in_features)).float() * 2 - 1
        self.weight = nn.Parameter(codes, requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        """Write out the square: x·w − ½x·x − ½w·w."""
        own = input.square().sum(1, keepdim=True) + self.weight.square().sum(1)
        return functional.linear(input, self.weight) - own / 2
