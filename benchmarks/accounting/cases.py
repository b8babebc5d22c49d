"""Small models on which accounting tools go wrong, each with the figure that is right and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Case:
    """A model, what it is given, and a figure of it: `macs` for that batch, or `parameters`.

    Some tools count an addition of a bias as a multiply-add: `biases` more are a convention, and no mistake.
    """

    name: str
    build: Callable[[], nn.Module]
    input: tuple[int, ...]  # as PyTorch has it, batch first
    figure: str
    right: int
    arithmetic: str
    biases: int = 0


class FunctionalConvolution(nn.Module):
    """A convolution called as a function, its mean, a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = torch.zeros(64, 3, 3, 3)
        self.head = nn.Linear(64, 10)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve and classify."""
        return self.head(functional.conv2d(input, self.kernel, padding=1).mean((2, 3)))  # type: ignore[no-any-return]


class OwnConvolution(nn.Conv2d):
    """A convolution with a forward of its own, as for weight standardisation."""

    def forward(self, input: Tensor) -> Tensor:
        """Standardise the weights, then convolve."""
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(input, weight, self.bias, self.stride, self.padding)


class Einsum(nn.Module):
    """A 1×1 convolution written as an Einstein sum."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(64, 64))

    def forward(self, input: Tensor) -> Tensor:
        """Mix the channels."""
        return torch.einsum("oc,nchw->nohw", self.weight, input)


class Attention(nn.Module):
    """One projection, and attention written with `@`."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(64, 64)

    def forward(self, input: Tensor) -> Tensor:
        """Attend."""
        found = self.project(input)
        weights = (found @ found.transpose(1, 2)).softmax(-1)
        return weights @ found  # type: ignore[no-any-return]


def tied() -> nn.Module:
    """Two convolutions that have one weight."""
    first, second = nn.Conv2d(16, 16, 3, bias=False), nn.Conv2d(16, 16, 3, bias=False)
    second.weight = first.weight
    return nn.Sequential(first, second)


def frozen() -> nn.Module:
    """A frozen backbone with a head that trains."""
    backbone = nn.Conv2d(3, 64, 3).requires_grad_(False)
    return nn.Sequential(backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


PICTURE = (1, 3, 32, 32)
CASES = (
    Case(
        "Linear 96→384 on 56×56×96",
        lambda: nn.Linear(96, 384),
        (1, 56, 56, 96),
        "macs",
        115_605_504,
        "56·56·96·384",
        56 * 56 * 384,
    ),
    Case(
        "ConvTranspose2d 64→32 4×4/2, 32×32",
        lambda: nn.ConvTranspose2d(64, 32, 4, 2, 1),
        (1, 64, 32, 32),
        "macs",
        33_554_432,
        "32·32·64·4·4·32: each input number meets a filter once",
        64 * 64 * 32,
    ),
    Case(
        "ConvTranspose2d 64→64, 8 groups",
        lambda: nn.ConvTranspose2d(64, 64, 4, 2, 1, groups=8),
        (1, 64, 32, 32),
        "macs",
        8_388_608,
        "32·32·64·4·4·64/8",
        64 * 64 * 64,
    ),
    Case(
        "Conv2d 3→64 3×3, padding='same'",
        lambda: nn.Conv2d(3, 64, 3, padding="same"),
        PICTURE,
        "macs",
        1_769_472,
        "32·32·64·3·3·3",
        32 * 32 * 64,
    ),
    Case("F.conv2d, then Linear", FunctionalConvolution, PICTURE, "macs", 1_770_112, "32·32·64·3·3·3 + 64·10", 10),
    Case(
        "a Conv2d with its own forward",
        lambda: OwnConvolution(3, 64, 3, padding=1),
        PICTURE,
        "macs",
        1_769_472,
        "32·32·64·3·3·3",
        32 * 32 * 64,
    ),
    Case("1×1 convolution as einsum", Einsum, (1, 64, 32, 32), "macs", 4_194_304, "32·32·64·64"),
    Case("attention with @", Attention, (1, 128, 64), "macs", 2_621_440, "128·64·64 + 2·128·128·64", 128 * 64),
    Case("one weight in two convolutions", tied, (1, 16, 32, 32), "parameters", 2_304, "16·3·3·16, once"),
    Case("frozen backbone, and a head", frozen, PICTURE, "parameters", 2_442, "64·(3·3·3 + 1) + (64 + 1)·10"),
    Case(
        "a batch of 8",
        lambda: nn.Conv2d(3, 8, 3),
        (8, 3, 32, 32),
        "macs",
        1_555_200,
        "8·30·30·8·3·3·3",
        8 * 30 * 30 * 8,
    ),
)
