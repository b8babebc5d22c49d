"""Data before the network: a sentence with the right line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.cli import main

TEXT = "8x8x1: flatten, dense 2"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(4):
        path = tmp_path / "my photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(path)
    (tmp_path / "list.csv").write_text("image,label\n0.png,a\n1.png,b\n")
    return path.parents[1]


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize("network", ["lenet5", TEXT])
def test_swapped_words(photos: Path, capsys: pytest.CaptureFixture[str], command: str, network: str) -> None:
    assert main([command, str(photos), network]) == 2
    words = f"'{network}'" if " " in network else network
    expected = f"{photos} is data, and the network comes first: hubel {command} {words} '{photos}'"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("data", ["mnist", "cifar10", "list.csv"])
def test_data_of_every_kind(photos: Path, capsys: pytest.CaptureFixture[str], data: str) -> None:
    source = str(photos.parent / data) if "." in data else data
    assert main(["train", source, "resnet20"]) == 2
    assert f"the network comes first: hubel train resnet20 {source}" in capsys.readouterr().err
    assert main(["train", source, str(photos)]) == 2
    assert "the network comes first: hubel train NET DATA" in capsys.readouterr().err


def test_a_folder_of_pictures_is_no_network(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(photos)]) == 2
    expected = f"{photos}: expected a network, received a folder without a model (model.safetensors)"
    assert expected in capsys.readouterr().err


def test_data_before_the_run(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.toml").write_text("")
    assert main(["evaluate", str(photos), str(run)]) == 2
    assert f"which comes first: hubel evaluate {run} '{photos}'" in capsys.readouterr().err
    assert main(["evaluate", "mnist", "model.safetensors"]) == 2
    assert "which comes first: hubel evaluate model.safetensors mnist" in capsys.readouterr().err
