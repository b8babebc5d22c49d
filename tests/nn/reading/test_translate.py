"""A PyTorch model becomes a tree with its weights: equal outputs; gates, permutations and functions are read too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from benchmarks.accounting.models import ResNet
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import analyse, parse
from hubel.nn import build, network_of, translate
from tests.nn.reading.test_network import MODELS
from tests.nn.weights.replicas import MobileNetV2, SqueezeNet


class Gate(nn.Module):
    """Squeeze and excitation as torchvision has it."""

    def __init__(self, channels: int, narrow: int, gate: type[nn.Module] = nn.Sigmoid) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        self.activation, self.scale_activation = nn.ReLU(), gate()

    def scale(self, x: Tensor) -> Tensor:
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(x) * x


class GateOfVectors(nn.Module):
    """The same as most tutorials have it."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.Linear(channels, narrow), nn.ReLU(), nn.Linear(narrow, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.size()
        y = self.fc(self.pool(x).view(b, c)).view(b, c, 1, 1)
        return x * y.expand_as(x)


class Block(nn.Module):
    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.conv1, self.norm, self.gate = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), gate

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.gate(self.norm(self.conv1(x))))


class GatedByAnother(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(16, 16, 1), Gate(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.gate.scale(x)


class ConvNeXtBlock(nn.Module):
    """Channels come last, and go back; the layer scale is a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.Identity())
        self.norm, self.wide, self.narrow = nn.LayerNorm(8, eps=1e-6), nn.Linear(8, 32), nn.Linear(32, 8)
        self.layer_scale = nn.Parameter(torch.full((8, 1, 1), 0.3))
        self.weight, self.bias = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x).permute(0, 2, 3, 1)
        y = torch.permute(self.narrow(functional.gelu(self.wide(self.norm(y)))), (0, 3, 1, 2))
        y = x + self.layer_scale * y
        return functional.layer_norm(y.permute(0, 2, 3, 1), (8,), self.weight, self.bias, 1e-6).mean((1, 2))


class Shuffle(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = x.view(n, 4, c // 4, h, w)
        return torch.transpose(x, 1, 2).contiguous().view(n, c, h, w)


class Functions(nn.Module):
    """A convolution and a dense layer as functions of the module's own parameters, and a view back to a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.shift = nn.Parameter(torch.randn(6, 2, 3, 3)), nn.Parameter(torch.randn(6))
        self.matrix = nn.Parameter(torch.randn(24, 96))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (0, 1, 2, 0))
        x = functional.conv2d(x, self.kernel, self.shift, stride=2, groups=2)
        x = functional.linear(x.flatten(1), self.matrix)
        return functional.max_pool2d(x.reshape(-1, 6, 2, 2), 2)


class Swish(nn.Module):
    """The function written out, and a gate of places."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.place = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x) * torch.sigmoid(self.place(x))
        return y * torch.sigmoid(y)


class Twice(nn.Module):
    """WaveNet's gate, and a number times itself."""

    def __init__(self) -> None:
        super().__init__()
        self.filter, self.gate = nn.Linear(6, 5), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))
        return torch.mul(y, y)


class Bent(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Own(nn.Conv2d):
    """A class of one's own that computes what its parent does."""

    def __init__(self) -> None:
        super().__init__(3, 4, 3)


MORE: dict[str, tuple[Any, tuple[int, ...]]] = {
    "gate": (lambda: Block(Gate(16, 4)), (8, 8, 16)),
    "gate of vectors": (lambda: Block(GateOfVectors(16, 5)), (8, 8, 16)),
    "gate of another width": (lambda: Block(Gate(16, 7)), (8, 8, 16)),
    "gate of another function": (lambda: Block(Gate(16, 4, nn.Tanh)), (8, 8, 16)),
    "gate made of another": (GatedByAnother, (4, 4, 16)),
    "gate of places, swish": (Swish, (6, 5, 3)),
    "wavenet's gate": (Twice, (6,)),
    "hard gate": (lambda: Block(Gate(16, 4, nn.Hardsigmoid)), (8, 8, 16)),
    "bent": (lambda: Bent(lambda x: functional.selu(functional.softplus(functional.elu(x)))), (5,)),
    "convnext": (ConvNeXtBlock, (8, 8, 8)),
    "shuffle": (lambda: nn.Sequential(nn.Conv2d(3, 8, 1), Shuffle()), (4, 4, 3)),
    "functions": (Functions, (8, 8, 4)),
    "own class": (lambda: nn.Sequential(Own(), nn.Flatten()), (5, 5, 3)),
    "one layer": (lambda: nn.BatchNorm2d(4), (5, 5, 4)),
    "nothing": (nn.Identity, (5, 5, 3)),
}
NETWORKS = {
    "resnet": (lambda: ResNet((1, 1, 1, 1)), (64, 64, 3)),
    "mobilenet_v2": (lambda: MobileNetV2(7), (32, 32, 3)),
    "squeezenet1_1": (lambda: SqueezeNet(7, 0.25), (48, 48, 3)),
}


@pytest.mark.parametrize("name", [*MODELS, *MORE, *NETWORKS])
def test_equal_outputs_with_the_same_weights(name: str) -> None:
    make, shape = {**MODELS, **MORE, **NETWORKS}[name]
    torch.manual_seed(3)
    model = make().eval()
    module = translate(model, shape)
    assert parse(str(module.network)) == module.network
    image = torch.randn(2, *((shape[2], *shape[:2]) if len(shape) == 3 else shape))
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        torch.testing.assert_close(module(image), model(image), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(tensor, model.state_dict()[key]) for key, tensor in before.items())


def test_the_weights_are_copies() -> None:
    model = nn.Sequential(nn.Linear(3, 2)).double()
    module = translate(model, (3,), "small")
    assert module.network.name == "small"
    assert module.training
    assert not translate(model.eval(), (3,)).training
    assert module.dense1.weight.dtype == torch.float64
    with torch.no_grad():
        module.dense1.weight.zero_()
    assert model[0].weight.any()


def test_a_module_of_hubels() -> None:
    module = build(parse("8x8x3: sum(conv 3 3x3 same | identity), flatten, dense 2")).eval()
    again = translate(module, (8, 8, 3))
    image = torch.randn(1, 3, 8, 8)
    assert again is not module
    torch.testing.assert_close(again(image), module(image))


def test_what_a_product_is_read_as() -> None:
    assert str(network_of(Swish(), (6, 5, 3))) == ("6x5x3: product(conv 4 3x3 pad=1 | conv 1 1x1, sigmoid), silu")
    assert (
        str(network_of(Twice(), (6,))) == "6: product(dense 5, tanh | dense 5, sigmoid), product(identity | identity)"
    )
    assert str(network_of(GatedByAnother(), (4, 4, 16))) == (
        "4x4x16: product(conv 16 1x1 | globalavgpool keepdims=true, conv 4 1x1, relu, conv 16 1x1, sigmoid)"
    )


def test_gates_count_as_the_trees() -> None:
    network = network_of(nn.Sequential(nn.Conv2d(3, 16, 3), Gate(16, 4)), (8, 8, 3))
    assert str(network) == "8x8x3: conv 16 3x3, se 4"
    assert analyse(network).macs == 6 * 6 * 16 * 27 + 2 * 16 * 4


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Gate(16, 4, nn.Softsign), r"scale_activation: the tree has no layer for Softsign"),
        (nn.Sequential(nn.Identity(), nn.Softplus(2, 5)), r"1: the tree's Activation has no beta=2"),
        (nn.LSTM(16, 4), "LSTM: its input, T×N×C"),
        (nn.Sequential(nn.Unflatten(1, (4, 4))), "0: a tree makes pictures and sequences of vectors alone"),
    ],
)
def test_what_is_no_gate_is_named(model: nn.Module, said: str) -> None:
    shape = (16,) if isinstance(model, nn.LSTM) else (4, 4, 16)
    with pytest.raises(ValueError, match=said):
        network_of(model, shape)
