"""Networks to look into: digits that a small one has learnt, and a colour one with branches, untrained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from hubel.arch import Network, parse
from hubel.data import Preprocessing, Splits, load
from hubel.nn import build
from hubel.tasks import LoadedModel
from hubel.train import Recipe, Run, train

DIGITS = "28x28x1: conv 6 5x5/2 relu, conv 12 3x3 relu, maxpool 2, flatten, dense 24 tanh, dense 10 softmax"
COLOURS = (
    "32x32x3: conv 8 3x3/2 same, norm, relu, sum(conv 8 3x3 same, norm, relu, conv 8 3x3 same, norm | identity), relu, "
    "concat(conv 6 1x1 relu | conv 4 1x1 relu, conv 6 3x3 same relu | maxpool 3x3/1 same), avgpool 2, globalavgpool, "
    "dense 5 softmax"
)


def untrained(network: Network, classes: tuple[str, ...], seed: int = 0) -> LoadedModel:
    """Return a model of random weights, its normalisation as if it had seen images."""
    height, width, channels = network.input
    torch.manual_seed(seed)
    module = build(network)
    module(torch.randn(16, channels, height, width))
    preprocessing = Preprocessing(height, width, channels, (0.5,) * channels, (0.25,) * channels)
    return LoadedModel(network, module.eval(), preprocessing, classes)


@pytest.fixture(scope="session")
def digits() -> Splits:
    """Return MNIST, 6,000 of its training images."""
    whole = load("mnist")
    assert whole.test is not None
    import numpy as np

    return Splits(train=whole.train.take(np.arange(6000)), test=whole.test.take(np.arange(1000)))


@pytest.fixture(scope="session")
def digits_run(digits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of three epochs, its checkpoints kept; its network is about 94 % right."""
    recipe = Recipe(
        epochs=3, batch_size=64, learning_rate=0.01, keep_checkpoints=8, precision="float32", threads=1, seed=1
    )
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return train(parse(DIGITS), digits, recipe, folder, source={"source": "mnist"})


@pytest.fixture(scope="session")
def digits_model(digits_run: Run) -> LoadedModel:
    """Return what the digits' run has learnt."""
    return digits_run.model()


@pytest.fixture(scope="session")
def colour_model() -> LoadedModel:
    """Return a network with a sum and a concat, of random weights."""
    return untrained(parse(COLOURS), ("ant", "bee", "cat", "dog", "emu"))


@pytest.fixture(scope="session")
def digit(digits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of an image that the digits' run has not seen: a 7."""
    assert digits.test is not None
    path = tmp_path_factory.mktemp("images") / "seven.png"
    Image.fromarray(digits.test.images[0][..., 0]).save(path)
    return path
