"""Commands asked of models of other tasks: an answer, or hubel's own words."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hubel.cli
from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks import save_model
from hubel.tasks.regression.task import Regression
from tests.tasks.little import LITTLE
from tests.train.test_full_disk import MOUNT, may_mount

PIXELS = Preprocessing(8, 8, 1, mean=(0.5,), std=(0.2,))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two tasks, which know their data."""
    folder = tmp_path_factory.mktemp("runs")
    for task in ("segmentation", "synthesis"):
        little = LITTLE[task](folder / f"{task}-data")
        settings = [f"--{name}={value}" for name, value in little.settings.items()]
        line = ["train", little.network, str(little.source), *settings, "--epochs=1", "--no-report"]
        assert hubel.cli.main([*line, "--run", str(folder / task)]) == 0
    return folder


def test_a_package_tells_which_pixels_are_taken_for_what(runs: Path, tmp_path: Path) -> None:
    assert (
        hubel.cli.main(["export", str(runs / "segmentation"), "-o", str(tmp_path / "package"), "--to", "package"]) == 0
    )
    card = next((tmp_path / "package").glob("*.md")).read_text()
    assert "taken for" in card.split("## Mistakes")[1]
    assert " pixels\n" in card.split("## Mistakes")[1]
    assert "Wilson" not in card  # there is no share of images in it


def test_numbers_leave_as_a_program_of_a_model_that_was_never_asked(tmp_path: Path) -> None:
    network = parse("8x8x1: flatten, dense 1")
    numbers = Regression(("mean",), (1.25,), (3.5,))  # which nothing in this process has had
    save_model(tmp_path / "model", network, build(network), preprocessing=PIXELS, task=numbers)
    assert hubel.cli.main(["export", str(tmp_path / "model"), "-o", str(tmp_path / "model.pt2")]) == 0


def test_a_network_that_makes_pictures_shows_its_filters_and_finds_none(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hubel.cli.main(["look", "filters", str(runs / "synthesis"), "-o", str(tmp_path / "filters.png")]) == 0
    assert hubel.cli.main(["look", "changes", str(runs / "synthesis"), "-o", str(tmp_path / "changes.png")]) == 0
    line = [
        "find",
        "index",
        str(runs / "synthesis"),
        str(runs / "synthesis-data" / "shots"),
        "--index",
        str(tmp_path / "i"),
    ]
    assert hubel.cli.main(line) == 2
    assert "hubel: finding is for networks that take pictures" in capsys.readouterr().err


@pytest.mark.skipif(not may_mount(), reason="needs to mount a small file system")
def test_a_full_disk_is_named_by_whatever_is_written_there(runs: Path, tmp_path: Path) -> None:
    """`train` and the cache: tests/train/test_full_disk.py."""
    disk, run, data = tmp_path / "disk", str(runs / "segmentation"), runs / "segmentation-data" / "drawn"
    disk.mkdir()
    lines = [
        ["sweep", "8x8x1: conv 2 1x1", str(data), "--trials=1", "--epochs=1", "--sweep", str(disk / "sweep")],
        ["report", run, "-o", str(disk / "report.html")],
        ["evaluate", run, "-o", str(disk / "figures.csv")],
        ["find", "index", run, str(data / "images"), "--index", str(disk / "index")],
        ["export", run, "-o", str(disk / "model.onnx")],
        ["predict", run, str(data / "images" / "0.png"), "-o", str(disk)],
        ["data", str(data), "--sheet", str(disk / "sheet.png")],
        ["look", "maps", run, str(data / "images" / "0.png"), "-o", str(disk / "maps.png")],
    ]
    program = (
        "import json, os, sys; from hubel.cli import main; disk = sys.argv[1]; room = os.path.join(disk, 'room')\n"
        "os.makedirs(os.path.join(disk, 'sweep', '.locks'))\n"
        "with open(room, 'wb', 0) as file:\n"
        "    try:\n"
        "        while file.write(bytes(4096)): pass\n"
        "    except OSError: pass\n"
        "for line in json.loads(sys.argv[2]): print(main(line), file=sys.stderr)\n"
        "print(sorted(name for _, _, names in os.walk(disk) for name in names), file=sys.stderr)\n"
    )
    script = f'mount -t tmpfs -o size=64k tmpfs {disk} && exec {sys.executable} -c "$1" {disk} "$2"'
    done = subprocess.run([*MOUNT, script, "bash", program, json.dumps(lines)], capture_output=True, text=True)
    *said, left = done.stderr.splitlines()
    assert [word for word in said if word.isdigit()] == ["2"] * len(lines), done.stderr
    told = [line for line in said if "there is no room for it (" in line]
    assert len(told) == len(lines), done.stderr
    for line, words in zip(lines, told, strict=True):
        assert str(disk) in words, line
    assert not [name for name in ast.literal_eval(left) if name not in ("room", "study", "index.lock", "study.db")]
