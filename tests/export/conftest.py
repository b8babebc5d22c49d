"""A small run on files, trained through the command line, that all tests of exports share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hubel.cli

NETWORK = "12x12x3: conv 8 3x3 same, norm, relu, maxpool 2, conv 8 3x3 relu, globalavgpool, dense 3 softmax"
COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 210)}


def picture(name: str, seed: int, height: int, width: int) -> Image.Image:
    """Return a noisy picture of a colour, with a darker bar in it."""
    draw = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), COLOURS[name], np.float64) + draw.normal(0, 40, (height, width, 3))
    row = draw.integers(0, height - 2)
    pixels[row : row + max(1, height // 5)] *= 0.5
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures of several sizes, a folder a class."""
    folder = tmp_path_factory.mktemp("data") / "colours"
    for place, name in enumerate(COLOURS):
        (folder / name).mkdir(parents=True)
        for number in range(24):
            size = 12 + number % 5 * 7, 12 + number % 3 * 11
            picture(name, 100 * place + number, *size).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def run(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on them."""
    folder = tmp_path_factory.mktemp("runs") / "colours"
    words = [
        "train",
        NETWORK,
        str(colours),
        "--run",
        str(folder),
        "--epochs",
        "3",
        "--seed",
        "1",
        "--validation",
        "0.2",
    ]
    assert hubel.cli.main(words) == 0
    return folder
