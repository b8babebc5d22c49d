"""`hubel data`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import hubel
from tests.tasks.segmentation.pictures import folder as squares


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(30):
        path = tmp_path / "set" / f"kind {number % 3 * 5}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30), number, np.uint8)).save(path)
    (tmp_path / "set" / "kind 0" / "broken.png").write_bytes(b"\x89PNG")
    return tmp_path / "set"


def test_a_folder_is_described_with_a_sheet(folder: Path, tmp_path: Path) -> None:
    ran = hubel("data", str(folder), "--sheet", str(tmp_path / "sheet.png"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "31 images in 3 classes" in ran.stdout
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert ["0", "kind", "0", "11"] in lines
    assert ["2", "kind", "10", "10"] in lines
    assert "20×30 (30)" in ran.stdout
    assert "broken.png: is not an image" in ran.stdout
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 150


def test_json(folder: Path) -> None:
    ran = hubel("data", str(folder), "--json")
    found = json.loads(ran.stdout)
    assert found["classes"] == ["kind 0", "kind 5", "kind 10"]
    assert found["unreadable"][0]["path"].endswith("broken.png")
    assert found["counts"] == {"train": [11, 10, 10]}


def test_augmented_images_are_shown_on_a_sheet(tmp_path: Path) -> None:
    ran = hubel("data", "mnist", "--augment", "auto", "--sheet", str(tmp_path / "sheet.png"))
    assert ran.returncode == 0
    assert "augmented by shift 1, fill 0" in ran.stdout
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 500


def test_what_is_wanted_is_drawn_on_augmented_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bright square and its mask, which covers it with its colour wherever both have gone."""
    monkeypatch.chdir(tmp_path)
    folder = squares(tmp_path / "squares", 4, parts=("train",))
    ran = hubel("data", folder, "--augment", "shift 5, flip, zoom 1.5, rotate 20, fill 0")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "are in augmented.png" in ran.stdout
    with Image.open("augmented.png") as sheet:
        seen = np.asarray(sheet.convert("RGB")).astype(int)[:-40, 150:]
    covered = (seen[..., 0] - seen[..., 2]) > 60  # orange, the second class's colour
    bright = seen.min(2) > 60
    assert covered.sum() > 10_000
    assert (bright & covered).sum() > 0.9 * covered.sum()
    assert hubel("data", folder, "-o", "plain.jpg").returncode == 0
    assert Path("plain.jpg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "mnits"], "did you mean 'mnist'"),
        (["data", "mnist", "--augment", "spin", "--sheet", "a.png"], "received 'spin'"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str) -> None:
    ran = hubel(*arguments)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_notes_are_as_wide_as_they_are_and_name_the_remedy(folder: Path) -> None:
    lines = hubel("data", str(folder)).stdout.splitlines()
    assert "  • 1 file cannot be read: training stops at it, with --bad-images skip it leaves it out" in lines
    assert [line for line in lines if line.startswith("  •") and line != line.rstrip()] == []
