"""Strided 1×1 convolutions of few channels, which PyTorch's own gradient ends the process for."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from hubel.nn import step_first
from tests.work import HANG

STEPS = """
import sys
import numpy as np
from hubel.arch import parse
from hubel.data import Dataset, Splits
from hubel.train import Recipe, train
images = np.random.default_rng(0).integers(0, 256, (64, 56, 56, 3), np.uint8)
data = Dataset(images, np.arange(64) % 2, ("a", "b"), "noise")
recipe = Recipe(epochs=1, batch_size=16, threads=1, precision="float32", memory_format="channels-last", device="cpu")
for channels in (3, 6, 8, 12):
    text = f"56x56x3: conv {channels} 3x3 same, sum(conv 13 3x3/2 pad=1 | conv 13 1x1/2), globalavgpool, dense 2"
    train(parse(text), Splits(data, test=data), recipe, f"{sys.argv[1]}/{channels}")
"""


def test_training_ends_well(tmp_path):
    command = [sys.executable, "-c", STEPS, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=HANG)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("strides", [(2, 2), (1, 2), (3, 1)])
def test_places_first_is_the_same_function(strides):
    plain = nn.Sequential(nn.Conv2d(6, 13, 1, strides))
    other = nn.Sequential(nn.Conv2d(6, 13, 1, strides))
    other.load_state_dict(plain.state_dict())
    step_first(other)
    first = torch.randn(2, 6, 9, 8, dtype=torch.float64, requires_grad=True)
    second = first.detach().clone().requires_grad_()
    plain.double()(first).square().sum().backward()
    other.double()(second).square().sum().backward()
    torch.testing.assert_close(first.grad, second.grad)
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)
