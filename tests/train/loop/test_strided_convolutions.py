"""Convolutions in strides whose weights' gradient PyTorch's own kernels get wrong: those of 1×1 of few channels, which
end the process, and those whose weights see padding alone, which are not finite.
"""

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


@pytest.mark.parametrize("kernel", [(3, 2, 1, 1, 1), (5, 2, 2, 1, 2), (3, 1, 1, 1, 1), (3, 3, 2, 2, 1)])
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (2, 2), (7, 7)])
def test_weights_that_see_padding_alone_have_no_gradient(kernel, size):
    side, stride, padding, dilation, groups = kernel
    plain = nn.Conv2d(4, 6, side, stride, padding, dilation, groups)
    other = nn.Conv2d(4, 6, side, stride, padding, dilation, groups)
    other.load_state_dict(plain.state_dict())
    step_first(other)
    input = torch.randn(2, 4, *size, dtype=torch.float64)
    for module in (plain, other):
        module.double()(input).square().sum().backward()
    torch.testing.assert_close(plain(input), other(input))
    torch.testing.assert_close(plain.weight.grad, other.weight.grad)


def test_gradients_on_one_place_are_finite_in_bfloat16():
    """Whatever stood in memory before: here what is not a number."""
    for _ in range(20):
        left = [torch.full((size,), float("nan")) for size in (2304, 4608, 1152, 10_000)]
        del left
        layer = nn.Conv2d(16, 16, 3, 2, 1, bias=False)
        step_first(layer)
        with torch.autocast("cpu", torch.bfloat16):
            layer(torch.randn(4, 16, 1, 1)).float().square().mean().backward()
        assert layer.weight.grad.isfinite().all()
        assert layer.weight.grad[:, :, 0].abs().max() == layer.weight.grad[:, :, :, 2].abs().max() == 0
