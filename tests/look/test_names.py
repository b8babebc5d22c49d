"""Names that users import: every public one loads, and modules keep the names that they had."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
import torch

import hubel.look
from hubel.train import Run


def test_every_public_name_loads() -> None:
    for name in hubel.look.__all__:
        assert getattr(hubel.look, name).__module__.startswith("hubel.")
    with pytest.raises(AttributeError, match="nothing_of_this"):
        hubel.look.nothing_of_this  # noqa: B018


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("changes", "inside.changes"),
        ("convolve", "byhand.convolve"),
        ("dream", "made.dream"),
        ("filters", "inside.filters"),
        ("find", "retrieve.find"),
        ("grids", "byhand.grids"),
        ("kernels", "byhand.kernels"),
        ("maps", "inside.maps"),
        ("mistakes", "errors.mistakes"),
        ("space", "retrieve.projection"),
        ("stepping", "byhand.stepping"),
        ("style", "made.style"),
    ],
)
def test_a_module_is_the_same_by_the_name_that_it_had(old: str, new: str) -> None:
    assert importlib.import_module(f"hubel.look.{old}") is importlib.import_module(f"hubel.look.{new}")


def test_names_of_others_and_names_that_there_are_none_of_are_left_alone() -> None:
    for name in ("style", "hubel.look.nowhere", "hubel.look.inside.style", "hubel.look.convolve.more"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_by_hand_needs_no_torch_by_either_name() -> None:
    script = "import sys; from hubel.look.convolve import convolve; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_run_is_looked_into_by_its_path(digits_run: Run) -> None:
    image = np.zeros((28, 28), np.uint8)
    sample = hubel.look.sample(digits_run.directory, image)
    by_path, by_model = (hubel.look.record(each, sample.input) for each in (digits_run.directory, digits_run.model()))
    assert all(torch.equal(tensor, by_model.outputs[path]) for path, tensor in by_path.outputs.items())
