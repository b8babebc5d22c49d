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


COMMANDS = [
    ["predict"],
    ["report"],
    ["find"],
    ["find", "index"],
    *(["look", what] for what in ("maps", "changes", "convolve", "dream", "saliency", "unit", "space", "mistakes")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_a_run_is_to_look_at_before_the_run(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.toml").write_text("")
    image = photos / "a" / "0.png"
    assert main([*command, str(image), str(run)]) == 2
    expected = f"{run} is a run or a model, which comes first: hubel {' '.join(command)} {run} '{image}'"
    assert expected in capsys.readouterr().err


def test_several_images_before_the_run(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "a.png", "m.safetensors", "b.png"]) == 2
    assert "which comes first: hubel predict m.safetensors a.png b.png" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["predict"], ["look", "maps"], ["find"]], ids=" ".join)
def test_an_image_is_no_run(photos: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    image = photos / "a" / "0.png"
    assert main([*command, str(image), "another.png"]) == 2
    assert f"{image}: expected a run's directory or a model file, received an image" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["train", "--resume"], ["report"], ["evaluate"], ["look", "changes"]], ids=" ".join)
def test_a_run_that_is_not_there(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main([*words, "nope"]) == 2
    told = capsys.readouterr().err
    assert "nope: expected a run's" in told
    assert "found nothing there" in told


def test_a_text_of_any_length_is_no_file_s_name(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"8x8x1: {', '.join(['conv 4 3x3 same, norm, relu'] * 40)}, globalavgpool, dense 2"
    for words in (["explain", text], ["explain", f"dense({text.replace('same', 'same strides=2', 2)})"]):
        assert main([*words, "--json"]) == 0, capsys.readouterr().err
    for command in ("train", "sweep"):
        assert main([command, text, str(photos / "none")]) == 2
        assert "which is neither" in capsys.readouterr().err
        assert main([command, str(photos), text]) == 2
        assert "the network comes first" in capsys.readouterr().err
    assert main(["train", text]) == 2
    assert "expected DATA" in capsys.readouterr().err
