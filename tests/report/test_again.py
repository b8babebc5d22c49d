"""The report's line that trains the same once more: typed as it stands, it gives the same model."""

from __future__ import annotations

import re
import shlex
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from tests.command import hubel
from tests.tasks.little import LITTLE


def line_of(run: Path) -> list[str]:
    """The words of the page's line."""
    text = unescape(re.sub(r"<[^>]+>", "\n", (run / "report.html").read_text()))
    return shlex.split(next(line for line in text.splitlines() if line.startswith("hubel train ")))


def same_again(folder: Path, *words: object) -> list[str]:
    """Train by these words, then by the line of the page that this leaves; return the line, once both models are found
    to be the same.
    """
    first = hubel("train", *words, "--run", folder / "first")
    assert first.returncode == 0, first.stderr
    line = line_of(folder / "first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        second = hubel(*line[1:], "--run", "second", "--no-report")
    assert second.returncode == 0, second.stderr
    own, other = (load_file(folder / name / "model.safetensors") for name in ("first", "second"))
    assert own.keys() == other.keys()
    assert not [name for name in own if not np.array_equal(own[name], other[name])], line
    return line


@pytest.mark.parametrize("task", [task for task in LITTLE if task != "synthesis"])
def test_of_every_task_it_gives_the_same_model(task: str, tmp_path: Path) -> None:
    little = LITTLE[task](tmp_path / "here")
    unsaid = ("size", "frames")
    settings = [f"--{name.replace('_', '-')}={each}" for name, each in little.settings.items() if name not in unsaid]
    epochs = 0.05 if task == "play" else 1
    same_again(tmp_path / "here", little.network, little.source, *settings, f"--epochs={epochs}", "--seed=3")


def test_the_critic_is_in_it_that_was_named_or_that_the_zoo_has(tmp_path: Path) -> None:
    little = LITTLE["synthesis"](tmp_path)
    critic = "8x8x1: conv 3 4x4/2 same, leaky 0.2, flatten, dense 1"
    more = ("--task=synthesis", "--epochs=1", "--seed=3")
    assert "--critic" in same_again(tmp_path, little.network, little.source, "--critic", critic, *more)
    assert "--critic" not in same_again(tmp_path / "rule", little.network, little.source, *more)
    # a generator that is made in the pictures' size stands in text form, without the name that its critic goes by
    made = same_again(tmp_path / "zoo", "dcgan", little.source, "--input=16x16x1", "--width=0.05", *more)
    assert made[made.index("--critic") + 1].startswith("16x16x1: ")


def test_symbols_void_and_a_size_that_was_asked_for_are_in_it(tmp_path: Path) -> None:
    text = tmp_path / "rhyme.txt"
    text.write_text("one for sorrow, two for joy,\n" * 40)
    writer = "16: embed 256 6, gru 8 sequences, dense 256"
    assert "--vocabulary" in same_again(tmp_path, writer, text, "--vocabulary=bytes", "--epochs=1")
    drawn = tmp_path / "masks"
    random = np.random.default_rng(0)
    for number in range(16):
        for name, pixels in (("images", random.integers(0, 255, (8, 8))), ("masks", random.integers(0, 3, (8, 8)))):
            (drawn / "drawn" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(drawn / "drawn" / name / f"{number}.png")
    assert "--void" in same_again(drawn, "8x8x1: conv 2 3x3 same", drawn / "drawn", "--void=2", "--epochs=1")
    sized = tmp_path / "sized"
    sized.mkdir()
    np.savez(
        sized / "small.npz", x_train=random.integers(0, 255, (40, 20, 20)).astype(np.uint8), y_train=np.arange(40) % 10
    )
    line = same_again(sized, "lenet5", sized / "small.npz", "--input=28x28x1", "--epochs=1")
    assert line[2:6] == ["lenet5", "small.npz", "--input", "28x28x1"]


def test_epochs_that_a_time_found_are_not_looked_for_again(tmp_path: Path) -> None:
    little = LITTLE["classification"](tmp_path)
    network = "8x8x1: flatten, dense 2"
    assert hubel("train", network, little.source, "--time=4", "--run", tmp_path / "first").returncode == 0
    line = line_of(tmp_path / "first")
    assert line[-2:] == ["--set", "time_budget=0"]
    assert "To run it again" in (tmp_path / "first" / "report.html").read_text()


def test_what_no_line_repeats_is_said(tmp_path: Path) -> None:
    little = LITTLE["classification"](tmp_path)
    words = ("train", little.network, little.source, "--epochs=1", "--run", tmp_path / "first")
    assert hubel(*words).returncode == 0
    page = tmp_path / "first" / "report.html"
    assert "recipe give the same model" in page.read_text()
    assert hubel("train", "--resume", tmp_path / "first", "--epochs=2").returncode == 0
    assert "Its settings were changed on the way (from step" in page.read_text()
    assert "give the same model" not in page.read_text()
