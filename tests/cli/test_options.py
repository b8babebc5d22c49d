"""Odd values of every option and argument end in a sentence. `benchmarks/hostile.py` tries them all; here, a sample."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.cli import main
from tests.cli.odd import WORKING, commands, lines

ROOT = Path(__file__).parents[2]
MOST = 2000  # megabytes
SAMPLE = 250


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what `WORKING` names."""
    folder = tmp_path_factory.mktemp("odd")
    made = np.random.default_rng(0).integers(0, 255, (64, 8, 8, 1), dtype=np.uint8)
    np.savez(folder / "images.npz", images=made, labels=np.arange(64) % 2)
    Image.fromarray(made[0, :, :, 0]).save(folder / "a.png")
    Image.fromarray(made[1, :, :, 0]).resize((16, 16)).convert("RGB").save(folder / "b.png")
    (folder / "model.py").write_text(
        "from torch import nn\nmake = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2))\n"
    )
    line = ["train", WORKING["train"][0], str(folder / "images.npz"), "--run", str(folder / "run"), "--epochs", "1"]
    assert main([*line, "--no-report"]) == 0
    return folder


def told(folder, these):
    """What came of these lines, in one process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.cli.odd"],
        input="".join(json.dumps(words) + "\n" for words in these),
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"},
        timeout=400,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_every_command_is_tried():
    assert {" ".join(words) for words, _ in commands()} == WORKING.keys()


def test_the_lines_without_odd_values_work(folder):
    quick = [words.split() + right for words, right in WORKING.items() if words not in ("train", "sweep")]
    for found in told(folder, quick):
        assert found["how"] == "done", found


def test_odd_values_end_in_a_sentence(folder):
    every = [words for words in lines(WORKING) if words[0] not in ("train", "sweep")]
    assert len(every) > 5000
    sample = random.Random(0).sample(every, SAMPLE)
    found = told(folder, sample)
    assert len(found) == SAMPLE, f"it died of {sample[len(found)]}"
    assert not [each for each in found if each["how"] not in ("done", "refused") or each["megabytes"] > MOST]
