"""Weights that are worked out before each call, and learned numbers that all channels share, as what they give."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from hubel.base.errors import NetworkError
from hubel.nn import translate
from hubel.nn.reading.torch import TrainingAloneWarning

SHAPE = (6, 6, 4)


def old(make: Callable[[Any], Any], module: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch has newer ways
        return make(module)


class Halved(nn.Module):
    """A parametrisation of one's own."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight.tanh() / 2


def own() -> nn.Module:
    found = nn.Conv2d(4, 6, 3)
    nn.utils.parametrize.register_parametrization(found, "weight", Halved())
    return found


LAYERS: list[tuple[str, Callable[[], Any], int]] = [
    ("weight_norm", lambda: parametrizations.weight_norm(nn.Conv2d(4, 6, 3)), 0),
    ("weight_norm of all", lambda: parametrizations.weight_norm(nn.Conv2d(4, 6, 3), dim=None), 0),
    ("spectral_norm", lambda: parametrizations.spectral_norm(nn.Conv2d(4, 6, 3)), 6 * 36 + 6),
    ("orthogonal", lambda: parametrizations.orthogonal(nn.Conv2d(4, 6, 3, bias=False)), -1),
    ("own", own, 0),
    ("two of them", lambda: parametrizations.weight_norm(parametrizations.weight_norm(nn.Conv2d(4, 6, 3)), "bias"), 0),
    ("older weight_norm", lambda: old(nn.utils.weight_norm, nn.Conv2d(4, 6, 3)), 0),
    ("older weight_norm of all", lambda: old(lambda made: nn.utils.weight_norm(made, dim=None), nn.Conv2d(4, 6, 3)), 0),
    ("older spectral_norm", lambda: old(nn.utils.spectral_norm, nn.Conv2d(4, 6, 3)), 6 * 36 + 6),
    ("pruned", lambda: prune.l1_unstructured(nn.Conv2d(4, 6, 3), "weight", 0.4), 0),
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("what", "make", "macs"), LAYERS, ids=[layer[0] for layer in LAYERS])
def test_they_are_folded_into_plain_weights(what: str, make: Callable[[], Any], macs: int, training: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(make(), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)).train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.warns(TrainingAloneWarning, match=r"conv1\.\w+.*: worked out of the model's parameters") as told:
        module = translate(model, SHAPE)
    assert module.training is training
    assert ("multiply-adds of each pass are so saved" in str(told[0].message)) == bool(macs)
    assert macs <= 0 or f" {macs:,} multiply-adds" in str(told[0].message)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    pictures = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(module.eval()(pictures), model.eval()(pictures))
    assert "nobias" in str(module.network) if what == "orthogonal" else "nobias" not in str(module.network)


@pytest.mark.parametrize(
    "make",
    [
        lambda: parametrizations.weight_norm(nn.Linear(4, 6)),
        lambda: parametrizations.spectral_norm(nn.Linear(4, 6)),
        lambda: old(nn.utils.weight_norm, nn.Linear(4, 6)),
    ],
)
def test_of_vectors_too(make: Callable[[], Any]) -> None:
    model = nn.Sequential(make(), nn.Tanh()).eval()
    with pytest.warns(TrainingAloneWarning):
        module = translate(model, (4,))
    torch.testing.assert_close(module(torch.eye(4)), model(torch.eye(4)))


class Scaled(nn.Module):
    """A convolution, and arithmetic with numbers of the model's own."""

    def __init__(self, does: Callable[[Any, Tensor], Tensor], gain: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.conv, self.does = nn.Conv2d(4, 6, 3), does
        self.gain, self.bias = nn.Parameter(gain), nn.Parameter(bias)

    def forward(self, picture: Tensor) -> Tensor:
        return self.does(self, self.conv(picture))


ONE, EACH = torch.tensor([0.1]), torch.linspace(0.5, 1.5, 6).reshape(6, 1, 1)


@pytest.mark.parametrize(
    ("does", "gain", "bias", "text"),
    [
        (lambda own, x: own.gain * x + own.bias, ONE, 2 * ONE, "scale"),  # HGNet v2's learnable affine block
        (lambda own, x: x * own.gain + own.bias, EACH, EACH[None], "scale"),
        (lambda own, x: own.bias + x * own.gain, EACH, ONE[0], "scale"),
        (lambda own, x: own.gain * x * own.bias, torch.full((1, 1, 1, 1), 0.3), ONE, "2 * scale nobias"),
    ],
)
def test_one_learned_number_for_all_channels(
    does: Callable[[Any, Tensor], Tensor], gain: Tensor, bias: Tensor, text: str
) -> None:
    model = Scaled(does, gain.clone(), bias.clone()).eval()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        module = translate(model, SHAPE)
    assert str(module.network) == f"6x6x4: conv 6 3x3, {text}"
    assert any("or one number for all channels" in str(each.message) for each in told) == (
        1 in (gain.numel(), bias.numel())
    )
    pictures = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(module(pictures), model(pictures))


@pytest.mark.parametrize(
    ("does", "unused", "text"),
    [
        (lambda own, x: x * own.gain.exp(), "bias", "scale nobias"),
        (lambda own, x: functional.softplus(own.gain)[None] * x, "bias", "scale nobias"),
        (lambda own, x: x.div_(own.gain.exp()), "bias", "scale nobias"),
        (lambda own, x: x * own.gain.exp() + own.bias.sin(), "", "scale"),
        (lambda own, x: x - own.gain, "bias", "shift"),
        (lambda own, x: own.gain - x, "bias", "rescale -1.0, shift"),
        (lambda own, x: torch.rsub(own.gain, x), "bias", "shift"),
        (lambda own, x: x.add_(own.bias), "gain", "shift"),
        (lambda own, x: (x + own.bias) * own.gain.exp(), "", "shift, scale nobias"),  # Glow's ActNorm
        (lambda own, x: (x - own.bias) / own.gain, "", "shift, scale nobias"),
        (lambda own, x: x.mean((2, 3)) - own.gain.flatten(), "bias", "globalavgpool, shift"),
        (lambda own, x: (x.movedim(1, -1) - own.gain.flatten()).movedim(-1, 1), "bias", "shift"),
        (lambda own, x: own.gain.sigmoid() * x + (1 - own.gain.sigmoid()) * x.relu(), "bias",
         "sum(scale nobias | relu, scale nobias)"),
        (lambda own, x: x * own.gain.flatten().softmax(0)[2], "bias", "scale nobias"),
    ],
)  # fmt: skip
def test_learned_numbers_that_simple_functions_work_out(
    does: Callable[[Any, Tensor], Tensor], unused: str, text: str
) -> None:
    model = Scaled(does, EACH.clone(), EACH.clone() - 2).eval()
    if unused:
        delattr(model, unused)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = translate(model, SHAPE)
    assert str(module.network) == f"6x6x4: conv 6 3x3, {text}"
    pictures = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(module(pictures), model(pictures))


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda own, x: x + own.gain, "add: a tree adds one learned number for each channel, not 6×4×4 of them"),
        (lambda own, x: x * own.gain, "one number for each channel"),
        (lambda own, x: own.gain / x, "div: the tree has no layer that divides by what depends on the input"),
    ],
)
def test_other_learned_numbers_are_refused(does: Callable[[Any, Tensor], Tensor], said: str) -> None:
    with pytest.raises(NetworkError, match=said):
        translate(Scaled(does, torch.ones(6, 4, 4), EACH.clone()).eval(), SHAPE)


def test_a_branch_times_one_learned_number() -> None:
    """NFNet's: what a block adds is scaled by a number that begins at 0."""
    model = Scaled(lambda own, x: x + own.gain * x.relu(), torch.tensor(0.3), ONE).eval()
    del model.bias
    with pytest.warns(TrainingAloneWarning, match="one number for all channels"):
        module = translate(model, SHAPE)
    assert str(module.network) == "6x6x4: conv 6 3x3, sum(identity | relu, scale nobias)"
    pictures = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(module(pictures), model(pictures))


class Again(nn.Module):
    """A layer that runs twice, of one kind or another."""

    def __init__(self, layer: Any, between: Any) -> None:
        super().__init__()
        self.layer, self.between = layer, between

    def forward(self, picture: Tensor) -> Tensor:
        return self.layer(self.between(self.layer(picture)))


def tied() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))
    model[2].weight = model[0].weight
    return model


@pytest.mark.parametrize(
    ("model", "text", "again"),
    [
        (Again(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), "conv 4 3x3 pad=1, relu, conv 4 3x3 pad=1", 148),
        (Again(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)), nn.Tanh()), "", 28),
        (Again(Again(nn.Conv2d(4, 4, 1), nn.Tanh()), nn.ReLU()), "", 60),
        (Again(parametrizations.weight_norm(nn.Conv2d(4, 4, 1, bias=False)), nn.ReLU()), "", 20),
        (tied(), "conv 4 1x1, relu, conv 4 1x1", 16),
        (Scaled(lambda own, x: own.gain * x + (own.gain * x.relu() + own.bias), EACH.clone(), EACH.clone()), "", 6),
        (Scaled(lambda own, x: own.gain * (own.gain * x).relu() + own.bias, ONE.clone(), ONE.clone()), "", 1),
    ],
    ids=["conv", "block", "four times", "weight_norm", "tied", "numbers", "one number"],
)
def test_a_layer_that_runs_twice_stands_twice_and_that_is_said(model: nn.Module, text: str, again: int) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        module = translate(model.eval(), SHAPE)
    (said,) = (str(each.message) for each in told if "runs again" in str(each.message))
    assert f"once for each, {again:,} parameters more than the model, and learns each by itself" in said
    assert not any("another gradient" in str(each.message) for each in told)
    assert not text or str(module.network) == f"6x6x4: {text}"
    pictures = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(module(pictures), model(pictures))
    assert len({tensor.data_ptr() for tensor in module.parameters()}) == len([*module.parameters()])


class Steps(nn.Module):
    """A recurrent layer that reads what it gave."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, steps: Tensor) -> Tensor:
        first, _ = self.cell(steps.transpose(1, 2))
        return self.cell(first.tanh())[0][:, -1]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_recurrent_layer_that_runs_twice_stands_twice(kind: Any) -> None:
    model = Steps(kind(4, 4, batch_first=True)).eval()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        module = translate(model, (6, 4))
    assert any("its tree holds these numbers once for each" in str(each.message) for each in told)
    sequences = torch.randn(3, 4, 6)
    torch.testing.assert_close(module(sequences), model(sequences))


def test_parts_of_one_tensor_in_two_layers_are_refused() -> None:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))
    model[2].weight = nn.Parameter(model[0].weight.detach().view(4, 4, 1, 1))
    with pytest.raises(ValueError, match=r"^2: its weight shares its numbers with 0: its weight"):
        translate(model, SHAPE)
