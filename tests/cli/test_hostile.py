"""Names that a stranger wrote into files, as commands print them."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks import load_model, save_model

NAMES = ("\x1b[2J\x1b]0;title\x07", "\u202egnp.exe", "[/red] [bold", "long " * 2000, "\x9b31m", "\r\nhubel: saved")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = parse(f"8x8x1: flatten, dense {len(NAMES)} softmax")
    network = dataclasses.replace(network, name="\x1b[31mnet\u2066")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    return save_model(
        path, network, build(network), classes=NAMES, preprocessing=Preprocessing(8, 8, 1, (0.5,), (0.5,))
    )


def test_what_python_prints_of_a_model_and_its_answers_moves_no_terminal(model: Path) -> None:
    opened = load_model(model)
    answer = opened.predict(np.zeros((8, 8, 1), np.uint8))
    for shown in (repr(opened), str(opened), repr(answer), str(answer)):
        assert all(letter.isprintable() or letter == "\n" for letter in shown)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder for each class, as far as a file system takes the name, with images whose names are no better."""
    random = np.random.default_rng(0)
    for name in NAMES:
        folder = tmp_path / "images" / "train" / name[:100].replace("/", "_")
        folder.mkdir(parents=True)
        for number in range(2):
            image = Image.fromarray(random.integers(0, 255, (8, 8), np.uint8))
            image.save(folder / f"{number}\x1b[5m\u202e.png")
    return tmp_path / "images"


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    status = main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    assert status in (0, 1, 2)
    assert "Traceback" not in out + err
    assert all(letter.isprintable() or letter == "\n" for letter in out + err), repr(out + err)
    return out + err


def test_figures_of_images(capsys, images):
    told = printed(capsys, "data", images)
    assert "\\x1b[2J" in told
    assert "[/red] [bold" in told.replace("_", "/")
    assert len(told) < 20_000


def test_answers(capsys, model, images):
    files = sorted(images.rglob("*.png"))[:3]
    told = printed(capsys, "predict", model, *files, "--top", len(NAMES))
    assert "\\x9b31m" in told
    assert "\\u202e.png" in told
    again = printed(capsys, "predict", model, files[0], "--json").splitlines()[
        0
    ]  # what answers is told on a line after
    assert {one["class"] for one in json.loads(again)[0]["top"]} <= set(NAMES)
    assert json.loads(again)[0]["image"] == str(files[0])


@pytest.mark.parametrize("verb", ["explain", "advise", "code"])
def test_networks(capsys, model, verb):
    told = printed(capsys, verb, model)
    assert "\\x1b[31mnet\\u2066" in told.replace("\\\\", "\\") or verb == "advise"


def test_messages(capsys, tmp_path):
    told = printed(capsys, "predict", tmp_path / "\x1b[2J\u202eno such\nrun", "x.png")
    assert "\\x1b[2J\\u202eno such" in told
    assert len(printed(capsys, "explain", "28x28x1: " + "x" * 90_000)) < 20_000


def test_a_picture_shows_them(capsys, model, tmp_path):
    printed(capsys, "draw", model, "-o", tmp_path / "net.svg")
    text = (tmp_path / "net.svg").read_text(encoding="utf-8")
    assert "\\x1b[31mnet\\u2066" in text
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069]", text)
