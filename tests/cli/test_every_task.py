"""Commands asked of models of other tasks: an answer, or hubel's own words."""

from __future__ import annotations

import ast
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

import hubel.cli
from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.look.inside.changes import changes
from hubel.nn import build
from hubel.tasks import load_model, save_model
from hubel.tasks.regression.task import Regression
from hubel.train import Run
from hubel.view.figures.scene import Text
from hubel.view.figures.tiles import Chart, TiledFigure
from tests.tasks.killed import trained
from tests.tasks.little import LITTLE
from tests.train.test_full_disk import MOUNT, may_mount

LAYER = {"language": "dense1", "speech": "conv1"}
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


def test_a_run_holds_json_and_no_figure_that_is_not_known(runs: Path, tmp_path: Path) -> None:
    def no_number(word: str) -> None:
        raise AssertionError(word)

    for manifest in (runs / "synthesis" / "checkpoints").glob("*.json"):
        assert json.loads(manifest.read_text(), parse_constant=no_number)["about"]["history"]
    with safe_open(runs / "synthesis" / "model.safetensors", "pt") as file:
        about = json.loads(file.metadata()["hubel"], parse_constant=no_number)
    assert "distance" in about["summary"]["validation"]
    assert "loss" not in about["summary"]["validation"]  # which two networks that play against each other have not
    model = Run.open(runs / "segmentation").model()
    told = {"task": model.task, "preprocessing": model.preprocessing, "summary": {"loss": math.inf}}
    save_model(tmp_path / "m", model.network, model.module, **told)
    assert load_model(tmp_path / "m").summary["loss"] is None


def test_a_package_tells_which_pixels_are_taken_for_what(runs: Path, tmp_path: Path) -> None:
    assert (
        hubel.cli.main(["export", str(runs / "segmentation"), "-o", str(tmp_path / "package"), "--to", "package"]) == 0
    )
    card = next((tmp_path / "package").glob("*.md")).read_text()
    assert "taken for" in card.split("## Mistakes")[1]
    assert " pixels\n" in card.split("## Mistakes")[1]
    assert "Wilson" not in card  # there is no share of images in it


def test_eight_bits_and_measuring_on_the_same_kind_of_data_that_lies_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    little = LITTLE["segmentation"](tmp_path / "data")
    elsewhere = tmp_path / "elsewhere"
    for mask in (little.source / "masks").iterdir():
        pixels = np.asarray(Image.open(mask)) // 255
        pixels[0] = 7
        Image.fromarray(pixels).save(mask)
    shutil.copytree(little.source, elsewhere)
    line = ["train", little.network, str(little.source), "--void", "7", "--epochs", "1", "--no-report"]
    assert hubel.cli.main([*line, "--run", str(tmp_path / "run")]) == 0
    line = ["export", str(tmp_path / "run"), "-o", str(tmp_path / "small.onnx"), "--int8", str(elsewhere)]
    assert hubel.cli.main([*line, "--most-lost", "1"]) == 0
    capsys.readouterr()
    for where in (tmp_path / "run", tmp_path / "run" / "model.safetensors"):
        assert hubel.cli.main(["evaluate", str(where), str(elsewhere), "--json"]) == 0
        out, err = capsys.readouterr()
        assert "in the masks 7 is no class, as in training" in err
        assert json.loads(out)["warnings"] == ["in the masks 7 is no class, as in training"]
        assert [each["name"] for each in json.loads(out)["per_class"]] == ["0", "1"]


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


@pytest.mark.parametrize("task", ["language", "speech"])
def test_what_has_no_pictures_shows_its_filters_and_is_refused_where_pictures_are_asked(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    trained(LITTLE[task](tmp_path / "data"), Path(run))
    picture = tmp_path / "folder" / "a.png"
    picture.parent.mkdir()
    Image.new("L", (8, 8)).save(picture)
    for verb in ("filters", "changes"):
        assert hubel.cli.main(["look", verb, run, "-o", str(tmp_path / f"{verb}.html")]) == 0
        assert f"the filters of {LAYER[task]}" in (tmp_path / "filters.html").read_text()
    for line in (
        ["find", "index", run, str(picture.parent)],
        ["look", "changes", run, str(picture)],
        ["look", "dream", run, "-o", "o.png"],
        ["look", "style", run, str(picture), str(picture), "-o", "o.png"],
    ):
        assert hubel.cli.main(line) == 2
        assert "expected a model that takes images, received one for " in capsys.readouterr().err, line
    assert not (tmp_path / "run" / "find.safetensors").exists()


@pytest.mark.parametrize("size", [(1, 300), (300, 1)])
def test_a_picture_too_thin_for_the_network_is_brought_to_its_size(size: tuple[int, int], tmp_path: Path) -> None:
    little = LITTLE["colorize"](tmp_path / "data")
    trained(little, tmp_path / "run")
    Image.new("L", size, 90).save(tmp_path / "thin.png")
    thin, more = str(tmp_path / "thin.png"), ["--steps=1", "-o", str(tmp_path / "o.png")]
    assert hubel.cli.main(["look", "dream", str(tmp_path / "run"), thin, "--octaves=1", *more]) == 0
    assert hubel.cli.main(["look", "style", str(tmp_path / "run"), thin, thin, *more]) == 0


def test_numbers_are_followed_with_an_image_on_an_axis_of_their_own(tmp_path: Path) -> None:
    trained(LITTLE["regression"](tmp_path / "data"), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    found = changes(run, next((tmp_path / "data").rglob("*.png")))
    assert found.maps is not None
    assert found.probabilities is None
    errors = [row.evaluation[run.task.primary.name] for row in run.metrics]
    figure = found.figure()
    assert isinstance(figure, TiledFigure)
    drawn = next(part for part in figure.sections if isinstance(part, Chart))
    words = [mark.words for mark in drawn.marks if isinstance(mark, Text)]
    ticks = [float(word) for word in words if word.replace(".", "").isdigit()]
    assert not [word for word in words if "%" in word]
    assert max(ticks) >= max(errors)


@pytest.mark.parametrize("task", ["segmentation", "pose", "colorize"])
def test_a_picture_of_too_many_pixels_for_answers_of_its_size_is_refused(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(LITTLE[task](tmp_path / "data"), tmp_path / "run")
    Image.new("L", (50, 40), 90).save(tmp_path / "large.png")
    line = ["predict", str(tmp_path / "run"), str(tmp_path / "large.png"), "-o", str(tmp_path / "drawn")]
    monkeypatch.setenv("HUBEL_MOST_ANSWERED", "1999")
    assert hubel.cli.main(line) == 1
    assert "large.png: expected at most 1,999 (pixels of a picture each of which" in capsys.readouterr().err
    monkeypatch.setenv("HUBEL_MOST_ANSWERED", "2000")
    assert hubel.cli.main(line) == 0


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
