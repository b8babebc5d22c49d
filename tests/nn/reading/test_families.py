"""What families of library models are made of: branches of several sizes, stacked ones, dealt places, responses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import analyse, parse
from hubel.nn import inspect, network_of, translate


class Parts(nn.Module):
    """Convolutions, and what a test's function makes of them."""

    def __init__(self, function: Callable[[Parts, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.a, self.b = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 1)
        self.down, self.again = nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)
        self.six, self.narrow, self.wide = nn.Conv2d(4, 8, 1), nn.Conv2d(4, 2, 1), nn.Conv2d(2, 8, 1)
        self.gamma, self.beta = nn.Parameter(torch.randn(1, 1, 1, 4)), nn.Parameter(torch.randn(1, 1, 1, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def of(function: Callable[[Parts, Tensor], Tensor]) -> Parts:
    """Return the model of a function, with the parts that it uses alone."""
    model = Parts(function)
    used = function.__code__.co_names
    for name in [*model._modules, *model._parameters]:
        if name not in used:
            delattr(model, name)
    return model


def high_resolution(m: Parts, x: Tensor) -> Tensor:
    """HRNet's: each size is made of both, twice."""
    high, low = m.a(x), m.down(x)
    both = high + functional.interpolate(low, scale_factor=2), low + m.again(high)
    return torch.cat([functional.max_pool2d(both[0], 2), m.b(both[1])], 1)


def three_sizes(m: Parts, x: Tensor) -> Tensor:
    """Two sizes that do not nest, and a third of a quarter."""
    high, low = torch.relu(x), m.down(x)
    least = m.again(low)
    mixed = high + functional.interpolate(least, scale_factor=4), low + functional.interpolate(least, scale_factor=2)
    return torch.cat([functional.avg_pool2d(mixed[0], 2), mixed[1]], 1)


def selective(m: Parts, x: Tensor) -> Tensor:
    """SKNet's: a softmax between two branches."""
    stacked = torch.stack([m.a(x), m.b(x)], dim=1)
    weights = m.wide(m.narrow(stacked.sum(1).mean((2, 3), keepdim=True)))
    return (stacked * torch.softmax(weights.view(len(x), 2, 4, 1, 1), dim=1)).sum(dim=1)


def selective_of_vectors(m: Parts, x: Tensor) -> Tensor:
    """The same, as others write it: the weights are a vector for a while."""
    stacked = torch.stack((m.a(x), m.b(x)), 1)
    weights = m.wide(m.narrow(functional.adaptive_avg_pool2d(torch.sum(stacked, dim=1), 1)))
    weights = functional.softmax(weights.view(len(x), 2, 4), dim=1).unsqueeze(-1).unsqueeze(-1)
    return torch.sum(weights * stacked, dim=1)


def split(m: Parts, x: Tensor) -> Tensor:
    """ResNeSt's: the branches are groups of one convolution's channels."""
    batch, (height, width) = len(x), x.shape[2:]
    parts = m.six(x).reshape(batch, 2, 4, height, width)
    weights = m.wide(m.narrow(parts.sum(dim=1).mean((2, 3), keepdim=True)))
    weights = functional.softmax(weights.view(batch, 1, 2, -1).transpose(1, 2), dim=1).reshape(batch, -1, 1, 1)
    return (parts * weights.reshape(batch, 2, 4, 1, 1)).sum(dim=1)


def averaged(m: Parts, x: Tensor) -> Tensor:
    return torch.stack([m.a(x), m.b(x), x], dim=1).mean(1)


def everywhere(m: Parts, x: Tensor) -> Tensor:
    """A softmax between branches at every place."""
    stacked = torch.stack([m.a(x), m.b(x)], dim=1)
    return (stacked * stacked.softmax(1)).sum(1)


def gathered(m: Parts, x: Tensor) -> Tensor:
    """TResNet's stem: a block's places before the channels."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // 2, 2, width // 2, 2).permute(0, 3, 5, 1, 2, 4).contiguous()
    return x.view(batch, channels * 4, height // 2, width // 2)


def spread(m: Parts, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    x = x.view(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2).contiguous()
    return x.view(batch, channels // 4, height * 2, width * 2)


def shuffled_as_pytorch(m: Parts, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, channels // 4, height * 2, width * 2)


def responded(m: Parts, x: Tensor) -> Tensor:
    """ConvNeXt v2's own, with the channels last."""
    x = x.permute(0, 2, 3, 1)
    norms = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
    share = norms / (norms.mean(dim=-1, keepdim=True) + 1e-6)
    return (m.gamma * (x * share) + m.beta + x).permute(0, 3, 1, 2)


def responded_fused(m: Parts, x: Tensor) -> Tensor:
    norms = x.norm(p=2, dim=(2, 3), keepdim=True)
    share = norms / (norms.mean(dim=1, keepdim=True) + 1e-3)
    return x + torch.addcmul(m.beta.view(1, -1, 1, 1), m.gamma.view(1, -1, 1, 1), x * share)


def responded_by_linalg(m: Parts, x: Tensor) -> Tensor:
    x = m.a(x).permute(0, 2, 3, 1)
    norms = torch.linalg.vector_norm(x, ord=2, dim=(1, 2), keepdim=True)
    return (x + (m.beta + (x * (norms / (norms.mean(-1, keepdim=True) + 1e-6))) * m.gamma)).permute(0, 3, 1, 2)


TREES = (
    high_resolution,
    three_sizes,
    selective,
    selective_of_vectors,
    split,
    averaged,
    everywhere,
    gathered,
    spread,
    shuffled_as_pytorch,
    responded,
    responded_fused,
    responded_by_linalg,
)


@pytest.mark.parametrize("function", TREES, ids=lambda function: function.__name__)
def test_the_tree_computes_the_same(function: Callable[[Parts, Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    model = of(function).eval()
    module = translate(model, (8, 12, 4)).eval()
    assert parse(str(module.network)) == module.network
    assert analyse(module.network).parameters == sum(p.numel() for p in model.parameters())
    pictures = torch.randn(3, 4, 8, 12)
    torch.testing.assert_close(module(pictures), model(pictures))


def test_as_they_are_written() -> None:
    for function, text in (
        (gathered, "pixelunshuffle 2, shuffle 4"),
        (spread, "pixelshuffle 2"),  # of four channels one is left
        (shuffled_as_pytorch, "pixelshuffle 2"),
        (responded_fused, "grn epsilon=0.001"),
        (averaged, "sum(conv 4 3x3 pad=1 | conv 4 1x1 | identity), rescale 0.3333333333333333"),
    ):
        assert str(network_of(of(function), (8, 12, 4))) == f"8x12x4: {text}"
    assert str(network_of(of(spread), (8, 12, 8))) == "8x12x8: shuffle 4, pixelshuffle 2"


REFUSED: tuple[tuple[Callable[[Parts, Tensor], Tensor], str], ...] = (
    (lambda m, x: torch.stack([m.a(x), m.b(x)]).sum(0), "stack"),
    (lambda m, x: torch.stack([m.a(x), m.b(x)], 2).sum(2), "along dimension 1"),
    (lambda m, x: torch.stack([m.a(x), m.b(x)], 1).softmax(2).sum(1), "softmax"),
    (lambda m, x: torch.stack([m.a(x), m.b(x)], 1).sum(2), "sum"),
    (lambda m, x: m.a(x) / (x.norm(dim=(2, 3), keepdim=True) + 1), "norms of whole maps"),
    (lambda m, x: x * (x.norm(p=1, dim=(2, 3), keepdim=True) + 1), "norm"),
)


@pytest.mark.parametrize(("function", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_neighbours_are_refused(function: Callable[[Parts, Tensor], Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_of(of(function), (8, 12, 4))


def test_sizes_of_which_none_is_a_multiple_do_not_nest() -> None:
    def function(m: Parts, x: Tensor) -> Tensor:
        high, low = m.a(x), m.down(x)
        both = high + functional.interpolate(low, scale_factor=2)[:, :, :7, :9], low + m.again(high)
        return torch.cat([functional.max_pool2d(both[0], 2, ceil_mode=True), m.b(both[1])], 1)

    with pytest.raises(ValueError, match="do not nest"):
        network_of(of(function), (7, 9, 4))


BINOMIAL = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
SMOOTH = torch.tensor([1.0, 2.0, 1.0]) / 4


class Fixed(nn.Module):
    """A convolution, and what a function makes of it and of kernels that nobody learns."""

    def __init__(self, function: Callable[[Fixed, Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.conv = function, nn.Conv2d(3, 8, 3, padding=1)
        self.register_buffer("five", torch.outer(BINOMIAL, BINOMIAL).repeat(8, 1, 1, 1))
        self.register_buffer("one", torch.outer(SMOOTH, SMOOTH)[None, None])
        self.register_buffer("edge", torch.tensor([-1.0, 0.0, 1.0]).repeat(8, 1, 3, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.conv(x))


def smoothed(model: Fixed, x: Tensor) -> Tensor:
    """Blur with a kernel made while the model runs."""
    row = torch.tensor([1.0, 2.0, 1.0], device=x.device)
    kernel = row[:, None] * row[None, :]
    return functional.conv2d(x, (kernel / kernel.sum())[None, None].repeat(8, 1, 1, 1).to(x.dtype), groups=8)


def looked_at(model: Fixed, x: Tensor) -> Tensor:
    """Weigh places by the mean and the largest of their channels (CBAM)."""
    return x * torch.sigmoid(torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1).mean(1)[:, None])


SEVERAL: list[tuple[Callable[[Fixed, Tensor], Tensor], str, int]] = [
    (
        lambda m, x: functional.conv2d(
            functional.pad(x, (1,) * 4, mode="reflect"), m.one.expand(8, 1, 3, 3), None, 2, groups=8
        ),
        "reflectpad 1, avgpool 2/1, avgpool 2",
        6 * 5 * 8 * 9,
    ),
    (
        lambda m, x: functional.conv2d(x, m.five, None, (2, 1), (2, 1), groups=8),
        "zeropad 2x1, 3 * avgpool 2/1, avgpool 2/2x1",
        6 * 8 * 8 * 25,
    ),
    (smoothed, "2 * avgpool 2/1", 10 * 8 * 8 * 9),
    (lambda m, x: functional.glu(x, 1), "product(select 0 1 2 3 | select 4 5 6 7, sigmoid)", 0),
    (
        lambda m, x: nn.GLU()(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        "product(select 0 1 2 3 | select 4 5 6 7, sigmoid)",
        0,
    ),
    (lambda m, x: x.amax(1, keepdim=True), "reshape 8x120x1, maxpool 8x1, reshape 12x10x1", 0),
    (
        looked_at,
        "product(identity | concat(reshape 8x120x1, avgpool 8x1, reshape 12x10x1 | reshape 8x120x1, maxpool 8x1, "
        "reshape 12x10x1), reshape 2x120x1, avgpool 2x1, reshape 12x10x1, sigmoid)",
        0,
    ),
    (lambda m, x: x.clamp(-1, 2), "clip x_min=-1.0 x_max=2.0", 0),
    (lambda m, x: functional.hardtanh(x), "clip x_min=-1.0 x_max=1.0", 0),
    (lambda m, x: x.clamp(max=0.5), "clip x_max=0.5", 0),
]


@pytest.mark.filterwarnings("ignore:kernels that nobody learns")
@pytest.mark.parametrize(("function", "text", "beside"), SEVERAL)
def test_what_is_several_layers_of_the_tree(
    function: Callable[[Fixed, Tensor], Tensor], text: str, beside: int
) -> None:
    torch.manual_seed(0)
    model = Fixed(function).eval()
    tree = translate(model, (12, 10, 3))
    assert str(tree.network) == f"12x10x3: conv 8 3x3 pad=1, {text}"
    x = torch.randn(2, 3, 12, 10)
    assert torch.allclose(tree(x), model(x), atol=1e-5)
    assert analyse(tree.network).macs == inspect(model, (12, 10, 3)).macs - beside


def test_multiply_adds_of_fixed_kernels_are_said_and_other_kernels_refused() -> None:
    with pytest.warns(UserWarning, match="average pools in the tree: its 25,920 multiply-adds are 5,760 fewer"):
        translate(Fixed(smoothed).eval(), (12, 10, 3))
    for function, said in (
        (lambda m, x: functional.conv2d(x, m.edge, groups=8), "is the model's buffer edge"),
        (lambda m, x: x.max(1, keepdim=True)[1].to(x.dtype), "which number is the largest"),
        (lambda m, x: functional.glu(x, 2), "no layer for glu"),
        (lambda m, x: x.clamp(0.5, 0.5), "no layer for clamp"),
    ):
        with pytest.raises(ValueError, match=said):
            translate(Fixed(function).eval(), (12, 10, 3))
