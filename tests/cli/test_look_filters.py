"""`hubel look filters`: kernels and exciting images, of data that is named, and mistakes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks import save_model

NETWORK = "12x12x3: conv 5 3x3 relu, conv 4 3x3 relu, maxpool 2, flatten, dense 2 softmax"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filters")
    network = parse(NETWORK)
    torch.manual_seed(0)
    preprocessing = Preprocessing(12, 12, 3, (0.5,) * 3, (0.25,) * 3)
    model = save_model(
        folder / "m.safetensors", network, build(network), preprocessing=preprocessing, classes=("dark", "light")
    )
    random = np.random.default_rng(0)
    for name, high in (("dark", 90), ("light", 256)):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(high - 80, high, (12, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{number}.png")
    return str(model), str(folder / "images")


@pytest.fixture
def hubel(capsys):
    def run(*arguments):
        status = main(["look", "filters", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_the_first_layer_needs_no_data(hubel, files, tmp_path):
    status, out, _ = hubel(files[0], "-o", tmp_path / "filters.png")
    assert (status, out) == (0, f"wrote {tmp_path / 'filters.png'}\n")
    assert "conv1: 5 of 5 filters, each 3×3×3" in hubel(files[0])[1]


def test_exciting_images_of_data_that_is_named(hubel, files):
    status, out, told = hubel(
        *files, "--layer", "conv2", "--channels", "0,2", "--images", 3, "--part", "train", "--json"
    )
    assert status == 0, told
    found = json.loads(out)
    assert found["channels"] == [0, 2]
    assert [len(line) for line in found["exciting"]] == [3, 3]
    values = [excerpt["value"] for excerpt in found["exciting"][0]]
    assert values == sorted(values, reverse=True)
    assert {excerpt["label"] for line in found["exciting"] for excerpt in line} <= {"dark", "light"}


def test_mistakes(hubel, files, capsys):
    assert "expected a layer with filters, received pool1" in hubel(files[0], "--layer", "pool1", "--images", 0)[2]
    assert "expected a channel of conv1 from 0 to 4, received 7" in hubel(files[0], "--channels", 7)[2]
    status, _, err = hubel(files[0], "--layer", "conv2")
    assert status == 2
    assert "run" in err
    with pytest.raises(SystemExit):
        hubel(files[0], "--images", "-1")
