"""`hubel plan` of PyTorch models that are no tree: several inputs, layers that no tree has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from hubel.nn import inspect
from tests.command import hubel

MODELS = """
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3), nn.Linear(10, 8), nn.Linear(8, 2)

    def forward(self, x, y):
        return self.c(self.a(x).mean((2, 3)) + self.b(y))

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return nn.functional.softsign(self.a(x))

class Chosen(Odd):
    def forward(self, x):
        return self.a(x).argmax(1)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return path


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3), nn.Linear(10, 8), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.c(self.a(x).mean((2, 3)) + self.b(y))  # type: ignore[no-any-return]


def test_several_inputs(file: Path) -> None:
    done = hubel(
        *("plan", f"{file}:Two", "--input", "32x32x3", "--input", "10", "--batch-size", 4, "--device", "t4", "--json")
    )
    found = json.loads(done.stdout)
    memory = inspect(Two(), [(32, 32, 3), (10,)], batch=4).memory
    assert memory is not None
    assert (found["tree"], found["batch"], found["optimizer"]) == (False, 4, "momentum")
    assert {name: found["memory"][name] for name in ("weights", "gradients", "kept", "activations")} == {
        name: getattr(memory, name) for name in ("weights", "gradients", "kept", "activations")
    }
    assert found["memory"]["total"] == memory.weights + 2 * (memory.gradients or 0) + memory.activations
    assert found["why"] == "a tree has one input, a picture, a sequence or a vector"
    assert found["fits"]
    largest = inspect(Two(), [(32, 32, 3), (10,)], batch=found["largest_batch"]).memory
    assert largest is not None
    assert largest.weights + 2 * (largest.gradients or 0) + largest.activations <= found["device"]["memory"]


def test_what_the_tree_has_no_layer_for(file: Path) -> None:
    done = hubel("plan", f"{file}:Odd", "--input", "32x32x3", "--device", "t4", "--optimizer", "adam")
    assert done.returncode == 0
    assert "without layers' times: softsign: the tree has no layer for softsign" in done.stdout
    assert "2 numbers for each that is trained" in done.stdout
    done = hubel("plan", f"{file}:Odd", "--input", "32x32x3", "--device", "t4", "--batch-size", 1_000_000)
    assert done.returncode == 1
    assert "does NOT fit in 16 GB" in done.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            ["{}:Odd", "--input", "8x8x3", "--devices", "2"],
            "a plan tells its memory alone: expected no --devices",
        ),
        (["{}:Chosen", "--input", "8x8x3"], "it cannot be trained as it stands"),
        (["{}:Two", "--input", "8x8x3"], "missing 1 required positional argument: 'y'"),
        (
            ["lenet5", "--input", "28x28x1", "--input", "10"],
            "expected one --input as 32x32x3 for lenet5",
        ),
    ],
)
def test_what_cannot_be_planned_is_said(line: list[str], said: str, file: Path) -> None:
    done = hubel("plan", *(word.format(file) for word in line), "--device", "t4")
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
