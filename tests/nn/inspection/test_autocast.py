"""Memory under `torch.autocast` in a model's `forward`, and of recurrent layers: as PyTorch itself keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from hubel.nn import inspect

from .test_flow import kept_by_pytorch


class Cast(nn.Module):
    """Runs a module, or a function of one, under autocast on the processor."""

    def __init__(self, inner: nn.Module, run: Callable[..., Tensor] | None = None, **settings: Any) -> None:
        super().__init__()
        self.inner, self.run, self.settings = inner, run, {"dtype": torch.bfloat16, **settings}

    def forward(self, x: Tensor) -> Any:
        with torch.autocast("cpu", **self.settings):
            return self.inner(x) if self.run is None else self.run(self.inner, x)


class Inner(Cast):
    """A part within autocast that is not cast."""

    def forward(self, x: Tensor) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            y = self.inner(x)
            with torch.autocast("cpu", enabled=False):
                return self.inner(y.float())


def standardized(conv: Any, x: Tensor) -> Tensor:
    weight = conv.weight - conv.weight.mean((1, 2, 3), keepdim=True)
    return functional.conv2d(x, weight / (weight.std((1, 2, 3), keepdim=True) + 1e-5), conv.bias)


def dense() -> nn.Linear:
    return nn.Linear(16, 16)


def convolutions() -> nn.Module:
    first = (nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3))
    return nn.Sequential(*first, nn.GroupNorm(2, 8), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


def larger() -> nn.Module:
    up = nn.Upsample(scale_factor=2, mode="bilinear")
    return nn.Sequential(nn.Conv2d(3, 4, 3), up, nn.ReflectionPad2d(1), nn.ConvTranspose2d(4, 2, 2, 2))


PICTURE, STEPS = (2, 3, 16, 16), (2, 6, 16)
CAST: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "convolutions": (lambda: Cast(convolutions()), PICTURE),
    "evaluation": (lambda: Cast(convolutions()).eval(), PICTURE),
    "resized and padded": (lambda: Cast(larger()), PICTURE),
    "weights worked out": (lambda: Cast(nn.Conv2d(3, 8, 3), standardized), PICTURE),
    "weight normalisation": (lambda: Cast(weight_norm(dense())), STEPS),
    "normalisation": (lambda: Cast(nn.Sequential(dense(), nn.LayerNorm(16), dense(), nn.Softmax(-1))), STEPS),
    "matmul": (lambda: Cast(dense(), lambda f, x: (f(x) @ x.transpose(1, 2)).softmax(-1) @ x), STEPS),
    "einsum": (lambda: Cast(dense(), lambda f, x: torch.einsum("btc,bsc->bts", f(x), x)), STEPS),
    "widest": (lambda: Cast(dense(), lambda f, x: f(torch.cat([f(x), x], 1))), STEPS),
    "loss": (lambda: Cast(dense(), lambda f, x: functional.mse_loss(f(x), torch.zeros(2, 6, 16))), STEPS),
    "float16": (lambda: Cast(dense(), dtype=torch.float16), STEPS),
    "weights cast once": (lambda: Cast(dense(), lambda f, x: f(f(x))), STEPS),
    "weights cast twice": (lambda: Cast(dense(), lambda f, x: f(f(x)), cache_enabled=False), STEPS),
    "part without": (lambda: Inner(dense()), STEPS),
    "off": (lambda: Cast(dense(), enabled=False), STEPS),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CAST)
def test_under_autocast_is_kept_what_pytorch_keeps(name: str) -> None:
    made, shape = CAST[name]
    model, x = made(), torch.randn(shape)
    report = inspect(model, example=x)
    assert report.memory is not None
    assert report.memory.kept == kept_by_pytorch(model, (x,))
    assert report.output_shape == tuple(model(x).shape)


def test_types_meet_under_autocast_as_in_pytorch() -> None:
    """Numbers of 16 bits by a weight of 32: a product that autocast alone allows."""
    model = Cast(dense(), lambda f, x: x.to(torch.bfloat16) @ f.weight)
    assert inspect(model, example=torch.zeros(STEPS)).output_shape == STEPS


def test_attention_runs_under_autocast() -> None:
    model = Cast(nn.MultiheadAttention(16, 4, batch_first=True), lambda f, x: f(x, x, x)[0])
    plain = inspect(nn.MultiheadAttention(16, 4, batch_first=True), example=(torch.zeros(STEPS),) * 3)
    report = inspect(model, example=torch.zeros(STEPS))
    assert report.macs == plain.macs
    kept, of_plain = (each.memory.kept or 0 if each.memory else 0 for each in (report, plain))
    assert 0 < kept < of_plain


@pytest.mark.parametrize("made", [nn.GRU, nn.RNN])
def test_recurrent_layers_that_autocast_enters_say_how_they_are_counted(made: Any) -> None:
    report = inspect(Cast(made(16, 8)), example=torch.zeros(STEPS))
    assert any("under autocast: what it keeps counts as in 32 bits" in row.notes for row in report.rows)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bidirectional": True},
        {"num_layers": 2, "batch_first": True, "dropout": 0.3},
        {"bias": False},
        {"num_layers": 3, "bidirectional": True},
        {"hidden_size": 256},
    ],
)
def test_recurrent_layers_keep_what_pytorch_keeps(kind: Any, settings: dict[str, Any]) -> None:
    model, x = kind(16, **{"hidden_size": 8, **settings}), torch.randn(5, 6, 16)
    memory = inspect(model, example=x).memory
    assert memory is not None
    assert memory.kept == kept_by_pytorch(model, (x,))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("model", [nn.LSTM(16, 8).eval(), nn.LSTM(16, 8, proj_size=4), nn.LSTM(16, 8).double()])
def test_so_do_lstms_that_run_otherwise(model: nn.Module) -> None:
    x = torch.randn(STEPS, dtype=next(model.parameters()).dtype)
    memory = inspect(model, example=x).memory
    assert memory is not None
    assert memory.kept == kept_by_pytorch(model, (x,))


def test_an_lstm_has_the_gradients_of_its_cells() -> None:
    """One operation costs what its steps do: the first step's state wants no gradient."""
    whole, cell = nn.LSTM(5, 7), nn.LSTMCell(5, 7)
    report, one = inspect(whole, example=torch.zeros(4, 2, 5)), inspect(cell, example=torch.zeros(2, 5))
    assert report.macs == 4 * one.macs == 4 * 2 * 28 * (5 + 7)
    assert report.backward_macs == 4 * 2 * 28 * 5 + 2 * 28 * 7 + 3 * 2 * 2 * 28 * 7
