"""Segmentation on the command line: from a folder to pictures, and where these go."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks import save_model
from hubel.tasks.segmentation.task import Segmentation
from tests.tasks.segmentation.pictures import folder

NETWORK = "16x16x3: conv 8 3x3 same relu, conv 8 3x3 same relu, conv 2 1x1 softmax"


@pytest.fixture
def drawn(tmp_path, capsys, monkeypatch):
    """What a model that calls bright pixels `object` says of images, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    network = parse("8x8x1: conv 2 1x1 softmax")
    module = build(network).eval()
    for parameter in module.parameters():
        parameter.data = torch.tensor([-1.0, 1.0]).reshape(2, *[1] * (parameter.ndim - 1)) * (parameter.ndim > 1)
    task = Segmentation(("background", "object"), (0, 255), ((0, 0, 0), (255, 0, 0)))
    save_model("model.safetensors", network, module, preprocessing=Preprocessing(8, 8, 1, (0.5,), (0.5,)), task=task)
    for number, name in enumerate(("train/images/0.png", "val/images/0.png", "val/0.jpg", "a/1.png", "a/1.bmp")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 255 * (number % 2)).save(name)

    def said(*words):
        status = main(["predict", "model.safetensors", *words])
        return status, *capsys.readouterr()

    return said


def test_a_mask_is_not_the_likeliest_few(drawn):
    status, _, err = drawn("a/1.png", "--top", "2")
    assert status == 2
    assert (
        "hubel: top: counts classes or sentences, the likeliest first, which answers of segmentation are not\n" in err
    )
    assert drawn("a/1.png")[0] == 0


def test_images_of_one_name_have_masks_apart(drawn):
    images = ["train/images/0.png", "val/images/0.png", "a/1.png", "a/1.bmp", "a/1.png"]
    status, out, err = drawn(*images, "-o", "masks", "--json")
    found = json.loads(out)
    assert status == 0
    names = ["train-images-0", "val-images-0", "1", "1-2", "1"]
    assert [one["mask"] for one in found] == [f"masks/{name}-mask.png" for name in names]
    assert sorted(path.name for path in Path("masks").iterdir()) == sorted(
        f"{name}-{kind}.png" for name in names[:4] for kind in ("mask", "outline", "overlay")
    )
    for one, level in zip(found, (0, 255, 255, 0, 255), strict=True):
        with Image.open(one["mask"]) as mask:
            assert set(np.asarray(mask).flat) == {level}
    assert "3 images have the names of others; their pictures are named apart: train/images/0.png as train" in err
    _, _, err = drawn("train/images/0.png", "a/1.png", "-o", "masks")
    assert "names of others" not in err


def test_windows_are_for_masks_alone(drawn, tmp_path):
    Image.new("L", (40, 30), 255).save("large.png")
    status, out, _ = drawn("large.png", "--windows", "-o", "seen", "--json")
    assert (status, json.loads(out)[0]["width"]) == (0, 40)
    network = parse("8x8x1: flatten, dense 2 softmax")
    own = Preprocessing(8, 8, 1, (0.5,), (0.5,))
    save_model("classes.safetensors", network, build(network), preprocessing=own, classes=("a", "b"))
    assert main(["predict", "classes.safetensors", "large.png", "--windows"]) == 2


def test_an_image_is_not_replaced_by_a_mask(drawn):
    Path("a/1-mask.png").write_bytes(Path("a/1.png").read_bytes())
    status, _, err = drawn("a/1.png", "a/1-mask.png", "-o", "a")
    assert (status, "a/1-mask.png is one of the images" in err) == (2, True)
    assert Path("a/1-mask.png").read_bytes() == Path("a/1.png").read_bytes()


def test_a_file_for_answers_that_are_pictures_holds_their_figures(drawn):
    Path("a/2.png").write_bytes(b"nothing")
    status, out, err = drawn("a", "-o", "seg.csv")
    assert (status, out) == (1, "wrote seg.csv\n")
    assert "-o FOLDER writes them" in err
    with open("seg.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["height"], row["share of object"]) for row in rows] == [
        ("a/1.bmp", "8", "0.0"),
        ("a/1.png", "8", "1.0"),
        ("a/2.png", "", ""),
    ]
    assert not list(Path().rglob("*-mask.png"))
    for place in ("seg.csv/masks", "model.safetensors/"):
        with pytest.raises(SystemExit):
            drawn("a", "-o", place)
    assert drawn("a", "-o", "seg.png")[0] == 2
    assert drawn("a/1.png", "-o", "seg.png")[0] == 0
    with Image.open("seg.png") as overlay:
        assert overlay.size == (8, 8)


def test_the_command_line_from_folder_to_pictures(tmp_path, capsys, monkeypatch):
    root = folder(tmp_path / "squares")
    monkeypatch.chdir(tmp_path)
    settings = ["--epochs", "3", "--batch-size", "8", "--run", "run", "--set", "threads=1"]
    assert main(["train", NETWORK, str(root), *settings]) == 0
    assert "mean IoU on the validation images" in capsys.readouterr().out
    assert main(["evaluate", "run"]) == 0
    assert "mean IoU on squares test" in capsys.readouterr().out
    image = root / "test/images/000.png"
    assert main(["predict", "run", str(image), "-o", "drawn"]) == 0
    assert "000-overlay.png" in capsys.readouterr().out
    for kind, mode in (("mask", "L"), ("overlay", "RGB")):
        with Image.open(f"drawn/000-{kind}.png") as picture:
            assert (picture.size, picture.mode) == ((16, 16), mode)
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    for words in ("What it draws", "Mean IoU", "its mask, what the model draws, what is wrong"):
        assert words in page
    assert "What is taken for what" not in page
    assert main(["look", "changes", "run", "-o", "changes.svg"]) == 0
    assert "Mean IoU" in Path("changes.svg").read_text(encoding="utf-8")
    assert main(["look", "mistakes", "run", "-o", "worst.png"]) == 0
    assert main(["look", "mistakes", "run"]) == 0
    assert "most often taken for" in capsys.readouterr().out
