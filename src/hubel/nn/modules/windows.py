"""Modules that look through windows: convolutions with padding as Keras has it, local and transposed ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.nn.modules.carrying import Carrying

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


class PaddedConv2d(nn.Conv2d):
    """A convolution whose padding differs from side to side: `sides` is (left, right, top, bottom)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, sides: Sides, **settings: object
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **settings)  # type: ignore[arg-type]
        self.sides = sides

    def forward(self, input: Tensor) -> Tensor:
        """Pad with zeros, then convolve."""
        return super().forward(functional.pad(input, self.sides))


class PaddedConv1d(Carrying, nn.Conv1d):
    """A convolution along steps whose padding differs from end to end: `sides` is (before, after). What it carries on
    are the last steps, in the place of the noughts before the first.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, sides: tuple[int, int], **settings: object
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **settings)  # type: ignore[arg-type]
        self.sides = sides

    def forward(self, input: Tensor) -> Tensor:
        """Pad with zeros, or with the steps before, then convolve."""
        if not self.carries:
            return super().forward(functional.pad(input, self.sides))
        before, after = self.sides
        memory = self.recalled(len(input))
        earlier = input.new_zeros(*input.shape[:2], before) if memory is None else memory[0].to(input.dtype)
        steps = torch.cat([earlier, input], 2)
        self.memory = (steps[:, :, steps.shape[2] - before :].detach().clone(),)
        return super().forward(functional.pad(steps, (0, after)) if after else steps)


class CroppedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution cut to `output_size` from (top, left); rows that it lacks hold the bias alone."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        top: int,
        left: int,
        output_size: Pair,
        **settings: object,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **settings)  # type: ignore[arg-type]
        self.top, self.left, self.output_size = top, left, output_size

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve, then cut or fill to size; the bias comes last, so that filled rows have it too."""
        whole = functional.conv_transpose2d(
            input,
            self.weight,
            None,
            self.stride,
            0,
            0,
            self.groups,
            self.dilation,
        )
        bottom = self.output_size[0] + self.top - whole.shape[2]
        right = self.output_size[1] + self.left - whole.shape[3]
        cut = functional.pad(whole, (-self.left, right, -self.top, bottom))
        return cut if self.bias is None else cut + self.bias.view(-1, 1, 1)


class LocallyConnected2d(nn.Module):
    """A convolution with weights of its own at each place.

    `weight` is places × out_channels × (in_channels·kernel height·kernel width), `bias` places × out_channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        output_size: Pair,
        kernel_size: Pair,
        stride: Pair,
        sides: Sides,
        bias: bool,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size, self.stride, self.sides = output_size, kernel_size, stride, sides
        places, fan_in = output_size[0] * output_size[1], in_channels * kernel_size[0] * kernel_size[1]
        bound = fan_in**-0.5  # as PyTorch starts a convolution
        self.weight = nn.Parameter(torch.empty(places, out_channels, fan_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(places, out_channels).uniform_(-bound, bound)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """Unfold the windows, and multiply each place's by its own weights."""
        padded = functional.pad(input, self.sides) if any(self.sides) else input
        windows = functional.unfold(padded, self.kernel_size, stride=self.stride)  # N × fan_in × places
        given = windows.permute(2, 0, 1), self.weight.transpose(1, 2)
        found = torch.bmm(*given) if self.bias is None else torch.baddbmm(self.bias.unsqueeze(1), *given)
        return found.permute(1, 2, 0).reshape(input.shape[0], -1, *self.output_size)
