"""Network and loss compiled by PyTorch for a processor. Half a minute, and a C++ compiler: beside the peers."""

import shutil

import pytest
import torch

from hubel.arch import parse
from hubel.data import Splits
from hubel.train import train
from tests.train.quadrants import NETWORK, RECIPE, quadrants


@pytest.mark.peers
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_network_learns_the_same_up_to_rounding(tmp_path):
    splits = Splits(quadrants(640, 0), None, quadrants(200, 1))
    recipe = RECIPE.replace(epochs=2, augmentation="none", optimizer="sgd", learning_rate=0.1)
    network = parse(NETWORK.replace("dropout 0.1, ", ""))
    plain, compiled = (
        train(network, splits, recipe.replace(compile=kind), tmp_path / kind, validation=0.0)
        for kind in ("none", "inductor")
    )
    assert compiled.recipe.compile == "inductor"
    assert compiled.metrics[-1].evaluation_accuracy > 0.9
    states = [run.model().module.state_dict() for run in (plain, compiled)]
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-2, atol=1e-2)
