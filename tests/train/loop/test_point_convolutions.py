"""Strided 1×1 convolutions of few channels, which PyTorch's own gradient ends the process for."""

import subprocess
import sys

import pytest

STEPS = """
import sys
import numpy as np
from hubel.arch import parse
from hubel.data import Dataset, Splits
from hubel.train import Recipe, train
images = np.random.default_rng(0).integers(0, 256, (64, 56, 56, 3), np.uint8)
data = Dataset(images, np.arange(64) % 2, ("a", "b"), "noise")
recipe = Recipe(epochs=1, batch_size=16, threads=1, precision="float32", memory_format="channels-last", device="cpu")
train(parse(sys.argv[1]), Splits(data, test=data), recipe, sys.argv[2])
"""


@pytest.mark.parametrize("channels", [3, 6, 8, 12])
def test_training_ends_well(channels, tmp_path):
    text = f"56x56x3: conv {channels} 3x3 same, sum(conv 13 3x3/2 pad=1 | conv 13 1x1/2), globalavgpool, dense 2"
    ended = subprocess.run([sys.executable, "-c", STEPS, text, str(tmp_path / "run")], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
