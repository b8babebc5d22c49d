"""`hubel look maps`: pictures by ending, figures as data or a table, and mistakes."""

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

NETWORK = "12x12x3: conv 5 3x3 relu, maxpool 2, flatten, dense 4 softmax"


@pytest.fixture
def files(tmp_path):
    network = parse(NETWORK)
    torch.manual_seed(0)
    preprocessing = Preprocessing(12, 12, 3, (0.5,) * 3, (0.25,) * 3)
    model = save_model(
        tmp_path / "small.safetensors", network, build(network), preprocessing=preprocessing, classes="abcd"
    )
    image = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)).save(image)
    return str(model), str(image)


@pytest.fixture
def hubel(capsys):
    def run(*arguments):
        status = main(["look", "maps", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_picture_by_its_ending(hubel, files, tmp_path):
    for ending in ("png", "svg", "html"):
        status, out, _ = hubel(*files, "-o", tmp_path / f"maps.{ending}")
        assert status == 0
        assert f"wrote {tmp_path / f'maps.{ending}'}" in out
    assert "12×12×3 → 10×10×5" in (tmp_path / "maps.svg").read_text()


def test_a_table_where_nothing_is_asked_for(hubel, files):
    status, out, _ = hubel(*files)
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["conv1", "10×10×5"],
        ["pool1", "5×5×5"],
        ["dense1", "4"],
    ]


def test_json(hubel, files):
    status, out, _ = hubel(*files, "--json", "--layer", "conv1", "--channels", "1,3-4")
    found = json.loads(out)
    assert status == 0
    assert found["layers"][0]["channels"] == [1, 3, 4]
    assert found["layers"][0]["output_shape"] == [10, 10, 5]
    assert "(12 − 3)/1 + 1 = 10" in found["layers"][0]["rules"]


def test_mistakes(hubel, files, capsys):
    assert hubel(*files, "--layer", "conv7") == (
        2,
        "",
        "hubel: no layer is called 'conv7'; did you mean 'conv1'?\n",
    )
    assert (
        "expected a channel of conv1 from 0 to 4, received 9" in hubel(*files, "--layer", "conv1", "--channels", 9)[2]
    )
    with pytest.raises(SystemExit):
        hubel(*files, "--channels", "4-1")
    assert "from the lower to the higher" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        hubel(*files, "-o", "maps.gif")
