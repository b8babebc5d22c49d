"""The modules that prepare numbers inside a network. Those that are random draw from PyTorch's generator, an own number
for each picture, and pass everything on where the network predicts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_PADDING = {"reflect": "reflection", "nearest": "border", "constant": "zeros"}


class Standardised(nn.Module):
    """(x − mean) / √variance of each channel, by numbers that were measured: N×C×… stays what it is."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        shape = (-1, *[1] * (input.dim() - 2))
        return (input - self.running_mean.view(shape)) / self.running_var.sqrt().view(shape)


class GaussianNoise(nn.Module):
    """Normal numbers added in training."""

    def __init__(self, stddev: float) -> None:
        super().__init__()
        self.stddev = stddev

    def forward(self, input: Tensor) -> Tensor:
        """Add."""
        return input + self.stddev * torch.randn_like(input) if self.training else input


class _Random(nn.Module):
    def forward(self, input: Tensor) -> Tensor:
        """Change N×C×H×W in training."""
        return self.changed(input) if self.training and len(input) else input

    def changed(self, input: Tensor) -> Tensor:
        """Return other pictures of the same shape."""
        raise NotImplementedError


def drawn(input: Tensor, low: float, high: float) -> Tensor:
    """A number from `low` to `high` for each picture: N."""
    return torch.empty(len(input), device=input.device, dtype=input.dtype).uniform_(low, high)


class RandomFlip(_Random):
    """Pictures mirrored or not; both ways at once where both are asked for, as in Keras."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.axes = [axis for axis, word in ((2, "vertical"), (3, "horizontal")) if word in mode]

    def changed(self, input: Tensor) -> Tensor:
        """Mirror about every second one."""
        return torch.where(drawn(input, 0, 1)[:, None, None, None] < 0.5, input.flip(self.axes), input)


class _Moved(_Random):
    """Pictures looked at elsewhere: what stands at (row, column) is what stood at the place that `matrix` gives."""

    def __init__(self, fill_mode: str, fill_value: float) -> None:
        super().__init__()
        self.fill_mode, self.fill_value = fill_mode, fill_value

    def matrix(self, input: Tensor) -> Tensor:
        """N×2×3, of (column, row, 1) about the centre, in pixels."""
        raise NotImplementedError

    def changed(self, input: Tensor) -> Tensor:
        """Look at other places, mixed of the four pixels about each."""
        height, width = input.shape[2:]
        sides = torch.stack((input.new_full((), width / 2), input.new_full((), height / 2)))
        matrix = self.matrix(input)
        # PyTorch's places go from −1 to 1
        scaled = torch.cat((matrix[..., :2] * (sides / sides[:, None]), matrix[..., 2:] / sides[:, None]), 2)
        grid = functional.affine_grid(scaled, list(input.shape), align_corners=False)
        outside = self.fill_value if self.fill_mode == "constant" else 0.0
        found = functional.grid_sample(
            input - outside if outside else input, grid, "bilinear", _PADDING[self.fill_mode], align_corners=False
        )
        return found + outside if outside else found


def _rows(*entries: Tensor) -> Tensor:
    return torch.stack(entries, 1).view(-1, 2, 3)


class RandomRotation(_Moved):
    """Pictures turned about their centre, by a share of a full turn."""

    def __init__(self, low: float, high: float, fill_mode: str, fill_value: float) -> None:
        super().__init__(fill_mode, fill_value)
        self.low, self.high = low, high

    def matrix(self, input: Tensor) -> Tensor:
        """The turn back, to where each pixel was."""
        angle = 2 * math.pi * drawn(input, self.low, self.high)
        cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        return _rows(cosine, -sine, zero, sine, cosine, zero)


class RandomZoom(_Moved):
    """Pictures of which more or less is shown."""

    def __init__(
        self,
        height_low: float,
        height_high: float,
        width_low: float,
        width_high: float,
        same: bool,
        fill_mode: str,
        fill_value: float,
    ) -> None:
        super().__init__(fill_mode, fill_value)
        self.height, self.width, self.same = (height_low, height_high), (width_low, width_high), same

    def matrix(self, input: Tensor) -> Tensor:
        """Each axis times 1 + what was drawn."""
        height = 1 + drawn(input, *self.height)
        width = height if self.same else 1 + drawn(input, *self.width)
        zero = torch.zeros_like(height)
        return _rows(width, zero, zero, zero, height, zero)


class RandomTranslation(_Moved):
    """Pictures moved."""

    def __init__(
        self,
        height_low: float,
        height_high: float,
        width_low: float,
        width_high: float,
        fill_mode: str,
        fill_value: float,
    ) -> None:
        super().__init__(fill_mode, fill_value)
        self.height, self.width = (height_low, height_high), (width_low, width_high)

    def matrix(self, input: Tensor) -> Tensor:
        """The way back."""
        rows, columns = drawn(input, *self.height) * input.shape[2], drawn(input, *self.width) * input.shape[3]
        one, zero = torch.ones_like(rows), torch.zeros_like(rows)
        return _rows(one, zero, -columns, zero, one, -rows)


class RandomContrast(_Random):
    """Shades drawn towards their channel's mean, or away from it."""

    def __init__(self, low: float, high: float, least: float, most: float) -> None:
        super().__init__()
        self.factors, self.limits = (1 - low, 1 + high), (least, most)

    def changed(self, input: Tensor) -> Tensor:
        """Multiply the distance from the mean."""
        mean = input.mean((2, 3), keepdim=True)
        return torch.lerp(mean, input, drawn(input, *self.factors)[:, None, None, None]).clamp(*self.limits)


class RandomBrightness(_Random):
    """Shades made lighter or darker."""

    def __init__(self, low: float, high: float, least: float, most: float) -> None:
        super().__init__()
        self.shares, self.limits = (low, high), (least, most)

    def changed(self, input: Tensor) -> Tensor:
        """Add a share of the range."""
        added = drawn(input, *self.shares) * (self.limits[1] - self.limits[0])
        return (input + added[:, None, None, None]).clamp(*self.limits)
