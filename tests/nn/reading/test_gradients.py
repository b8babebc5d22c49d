"""What a model does in training that its tree does not is said, though both predict the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.nn import network_of, translate
from hubel.nn.reading.torch import TrainingAloneWarning

SHAPE = (6, 6, 4)


class Reversed(torch.autograd.Function):
    """A gradient that goes the other way (domain adaptation)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


class Two(nn.Module):
    """Two convolutions, and what happens between or around them."""

    def __init__(self, function: Callable[[Two, Tensor], Tensor]) -> None:
        super().__init__()
        self.one, self.two, self.function = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def without(model: Two, x: Tensor) -> Tensor:
    with torch.no_grad():
        first = model.one(x)
    return model.two(first)


def scaled(model: Two, x: Tensor) -> Tensor:
    first = model.one(x)
    if first.requires_grad:
        first.register_hook(lambda gradient: gradient / 10)
    return model.two(first)


def twice_in_place(model: Two, x: Tensor) -> Tensor:
    first = model.two(model.one(x))
    functional.relu(first, inplace=True)
    return functional.leaky_relu(first, 0.1, inplace=True)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (without, "^it learns otherwise than its tree: no gradient comes to its input, one.weight, one.bias$"),
        (scaled, "^it learns otherwise than its tree: another gradient comes to its input, one.weight, one.bias$"),
        (lambda m, x: m.two(Reversed.apply(m.one(x))), "another gradient comes to its input, one.weight, one.bias$"),
        (lambda m, x: m.two(functional.conv2d(x, m.one.weight.detach(), m.one.bias)), "gradient comes to one.weight$"),
        (torch.no_grad()(lambda m, x: m.two(m.one(x))), "its input, one.weight, one.bias and 2 more$"),
        (twice_in_place, "^no gradient comes back through the model, as it does through its tree: RuntimeError"),
    ],
)  # fmt: skip
def test_other_gradients_are_said(function: Callable[[Two, Tensor], Tensor], said: str) -> None:
    with pytest.warns(UserWarning, match=said):
        network_of(Two(function), SHAPE)


def test_hooks_of_weights_are_said() -> None:
    model = Two(lambda m, x: m.two(m.one(x)))
    model.two.bias.register_hook(lambda gradient: gradient * 0)  # type: ignore[union-attr]
    with pytest.warns(UserWarning, match="what a hook makes of gradients is not in its tree: of two.bias"):
        network_of(model, SHAPE)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda m, x: m.two(m.one(x + torch.randn_like(x) if m.training else x)), "runs besides randn_like, add"),
        (lambda m, x: m.two(m.one(x)) if m.training else m.two(m.one(x)).softmax(1), "leaves out softmax"),
        (lambda m, x: m.two(m.one(x).tanh() if m.training else m.one(x)), "runs besides tanh"),
        (
            lambda m, x: m.two(m.one(x).sigmoid() if m.training else m.one(x).relu()),
            "runs besides sigmoid, and leaves out relu",
        ),
    ],
)
def test_what_runs_in_one_mode_alone_is_said(function: Callable[[Two, Tensor], Tensor], said: str) -> None:
    model = Two(function).eval()
    with pytest.warns(UserWarning, match=f"^in training mode the model {said}; its tree does not$"):
        network_of(model, SHAPE)
    assert not any(part.training for part in model.modules())


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda m, x: m.two(functional.max_pool2d(m.one(x), 2 if m.training else 3)), "max_pool2d has other settings"),
        (lambda m, x: m.two(m.one(x)) * (2.0 if m.training else 3.0), "mul has other settings"),
        (lambda m, x: m.two(m.one(x[:, :, :: 2 if m.training else 3])), "getitem has other settings"),
        (
            lambda m, x: functional.dropout(m.two(m.one(x)), 0.5 if m.training else 0.0, m.training),
            "dropout has other settings",
        ),
        (
            lambda m, x: torch.cat([m.one(x), m.two(x)] if m.training else [m.two(x), m.one(x)], 1),
            "cat has other settings",
        ),
        (
            lambda m, x: m.two(m.one(x)).relu() if m.training else m.two(m.one(x).relu()),
            "two has other settings, or is given something else; its tree has one way$",
        ),
        (lambda m, x: (m.two(m.one(x)), x) if m.training else m.two(m.one(x)), "returns something else, a tuple"),
        (lambda m, x: functional.dropout(m.two(m.one(x)), 0.5, False), "dropout stay as in evaluation mode"),
        (lambda m, x: torch.dropout(m.two(m.one(x)), p=0.5, train=False), "dropout stay as in evaluation mode"),
    ],
)  # fmt: skip
def test_what_is_done_otherwise_in_training_is_said(function: Callable[[Two, Tensor], Tensor], said: str) -> None:
    with pytest.warns(UserWarning, match=f"^in training mode .*{said}"):
        network_of(Two(function), SHAPE)


def test_what_fails_in_training_mode_is_said() -> None:
    with pytest.warns(UserWarning, match="^it does not run in training mode, as its tree does: .*'nothing'"):
        network_of(Two(lambda m, x: m.two(m.one(x)) if not m.training else m.nothing(x)), SHAPE)


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_of_what_learns_alike() -> None:
    network_of(nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(2)), SHAPE)
    network_of(
        Two(lambda m, x: functional.dropout(m.two(functional.dropout2d(m.one(x), 0.2, m.training)), 0.5, m.training)),
        SHAPE,
    )


def test_what_is_frozen_stays_frozen() -> None:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).train()
    model[0].requires_grad_(False)
    model[1].eval()
    module = translate(model, SHAPE)
    wanted = {path: parameter.requires_grad for path, parameter in module.named_parameters()}
    assert [path for path, wants in wanted.items() if not wants] == ["conv1.weight", "conv1.bias"]
    assert (module.training, module.norm1.training, module.norm2.training) == (True, False, True)


def test_one_image_alone_is_tried() -> None:
    class Squeezes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(functional.adaptive_avg_pool2d(x, 1).squeeze())  # type: ignore[no-any-return]

    with pytest.warns(UserWarning, match=r"^of one image alone it gives \(3,\), without the batch that"):
        network_of(Squeezes(), SHAPE)
    with pytest.warns(UserWarning, match="^one image alone it does not take, as its tree does"):
        network_of(Refuses(), SHAPE)


class Refuses(nn.Module):
    """Wants several images, as what was written for training does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 1:
            raise ValueError("expected several images")
        return self.conv(x)  # type: ignore[no-any-return]


def test_what_was_there_is_not_written_into() -> None:
    """Comparing runs the model on numbers that are not the user's."""

    class Writes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.mean = nn.Conv2d(4, 4, 1), torch.zeros(4)
            self.beside = [nn.BatchNorm2d(4)]  # no part of the model, so that it never ends its training

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            self.mean.mul_(0.9).add_(y.mean((0, 2, 3)))
            self.beside[0](y)
            return y  # type: ignore[no-any-return]

    model = Writes().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network_of(model, SHAPE)
    assert torch.equal(model.mean, torch.zeros(4))
    assert torch.equal(model.beside[0].running_mean, torch.zeros(4))  # type: ignore[arg-type]
    assert int(model.beside[0].num_batches_tracked) == 0  # type: ignore[arg-type]


class Frozen(nn.Module):
    """A normalisation that the model's own `train` keeps in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.norm.eval()
        return self


def test_what_a_train_of_the_models_own_leaves_in_evaluation_mode_is_said() -> None:
    with pytest.warns(TrainingAloneWarning, match="in training mode norm stay as in evaluation mode"):
        translate(Frozen(), (8, 8, 3))


class Stays(nn.BatchNorm2d):
    """A normalisation that never learns its statistics."""

    def train(self, mode: bool = True) -> Stays:
        return super().train(False)


class Thawed(nn.Module):
    """A normalisation that `forward` itself puts into evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        self.norm.eval()
        return self.norm(x)


class Own(nn.BatchNorm2d):
    """A normalisation as any other, of a class of its own."""


@pytest.mark.filterwarnings("error")
def test_layers_of_classes_of_ones_own() -> None:
    with pytest.warns(TrainingAloneWarning, match=r"in training mode 1 \(batch_norm\) stay as in evaluation mode"):
        network_of(nn.Sequential(nn.Conv2d(4, 4, 1), Stays(4)), SHAPE)
    with pytest.warns(TrainingAloneWarning, match=r"in training mode 1.norm stay as in evaluation mode"):
        network_of(nn.Sequential(nn.Conv2d(4, 4, 1), Thawed()), SHAPE)
    network_of(nn.Sequential(nn.Conv2d(4, 4, 1), Own(4)), SHAPE)  # counts its batches, as all do


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("layer", "training"), [(nn.BatchNorm2d(4), True), (nn.Dropout(), False)])
def test_layers_in_another_mode_than_their_model_are_said(layer: nn.Module, training: bool) -> None:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), layer).train(training)
    network_of(model, SHAPE)
    layer.train(not training)
    with pytest.warns(TrainingAloneWarning, match=f"1: in {'evaluation' if training else 'training'} mode, which the"):
        network_of(model, SHAPE)
    assert [part.training for part in translate(model, SHAPE)] == [training, not training]


def test_no_hook_is_left_behind() -> None:
    network_of(nn.Conv2d(3, 4, 3), (8, 8, 3))
    assert not torch.nn.modules.module._global_forward_hooks_with_kwargs
