"""Branches that share what they compute: regrouped, or carried along as channels. `network_of` compares outputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hubel.arch import analyse, parse
from hubel.nn import network_of


class Three(nn.Module):
    """Three convolutions in a row, the first of them of a stride."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 4, 3, stride, 1)
        self.b = nn.Conv2d(4, 4, 1)
        self.c = nn.Conv2d(4, 4, 1)


class Gathered(Three):
    """One-shot aggregation, as VoVNet's and HGNet's blocks do."""

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        b = self.b(a)
        return torch.cat([x, a, b, self.c(b)], 1)


class Backwards(Three):
    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        b = self.b(a)
        return torch.cat([self.c(b), b, a, x], 1)


class Mixed(Three):
    """The order of the channels forbids to group them."""

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        b = self.b(a)
        return torch.cat([self.c(b), a, x, b], 1)


class Hierarchical(nn.Module):
    """Res2Net's: each half adds what the one before gave."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 3, 1, 1), nn.Conv2d(2, 2, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, 1)
        first = self.a(first)
        return torch.cat([first, self.b(first + second)], 1)


class PartlyAdded(Three):
    """ReXNet's: the shortcut is added to some channels."""

    def forward(self, x: Tensor) -> Tensor:
        a = self.c(self.b(self.a(x)))
        return torch.cat([a[:, :2] + x[:, :2], a[:, 2:]], 1)


class Strided(Three):
    """DLA's: what goes around is smaller than the picture where the ways part."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x: Tensor) -> Tensor:
        small = nn.functional.max_pool2d(x, 2)
        root = self.a(x) + self.b(small)
        return torch.cat([self.c(root) + root, root, small], 1)


class Dual(Three):
    """A dual-path network's: sums and concatenations side by side."""

    def forward(self, x: Tensor) -> Tensor:
        added, put = x[:, :2], x[:, 2:]
        for part in (self.a, self.b):
            found = part(torch.cat([added, put], 1)[:, :4])
            added, put = added + found[:, :2], torch.cat([put, found[:, 2:]], 1)
        return self.c(torch.cat([added, put], 1)[:, 2:6])


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Gathered, "concat(identity | conv 4 3x3 pad=1, concat(identity | conv 4 1x1, concat(identity | conv 4 1x1)))"),
        (
            Backwards,
            "concat(conv 4 3x3 pad=1, concat(conv 4 1x1, concat(conv 4 1x1 | identity) | identity) | identity)",
        ),
        (
            Hierarchical,
            "concat(identity | select 0 1, conv 2 3x3 pad=1), "
            "concat(select 4 5 | sum(select 4 5 | select 2 3), conv 2 3x3 pad=1)",
        ),
        (
            PartlyAdded,
            "concat(identity | conv 4 3x3 pad=1, 2 * conv 4 1x1), concat(sum(select 4 5 | select 0 1) | select 6 7)",
        ),
    ],
)
def test_shared_beginnings_are_grouped_or_carried(model: type[nn.Module], text: str) -> None:
    assert str(network_of(model(), (8, 8, 4))) == f"8x8x4: {text}"


@pytest.mark.parametrize("model", [Gathered, Backwards, Mixed, Hierarchical, PartlyAdded, Strided, Dual])
def test_they_have_the_models_figures(model: type[nn.Module]) -> None:
    module = model()
    network = network_of(module, (8, 8, 4))
    assert parse(str(network)) == network
    assert analyse(network).parameters == sum(p.numel() for p in module.parameters())


def test_one_tensor_alone_is_joined_with_nothing() -> None:
    class Alone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(torch.cat([self.first(torch.cat([x], 1))], dim=1))

    assert network_of(Alone(), (8, 8, 3)) == parse("8x8x3: conv 4 3x3, conv 2 3x3")
