"""What `hubel data` tells of images with masks."""

import json
import shutil

import pytest
from PIL import Image

from hubel.cli import main
from tests.tasks.segmentation.pictures import folder


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Room for the names of tests' folders."""
    monkeypatch.setenv("COLUMNS", "240")


def told(capsys, *arguments):
    assert main(["data", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_images_masks_and_classes_are_counted(tmp_path, capsys):
    root = folder(tmp_path / "squares", parts=("train", "val"))
    lines = [line.split() for line in told(capsys, root).splitlines()]
    assert lines[0][1:] == ["48", "images", "with", "masks", "of", "2", "classes", "(segmentation)"]
    assert ["1", "1", "24", "864", "24", "864"] in lines  # 24 squares of 6×6
    assert ["all", "24", "6,144", "24", "6,144"] in lines
    assert ["sizes", "16×16", "(48)"] in lines


def test_what_is_missing_odd_or_broken_is_told_with_the_remedy(tmp_path, capsys):
    root = folder(tmp_path / "squares", parts=("train",))
    masks = root / "train" / "masks"
    (masks / "000.png").unlink()
    (root / "train" / "images" / "001.png").unlink()
    Image.new("L", (4, 4)).save(masks / "002.png")
    (masks / "003.png").write_bytes((masks / "003.png").read_bytes()[:60])
    (root / "train" / "images" / "004.png").write_bytes(b"no picture")
    found = json.loads(told(capsys, root, "--json"))
    assert (found["task"], found["images"]) == ("segmentation", {"train": 19})
    reasons = {error["path"].split("train/")[1]: error["reason"] for error in found["unreadable"]}
    assert reasons["images/000.png"] == "its mask is missing: expected masks/000.png, found none"
    assert reasons["masks/001.png"] == "expected an image called 001 beside this mask"
    assert reasons["masks/002.png"] == "expected 16×16, the size of its image, received 4×4"
    assert "truncated" in reasons["masks/003.png"]
    assert set(reasons) == {"images/000.png", "masks/001.png", "masks/002.png", "masks/003.png", "images/004.png"}
    said = "5 files are missing, wrong or unreadable: training stops at them, with --bad-images skip it leaves them out"
    assert said in found["notes"]
    assert (
        "in training, about 4 of the 19 images are held out for validation (20%; near-duplicates go together)"
        in found["notes"]
    )


def test_void_and_absent_classes_are_told(tmp_path, capsys):
    def marked(mask):
        mask[0] = 7
        return mask

    root = folder(tmp_path / "squares", change=marked, parts=("train", "test"))
    for path in (root / "test" / "masks").iterdir():
        Image.new("L", (16, 16)).save(path)
    (root / "classes.txt").write_text("ground\nsquare\n")
    found = json.loads(told(capsys, root, "--void", "7", "--json"))
    assert (found["classes"], found["values"]) == (["ground", "square"], [0, 1])
    assert found["void_pixels"] == {"train": 24 * 16, "test": 0}
    assert found["images_having"] == {"train": [24, 24], "test": [24, 0]}
    assert "test has no pixel of square" in found["notes"]
    assert "6.2% of the training pixels have no class and count nowhere" in found["notes"]


def test_a_table_is_written(tmp_path, capsys):
    root = folder(tmp_path / "squares", parts=("train",))
    assert told(capsys, root, "-o", "-").splitlines()[1:] == ["0,0,24,5280", "1,1,24,864"]


@pytest.mark.parametrize("said", [("--labels", "{label}"), ("--label-kind", "class")])
def test_what_means_nothing_for_masks_is_refused(tmp_path, capsys, said):
    root = folder(tmp_path / "squares", parts=("train",))
    assert main(["data", str(root), *said]) == 2
    assert f"{said[0]} cannot be said of" in capsys.readouterr().err


def test_void_is_refused_where_there_are_no_masks(tmp_path, capsys):
    root = folder(tmp_path / "squares", parts=("train",)) / "train"
    shutil.rmtree(root / "masks")
    assert main(["data", str(root.parent), "--void", "7"]) == 2
    assert "--void is said of masks" in capsys.readouterr().err
