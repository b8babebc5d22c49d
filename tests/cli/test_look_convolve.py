"""`hubel look convolve`: of a network, of numbers, of pooling; words, data, pictures, films, mistakes."""

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

SIXTEEN = "1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4"


@pytest.fixture
def files(tmp_path):
    network = parse("8x8x1: conv 2 3x3 relu, maxpool 2, flatten, dense 3 softmax")
    torch.manual_seed(0)
    module = build(network)
    with torch.no_grad():
        module.conv1.weight[1, 0] = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
        module.conv1.bias[1] = 0.5
    model = save_model(
        tmp_path / "m.safetensors", network, module, preprocessing=Preprocessing(8, 8, 1, (0.0,), (1.0,)), classes="abc"
    )
    image = tmp_path / "dot.png"
    pixels = np.zeros((8, 8), np.uint8)
    pixels[3, 3] = 255
    Image.fromarray(pixels).save(image)
    return str(model), str(image)


@pytest.fixture
def hubel(capsys):
    def run(*arguments):
        status = main(["look", "convolve", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_filter_of_a_network(hubel, files):
    status, out, _ = hubel(*files, "--layer", "conv1", "--filter", 1, "--at", "2,1")
    assert status == 0
    assert "conv1 · conv 2 3x3 relu · 8×8×1 → 6×6×2, filter 1" in out
    assert "size (8 − 3)/1 + 1 = 6" in out
    assert "(2, 1): 9 products, their sum 1" in out
    assert "bias: 1 + 0.5 = 1.5" in out


@pytest.mark.parametrize("image", [SIXTEEN, "-1 2 / 3 4", "1,2,3/4,5,6", "[[1,2],[3,4]]", "picture"])
def test_image_and_kernel_as_convolve_has_them(hubel, files, image):
    given = files[1] if image == "picture" else image
    assert hubel(given, "1 -1 / 1 0") == hubel(given, "--kernel", "1 -1 / 1 0")
    assert hubel(given, "1 -1 / 1 0")[0] == 0


def test_a_comma_that_may_be_a_decimal_s_is_refused(hubel):
    status, out, error = hubel("0,5 1 / 2 3", "1")
    assert (status, out) == (2, "")
    assert "write 0.5, or 0, 5" in error


def test_json(hubel, files):
    found = json.loads(hubel(*files, "--layer", "conv1", "--filter", 1, "--at", "2,1", "--json")[1])
    assert found["position"]["products"] == [[[0, 0, 0], [0, 0, 1], [0, 0, 0]]]
    assert found["position"]["running"] == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert found["output"][2][1] == 1.5


def test_numbers_of_ones_own(hubel, tmp_path):
    status, out, _ = hubel("122 134 / 153 210", "--kernel", "1 -1 / 1 0", "-o", tmp_path / "walk.svg")
    assert (status, out) == (0, f"wrote {tmp_path / 'walk.svg'}\n")
    assert "122 → −12 → 141 → 141" in (tmp_path / "walk.svg").read_text()
    assert "the largest of 4 numbers is 8" in hubel(SIXTEEN, "--pool", "max")[1]


def test_an_image_and_a_named_kernel_as_a_page_and_a_film(hubel, files, tmp_path):
    for ending in ("html", "gif"):
        assert hubel(files[1], "--kernel", "edge", "--shrink", 5, "-o", tmp_path / f"edge.{ending}")[0] == 0
    page = (tmp_path / "edge.html").read_text()
    assert "<button" in page
    assert "://" not in page
    with Image.open(tmp_path / "edge.gif") as film:
        assert film.n_frames == 9


def test_mistakes(hubel, files, capsys):
    assert "expected a run and an image, or an image with --kernel" in hubel(files[0])[2]
    assert "expected an image alone with --kernel" in hubel(*files, "--kernel", "edge")[2]
    assert "expected --bias with --kernel or --pool" in hubel(*files, "--bias", 3)[2]
    assert "expected --layer and --filter with a run" in hubel(files[1], "--pool", "max", "--layer", "conv1")[2]
    assert "expected a row of the output from 0 to 5, received 9" in hubel(*files, "--at", "9,0")[2]
    assert "did you mean 'emboss'" in hubel(files[1], "--kernel", "embos")[2]
    with pytest.raises(SystemExit):
        hubel(*files, "-o", "walk.mp4")


def test_both_commands_by_hand_take_the_same_words(tmp_path, capsys):
    (tmp_path / "numbers.txt").write_text("1 2 3 / 4 5 6 / 7 8 9")
    numbers = str(tmp_path / "numbers.txt")
    shown = []
    for place in ("--step", "--at"):
        for words in (["--kernel", "1 0 / 0 1"], ["1 0 / 0 1"]):
            assert main(["convolve", numbers, *words, place, "1,1"]) == 0
            shown.append(capsys.readouterr().out)
        assert main(["look", "convolve", numbers, "--kernel", "1 0 / 0 1", place, "1,1"]) == 0
        assert "(1, 1)" in capsys.readouterr().out
    assert len(set(shown)) == 1
    written = []
    for number, command in enumerate((["convolve"], ["look", "convolve"])):
        assert main([*command, numbers, "1 0 / 0 .5", "-o", str(tmp_path / f"{number}.csv")]) == 0
        written.append((tmp_path / f"{number}.csv").read_text())
    assert written == ["row,0,1\n0,3.5,5\n1,8,9.5\n"] * 2
    capsys.readouterr()
    pooled = []
    for kind in ("average", "avg", "mean"):
        assert main(["convolve", numbers, "--pool", kind, "--result"]) == 0
        pooled.append(capsys.readouterr().out)
    assert len(set(pooled)) == 1
    with pytest.raises(SystemExit):
        main(["convolve", numbers, "--pool", "median"])
    assert "expected max or average, received 'median'" in capsys.readouterr().err
