"""The update rules give PyTorch's own bits, and training does not load PyTorch's compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from hubel.train.loop.optimizers import SGD, Adam, Muon, Optimizer, RMSprop

PAIRS: dict[str, tuple[Any, Any]] = {
    "adam": (
        lambda groups: Adam(groups, 0.01, (0.8, 0.95)),
        lambda groups: torch.optim.Adam(groups, 0.01, betas=(0.8, 0.95), fused=True),
    ),
    "adamw": (
        lambda groups: Adam(groups, 0.01, (0.9, 0.99), decoupled=True),
        lambda groups: torch.optim.AdamW(groups, 0.01, betas=(0.9, 0.99), fused=True),
    ),
    "sgd": (
        lambda groups: SGD(groups, 0.1, 0.9),
        # PyTorch's fused one breaks where some parameters had no gradient at first
        lambda groups: torch.optim.SGD(groups, 0.1, momentum=0.9, nesterov=True),
    ),
    "sgd with Polyak's momentum": (
        lambda groups: SGD(groups, 0.1, 0.9, nesterov=False),
        lambda groups: torch.optim.SGD(groups, 0.1, momentum=0.9),
    ),
    "rmsprop": (
        lambda groups: RMSprop(groups, 0.01, 0.9, epsilon=1e-7),
        lambda groups: torch.optim.RMSprop(groups, 0.01, 0.9, 1e-7),
    ),
    "rmsprop with momentum": (
        lambda groups: RMSprop(groups, 0.01, 0.9, 0.5),
        lambda groups: torch.optim.RMSprop(groups, 0.01, 0.9, momentum=0.5),
    ),
    "sgd without momentum": (
        lambda groups: SGD(groups, 0.1, 0.0),
        lambda groups: torch.optim.SGD(groups, 0.1, fused=True),
    ),
}


def parameters() -> list[nn.Parameter]:
    torch.manual_seed(0)
    kernel = torch.randn(6, 3, 5, 5).to(memory_format=torch.channels_last)
    return [nn.Parameter(each) for each in (kernel, torch.randn(6), torch.randn(10, 24), torch.randn(10))]


def trained(rule: Optimizer | torch.optim.Optimizer, own: list[nn.Parameter]) -> list[torch.Tensor]:
    """Take five steps with gradients that are sometimes missing, at rates that change."""
    noise = torch.Generator().manual_seed(1)
    for step in range(5):
        for place, parameter in enumerate(own):
            missing = place == 1 and step in (0, 3)
            drawn = torch.randn(parameter.shape, generator=noise)
            # in the parameter's layout, as PyTorch's backward pass has it
            parameter.grad = None if missing else torch.empty_like(parameter).copy_(drawn).detach()
        for group in rule.param_groups:
            group["lr"] = 0.01 * (step + 1)
        rule.step()
    return [parameter.detach() for parameter in own]


@pytest.mark.parametrize("name", PAIRS)
def test_rules_are_those_of_pytorch_to_the_bit(name: str) -> None:
    found = []
    for make in PAIRS[name]:
        own = parameters()
        groups = [{"params": own[::2], "weight_decay": 0.1}, {"params": own[1::2], "weight_decay": 0.0}]
        found.append(trained(make(groups), own))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6 if name == "sgd" else 0, atol=1e-6 if name == "sgd" else 0)


def test_muon_orthogonalises() -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(8, 3, 3, 3))
    rule = Muon([{"params": [kernel]}], 1.0, 0.0)
    kernel.grad = torch.randn(8, 3, 3, 3)
    rule.step()
    values = torch.linalg.svdvals(kernel.detach().flatten(1))
    assert 0.6 < values.min() <= values.max() < 1.3


def test_training_does_not_load_the_compiler() -> None:
    program = """
import sys
from tests.train.quadrants import NETWORK, RECIPE, quadrants
from hubel.arch import parse
from hubel.data import Splits
from hubel.train import train
import tempfile
splits = Splits(train=quadrants(64, 0), test=quadrants(32, 1))
with tempfile.TemporaryDirectory() as folder:
    train(parse(NETWORK), splits, RECIPE.replace(epochs=1), folder + "/run")
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr
