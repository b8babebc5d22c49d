"""`hubel inspect` of a run and of a model file: what it says of itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hubel.cli import main
from hubel.data import Dataset, Splits
from hubel.train import Run, start

TEXT = "8x8x1: flatten, dense 3 softmax"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
    part = Dataset(images, np.arange(60) % 3, ("ape", "bee", "cat"), "animals")
    return start(TEXT, Splits(part, part), None, tmp_path_factory.mktemp("run"), epochs=2, seed=4, progress=False)


def test_a_received_model_tells_what_it_is(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(run.directory / "model.safetensors", tmp_path / "received.safetensors")
    for given in (run.directory, tmp_path / "received.safetensors"):
        assert main(["inspect", str(given)]) == 0
        shown = capsys.readouterr().out
        for words in (
            "classification",
            "3: ape, bee, cat",
            "8×8 grey",
            TEXT,
            "195 parameters",
            "% of the validation images right",
            "on animals",
            "2 epochs",
            "seed 4",
        ):
            assert words in shown, words
        assert main(["inspect", str(given), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["task"], told["classes"], told["parameters"]) == ("classification", ["ape", "bee", "cat"], 195)
        assert (told["preprocessing"]["height"], told["training"]["epochs"]) == (8, 2)


def test_as_a_table(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending, words in (("csv", "task,classification"), ("md", "| task | classification |"), ("tex", "task & class")):
        assert main(["inspect", str(run.directory), "-o", str(tmp_path / f"model.{ending}")]) == 0
        assert words in (tmp_path / f"model.{ending}").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["inspect", str(run.directory), "--input", "8x8x1"]) == 2
    assert "hubel explain tells what this costs" in capsys.readouterr().err
    (tmp_path / "other.safetensors").write_bytes(b"no tensors")
    assert main(["inspect", str(tmp_path / "other.safetensors")]) == 2
    assert "other.safetensors" in capsys.readouterr().err
