"""A PyTorch model of ordinary layers becomes a tree that computes the same; what cannot is named, with the reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from benchmarks.accounting.models import ResNet, resnet152
from torch import Tensor, nn
from torch.nn import functional

from hubel import zoo
from hubel.arch import Network, ShapeError, analyse, parse
from hubel.nn import build, network_of


def filled(model: nn.Module) -> nn.Module:
    """Fill tensors by their shapes alone, so that two models with the same layers in another order agree."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                wave = torch.cos(torch.arange(tensor.numel(), dtype=torch.float32)).reshape(tensor.shape)
                tensor.copy_(1 + wave / 4 if "var" in name or tensor.dim() == 1 else wave / tensor[0].numel() ** 0.5)
    return model.eval()


def assert_same(model: nn.Module, network: Network) -> None:
    shape = network.input
    image = torch.randn(
        2, *((shape[2], *shape[:2]) if len(shape) == 3 else shape), generator=torch.Generator().manual_seed(1)
    )
    with torch.no_grad():
        torch.testing.assert_close(filled(build(network))(image), filled(model)(image), rtol=1e-4, atol=1e-5)


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding="same"), nn.Conv2d(6, 16, 5)
        self.dense1, self.dense2 = nn.Linear(400, 120), nn.Linear(120, 10)
        self.drop = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), kernel_size=2, stride=2)
        x = x.view(x.size(0), -1)
        x = functional.dropout(self.dense1(x).relu(), 0.4, training=self.training)
        return functional.softmax(self.drop(self.dense2(x)), dim=1)


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(8, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(8, 3, 1), nn.ReLU(inplace=True), nn.Conv2d(3, 6, 3, padding=1))
        self.norm = nn.BatchNorm2d(18)

    def forward(self, x: Tensor) -> Tensor:
        pooled = functional.max_pool2d(x, 3, 1, 1)
        x = torch.cat([self.one(x), self.three(x), pooled], dim=1)
        return functional.adaptive_avg_pool2d(self.norm(x), 1).flatten(1)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.bottom = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.mix, self.last = nn.Conv2d(12, 4, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down1(x)
        second = self.down2(functional.max_pool2d(first, 2))
        deep = functional.interpolate(self.bottom(functional.max_pool2d(second, 2)), scale_factor=2)
        deep = functional.max_pool2d(self.up(deep), 2)
        deep = functional.silu(self.mix(torch.cat((second, deep), 1)))
        return self.last(torch.cat((first, functional.interpolate(deep, scale_factor=2, mode="nearest")), 1))


class Dense(nn.Module):
    """DenseNet's way: each layer is given all that came before, in one list."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(4 + 3 * i, 3, 3, padding=1) for i in range(4))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.layers:
            found.append(functional.relu(layer(torch.cat(found, 1) if len(found) > 1 else found[0])))
        return torch.cat(found, 1).mean((2, 3))


MODELS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "lenet": (LeNet, (28, 28, 1)),
    "inception": (Inception, (9, 9, 8)),
    "unet": (UNet, (16, 16, 3)),
    "densenet": (Dense, (6, 6, 4)),
    "resnet": (lambda: ResNet((1, 1, 1, 1)), (64, 64, 3)),
    "mlp": (lambda: nn.Sequential(nn.Linear(9, 5), nn.BatchNorm1d(5, momentum=0.3), nn.GELU(), nn.LayerNorm(5)), (9,)),
    "modules": (
        lambda: nn.Sequential(
            nn.ZeroPad2d((1, 2, 0, 1)),
            nn.Conv2d(4, 8, (3, 2), stride=2, dilation=(1, 2), groups=2, bias=False),
            nn.GroupNorm(4, 8),
            nn.LeakyReLU(0.2),
            nn.ChannelShuffle(2),
            nn.LocalResponseNorm(3),
            nn.AvgPool2d(3, 2, padding=1, count_include_pad=False, ceil_mode=True),
            nn.Upsample(scale_factor=3, mode="bilinear"),
            nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, groups=2),
            nn.ReLU6(),
            nn.Hardswish(),
            nn.AdaptiveMaxPool2d(3),
            nn.Flatten(),
            nn.Softmax(-1),
        ),
        (13, 12, 4),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_tree_computes_the_same(name: str) -> None:
    make, shape = MODELS[name]
    model = make()
    network = network_of(model, shape)
    assert parse(str(network)) == network
    assert_same(model, network)


def test_a_library_resnet_is_the_zoos() -> None:
    with torch.device("meta"):
        model = resnet152()
    ours, theirs = analyse(network_of(model, (224, 224, 3))), analyse(zoo.get("resnet152"))
    assert (ours.parameters, ours.macs, ours.training_macs) == (theirs.parameters, theirs.macs, theirs.training_macs)
    assert ours.field.size == theirs.field.size


def test_as_a_line() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
    )
    line = "16x16x3: conv 8 3x3 pad=1, relu, globalavgpool keepdims=true, flatten, dense 2"
    assert str(network_of(model, (16, 16, 3))) == str(parse(line))


def test_a_module_of_hubels_gives_its_own_tree() -> None:
    network = zoo.get("squeezenet1_1")
    with torch.device("meta"):
        assert network_of(build(network), network.input) == network


class Calls(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.other = nn.Conv2d(4, 4, 1)
        self.weight = nn.Parameter(torch.ones(4, 1, 1))
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def not_nested(model: Any, x: Tensor) -> Tensor:
    small = functional.max_pool2d(x, 2, 1)
    large = model.conv(x) + functional.pad(small, (0, 1, 0, 1))
    small = small + functional.max_pool2d(large, 2, 1)  # two sizes that both go on, 4 and 3
    return large + functional.pad(model.other(small), (0, 1, 0, 1))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda m, x: m.conv(x) ** 3, r"^pow: of powers a tree has squares alone"),
        (lambda m, x: m.conv(x) * x.mean(0), r"^mean: in a tree each image stays by itself"),
        (lambda m, x: m.conv(x) * x.mean(2, True), r"^mean: the tree has no layer for mean"),
        (lambda m, x: m.conv(x) + m.weight, r"24 parameters, it has 44: .*other never ran"),
        (not_nested, r"^max_pool2d: its output goes into branches that do not nest"),
        (lambda m, x: (m.conv(x), x), r"a tree has one output, the model returns several"),
        (lambda m, x: m.conv(x) if x.sum() > 0 else x, r"decides on the numbers in a tensor"),
        (lambda m, x: torch.cat((m.conv(x), x), 2), r"^cat: a tree concatenates channels, not along dim"),
        (lambda m, x: m.conv(x).transpose(1, 2), r"the output, \(2, 4, 4, 4\): a tree gives a vector"),
        (lambda m, x: m.conv(x) + x[:, :, :1], r"^add: a tree adds branches of equal shape"),
        (lambda m, x: functional.softmax(m.conv(x), 3), r"the tree's softmax is over the channels, not over dim"),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_named(function: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_of(Calls(function), (4, 4, 4))


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (nn.MaxPool2d(2, dilation=2), "1: the tree's MaxPooling2D has no dilation=2"),
        (nn.Softplus(2.0, 5.0), "1: the tree's Activation has no beta=2.0"),
        (nn.Linear(4, 4), "1: a Linear that acts on the columns of a picture"),
        (nn.BatchNorm2d(4, momentum=None), "1: the tree's BatchNormalization keeps running statistics"),
        (nn.Upsample(scale_factor=1.3), "1: 5.2×5.2 is no size of a picture: the tree resizes by what gives whole"),
        (nn.Upsample(scale_factor=1.5, mode="bicubic"), "1: expected interpolation 'nearest' or 'bilinear'"),
    ],
)
def test_settings_that_the_tree_does_not_have_are_named(layer: nn.Module, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_of(nn.Sequential(nn.Identity(), layer), (4, 4, 4))


def test_clashes_are_named_first() -> None:
    with pytest.raises(ShapeError, match="3: Linear expected 100 features last"):
        network_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(100, 2)), (9, 9, 3))
