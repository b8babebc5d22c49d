"""`hubel look unit`: the way down in words, as data, as a picture, and mistakes."""

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

NETWORK = "9x9x1: conv 2 3x3 relu, maxpool 2, flatten, dense 3 softmax"


@pytest.fixture
def files(tmp_path):
    network = parse(NETWORK)
    torch.manual_seed(0)
    module = build(network)
    with torch.no_grad():
        module.conv1.weight[0, 0] = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
        module.conv1.bias[0] = 0.5
    preprocessing = Preprocessing(9, 9, 1, (0.0,), (1.0,))
    model = save_model(tmp_path / "m.safetensors", network, module, preprocessing=preprocessing, classes="abc")
    image = tmp_path / "dot.png"
    pixels = np.zeros((9, 9), np.uint8)
    pixels[4, 4] = 255
    Image.fromarray(pixels).save(image)
    return str(model), str(image)


@pytest.fixture
def hubel(capsys):
    def run(*arguments):
        status = main(["look", "unit", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_number_by_hand(hubel, files):
    """A dot of 1 beside the middle of the edge kernel: 1·1 + 0.5."""
    status, out, _ = hubel(*files, "--layer", "conv1", "--at", "3,2", "--channel", 0)
    assert status == 0
    assert "conv1 (3, 2) channel 0 = 1.5" in out
    assert "sees rows 3…5, columns 2…4" in out
    assert "    input (4, 4) channel 0 1 ·  1 = 1 → 1\n" in out
    assert "bias: 1 + 0.5 = 1.5" in out
    assert "relu: relu(1.5) = 1.5" in out
    assert out.rstrip().endswith("normalise: (255/255 − 0) / 1 = 1")


def test_json_holds_every_product(hubel, files):
    status, out, _ = hubel(*files, "--layer", "conv1", "--at", "3,2", "--channel", 0, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["field"] == {"rows": [3, 5], "columns": [2, 4]}
    first, last = found["steps"][0], found["steps"][-1]
    assert [term["product"] for term in first["terms"]] == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert first["computed"] == 1.5
    assert (last["layer"], last["place"]) == ("input", [4, 4, 0])


def test_a_picture(hubel, files, tmp_path):
    status, out, _ = hubel(*files, "-o", tmp_path / "unit.svg")
    assert (status, out) == (0, f"wrote {tmp_path / 'unit.svg'}\n")
    words = (tmp_path / "unit.svg").read_text()
    assert "dense1 number" in words
    assert "What it sees" in words


def test_terms_and_expansion(hubel, files):
    out = hubel(*files, "--layer", "dense1", "--terms", 3)[1]
    assert "18 numbers came in" in out or "numbers came in; each product" in out
    assert hubel(*files, "--layer", "dense1", "--expand", 2)[1].count("PyTorch computed") > out.count(
        "PyTorch computed"
    )


def test_mistakes(hubel, files, capsys):
    assert "did you mean 'conv1'" in hubel(*files, "--layer", "cov1")[2]
    assert "expected a row of conv1 from 0 to 6, received 7" in hubel(*files, "--layer", "conv1", "--at", "7,0")[2]
    with pytest.raises(SystemExit):
        hubel(*files, "--at", "3,")
    assert "expected a row and a column from 0" in capsys.readouterr().err
    assert "expected a row and a column, such as 3,0" in hubel(*files, "--layer", "conv1", "--at", "3")[2]
