"""The other forms: a folder for a colleague, an exported PyTorch program."""

from __future__ import annotations

import builtins
import dis
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import CodeType
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

import hubel
import hubel.cli
from hubel.base.errors import SettingError
from hubel.data import Frame, Preprocessing
from hubel.export import export
from hubel.export.forms import Order
from hubel.export.odd import odd_pictures
from hubel.export.package.card import card, wilson
from hubel.export.package.reading import reading_program
from hubel.export.torch import written_torch
from hubel.tasks import LoadedModel, predict, task_named
from hubel.train import Run
from tests.export.test_onnx import lived_in


@pytest.fixture(scope="module")
def package(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package") / "colours"
    assert hubel.cli.main(["export", str(run), "-o", str(folder), "--to", "package"]) == 0
    return folder


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the package where importing hubel or torch fails."""
    (folder / "sitecustomize.py").write_text(
        "import sys\nsys.modules['hubel'] = sys.modules['torch'] = sys.modules['onnx'] = None\n", encoding="utf-8"
    )
    surroundings = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=surroundings, capture_output=True, text=True, check=False
    )


def test_a_package_answers_without_hubel(package: Path, run: Path) -> None:
    names = {path.name for path in package.iterdir()} - {"sitecustomize.py"}
    assert names == {
        *("model.onnx", "predict.py", "reading.py", "test_predict.py", "answers.json", "examples"),
        *("requirements.txt", "Dockerfile", "README.md"),
    }
    tested = alone(package, "test_predict.py")
    assert (tested.returncode, tested.stdout) == (0, "the answers are those of the model\n"), tested.stderr
    pictures = sorted(path.name for path in (package / "examples").iterdir())
    told = alone(package, "predict.py", *(f"examples/{name}" for name in pictures))
    model = Run.open(run).model()
    for line, name in zip(told.stdout.splitlines(), pictures, strict=True):
        place, first, *_ = line.split("   ")
        answer = model.task.answer(model, package / "examples" / name).data()
        assert (place, first.split()[0]) == (f"examples/{name}", answer["class"])
    requirements = (package / "requirements.txt").read_text().splitlines()
    assert [line.partition("==")[0] for line in requirements] == ["numpy", "pillow", "onnxruntime"]


def png_of(width: int, height: int) -> bytes:
    """What a PNG file says of a picture that is this large, without one."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), (b"IDAT", b"")]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data)) for kind, data in chunks
    ]
    return b"".join((b"\x89PNG\r\n\x1a\n", *packed))


def test_a_package_answers_what_it_can_read_and_names_the_rest(package: Path, tmp_path: Path) -> None:
    first = min((package / "examples").iterdir())
    cut = tmp_path / "cut.png"
    cut.write_bytes(first.read_bytes()[:60])
    vast, beyond = tmp_path / "vast.png", tmp_path / "beyond.png"
    vast.write_bytes(png_of(20_000, 20_000))
    beyond.write_bytes(png_of(9_460, 9_459))
    bad = [*map(str, (cut, tmp_path, tmp_path / "none.png", vast, beyond))]
    told = alone(package, "predict.py", *bad, str(first))
    assert told.returncode == 1
    assert len(told.stdout.splitlines()) == 1
    assert [line.partition(": ")[0] for line in told.stderr.splitlines()] == bad
    assert f"{beyond}: has 9460×9459 = 89,482,140 pixels, expected at most 89,478,485; make it smaller" in told.stderr
    assert alone(package, "predict.py").stderr.startswith("usage: ")
    helped = alone(package, "predict.py", "--help")
    assert (helped.returncode, helped.stdout[:7], "FOLDER" in helped.stdout) == (0, "usage: ", False)
    refused = alone(package, "predict.py", str(first), "-o", str(tmp_path))
    assert (refused.returncode, "-o" in refused.stderr) == (2, True)


def test_a_package_whose_model_is_another_fails_its_test(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(package, folder)
    answers = json.loads((folder / "answers.json").read_text())
    answers = {name: shares[::-1] for name, shares in answers.items()}
    (folder / "answers.json").write_text(json.dumps(answers))
    assert alone(folder, "test_predict.py").returncode == 1


MARKS: dict[str, tuple[str, dict[str, Any], str]] = {
    "detection": ("conv 6 1x1", {"ids": [1, 2], "usual": [0.2, 0.2], "most": 9, "stride": 2}, "2 classes: nose, ear"),
    "pose": ("conv 11 1x1", {"bones": [], "several": True, "most": 4}, "2 points: nose, ear"),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_package_tells_what_is_where(name: str, tmp_path: Path) -> None:
    last, settings, described = MARKS[name]
    network = hubel.parse(f"16x24x3: conv 6 3x3/2 same tanh, {last}")
    module = lived_in(network, 3)
    with torch.no_grad():
        list(module.parameters())[-1][[0, 1, *([6] if name == "pose" else [])]] += 3.5  # so that some are sure
    kind = Preprocessing(16, 24, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), fit="pad")
    model = LoadedModel(network, module, kind, task_named(name).from_settings(("nose", "ear"), settings))
    picture = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    found = export(model, tmp_path / "package", to="package", check=[picture])
    assert found.check is not None
    assert "scores differ by" in found.check.sentence()
    assert "class" not in found.check.sentence()
    assert f"{name.capitalize()} of {described}." in (tmp_path / "package" / "README.md").read_text()
    told = alone(tmp_path / "package", "predict.py", "examples/1.png")
    words = told.stdout.rstrip().split("   ")[1:]
    answer = model.predict(picture).data()
    numbers = [[float(each) for each in " ".join(re.findall(r" at ([-\d. ]+)", line)).split()] for line in words]
    if name == "detection":
        wanted = [[each[edge] for edge in ("left", "top", "right", "bottom")] for each in answer["objects"]]
    else:
        wanted = [[each[axis] for each in one["points"] for axis in ("x", "y")] for one in answer["individuals"]]
    assert len(wanted) > 1
    for told_of, each in zip(numbers, wanted, strict=True):
        assert told_of == pytest.approx(each, abs=0.06)  # one digit is written


def test_the_card_tells_data_figures_with_intervals_mistakes_and_preparation(package: Path) -> None:
    text = (package / "README.md").read_text(encoding="utf-8")
    assert "Classification of 3 classes: blue, green, red." in text
    assert "Trained on colours" in text
    assert "% (95 % interval " in text
    assert "images of the validation part" in text
    assert "## Mistakes" in text
    assert "## Licence" in text
    assert "12×12 colour, " in text


def test_the_card_of_a_stopped_run_says_so(run: Path) -> None:
    model = hubel.load_model(run)
    assert "stopped" not in card(Order(model, None, run))
    stopped = replace(model, summary={"stopped": {"step": 4, "steps": 40, "epoch": 0.2, "epochs": 2.0}})
    told = "**Training was stopped at epoch 0.2 of 2 (step 4 of 40); this is its model so far.**"
    assert told in card(Order(stopped, None, run))


def test_the_interval_is_wilsons() -> None:
    assert wilson(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)  # Agresti & Coull (1998) give the formula
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
    assert wilson(1.0, 10)[0] == pytest.approx(0.7225, abs=1e-4)


@pytest.mark.parametrize("frame", [None, Frame(8), Frame(9, "box")])
@pytest.mark.parametrize("levels", [None, (0.0, 4095.0)])
def test_pictures_are_read_as_hubel_reads_them(tmp_path: Path, frame: Any, levels: Any) -> None:
    preparation = Preprocessing(12, 12, 1, (0.2,), (0.3,), "pad", "dark", frame, levels)
    (tmp_path / "reading.py").write_text(reading_program(preparation), encoding="utf-8")
    for number, (_, content) in enumerate(odd_pictures(12, 12)):
        (tmp_path / f"{number}.picture").write_bytes(content)
    program = (
        "import glob, numpy, reading\n"
        "found = {name: reading.read(name) for name in glob.glob('*.picture')}\n"
        "numpy.savez('found.npz', **found)"
    )
    told = alone(tmp_path, "-c", program)
    assert told.returncode == 0, told.stderr
    found = np.load(tmp_path / "found.npz")
    from hubel.export.check import colours

    for number, (_, content) in enumerate(odd_pictures(12, 12)):
        wanted = colours(content, preparation) if frame is None else preparation.prepare(content)
        np.testing.assert_array_equal(found[f"{number}.picture"], wanted)


def test_a_package_of_a_segmentation_writes_masks(tmp_path: Path) -> None:
    network = hubel.parse("12x16x3: conv 3 3x3 same softmax")
    settings = {"values": [7, 0, 255], "colours": [[0, 0, 0], [9, 9, 9], [200, 0, 0]]}
    task = task_named("segmentation").from_settings(("sky", "road", "car"), settings)
    preparation = Preprocessing(12, 16, 3, (0.5,) * 3, (0.2,) * 3, "pad")
    model = LoadedModel(network, lived_in(network), preparation, task)
    found = export(model, tmp_path / "masks", to="package")
    assert found.check is not None
    assert found.check.pictures == 0
    folder, drawn = tmp_path / "masks", tmp_path / "drawn" / "here"
    shown = folder / "examples" / "2.png"
    before = {*folder.rglob("*")}
    told = alone(folder, "predict.py", str(shown))
    wanted: Any = model.task.answer(model, shown)
    name, share, _ = wanted.words()
    assert (told.returncode, told.stdout.split("   ")[:2]) == (0, [str(shown), f"{name} {share}"])
    assert {each for each in folder.rglob("*") if "__pycache__" not in str(each)} - before == {
        folder / "sitecustomize.py"
    }
    (tmp_path / "2.png").write_bytes(shown.read_bytes())
    told = alone(folder, "predict.py", str(shown), str(tmp_path / "2.png"), "-o", str(drawn))
    assert [line.split("   written: ")[1] for line in told.stdout.splitlines()] == [
        str(drawn / "2-mask.png"),
        str(drawn / "2-2-mask.png"),
    ]
    mask = np.asarray(Image.open(drawn / "2-mask.png"))
    np.testing.assert_array_equal(mask, np.asarray(Image.open(drawn / "2-2-mask.png")))
    assert mask.shape == wanted.mask.shape
    assert (mask != wanted.pictures()["mask"]).mean() < 0.01
    (drawn / "2-mask.png").unlink()
    (drawn / "2-mask.png").mkdir()  # where nothing can be written
    told = alone(folder, "predict.py", str(shown), "--output", str(drawn))
    assert (told.returncode, len(told.stderr.splitlines())) == (1, 1)
    assert "2-mask.png" in told.stderr
    assert "write NAME-mask.png of each; else nothing is written" in " ".join(
        alone(folder, "predict.py", "--help").stdout.split()
    )
    assert "-o drawn" in (folder / "README.md").read_text(encoding="utf-8")


def test_folders_are_not_written_over(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(SettingError, match="expected a new or empty folder, received "):
        export(run, tmp_path, to="package")
    assert (tmp_path / "mine").read_text() == "precious"


def test_an_exported_program_of_pytorch_runs_without_hubel(run: Path, tmp_path: Path) -> None:
    model = Run.open(run).model()
    written = written_torch(Order(model, None, tmp_path / "colours.pt2"))
    assert (list(written.files), written.input) == ([""], "sized")
    (tmp_path / "colours.pt2").write_bytes(written.files[""])
    given = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    np.save(tmp_path / "given.npy", given)
    program = (
        "import sys; sys.modules['hubel'] = None\n"
        "import json, numpy, torch\n"
        "said = {'classes': ''}\n"
        "module = torch.export.load('colours.pt2', extra_files=said).module()\n"
        "assert json.loads(said['classes']) == ['blue', 'green', 'red']\n"
        "numpy.save('found.npy', module(torch.from_numpy(numpy.load('given.npy'))).numpy())"
    )
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, check=True, env=bare)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), predict(model, given).numpy(), atol=1e-6)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("frame", [None, Frame(20, "mass")])
def test_the_reading_program_has_all_that_it_names(frame: Frame | None) -> None:
    program = reading_program(Preprocessing(28, 28, 1, (0.5,), (0.2,), ink="light", frame=frame))
    known: dict[str, Any] = {}
    exec(program, known)

    def named(code: CodeType) -> Iterator[str]:
        yield from (step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
        for inner in code.co_consts:
            yield from named(inner) if isinstance(inner, CodeType) else ()

    assert set(named(compile(program, "read", "exec"))) - {*known, *dir(builtins)} == set()


@pytest.mark.parametrize(
    ("kind", "names", "settings"),
    [("multilabel", ("cat", "dog", "wet"), {}), ("regression", ("kg", "m"), {"means": [3, 1], "deviations": [2, 1]})],
)
def test_a_package_says_labels_and_numbers(kind: str, names: Any, settings: Any, tmp_path: Path) -> None:
    network = hubel.parse(f"8x8x3: conv 4 3x3, flatten, dense {len(names)}")
    task = task_named(kind).from_settings(names, settings)
    model = LoadedModel(
        network, lived_in(network, 2), Preprocessing(8, 8, 3, (0.5,) * 3, (0.2,) * 3, fit="stretch"), task
    )
    export(model, tmp_path / "folder", to="package")
    shown = tmp_path / "folder" / "examples" / "1.jpg"
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    said: list[str] = []
    for line in (["predict.py", str(shown)], ["test_predict.py"]):
        done = subprocess.run(
            [sys.executable, *line], cwd=tmp_path / "folder", check=True, env=bare, capture_output=True
        )
        said = [done.stdout.decode(), *said]
    told = task.answer(model, shown).data()
    if kind == "multilabel":
        wanted = told["labels"] or ["no label"]
        assert [
            each.rsplit(" ", 1)[0] if told["labels"] else each for each in said[1].strip().split("   ")[1:]
        ] == wanted
    else:
        found = dict(each.rsplit(" ", 1) for each in said[1].strip().split("   ")[1:])
        assert {name: float(value) for name, value in found.items()} == pytest.approx(told["numbers"], abs=1e-3)
    assert "predict(" in (tmp_path / "folder" / "README.md").read_text()


def test_what_a_package_has_no_program_for_is_refused(tmp_path: Path) -> None:
    network = hubel.parse("8x8x3: flatten, dense 4, caption 3 5 4")
    task = task_named("caption").from_settings((), {"words": ["cat", "dog", "red"], "steps": 3})
    model = LoadedModel(network, lived_in(network), Preprocessing(8, 8, 3, (0.5,) * 3, (0.2,) * 3), task)
    with pytest.raises(SettingError, match="or colour pictures, not for caption"):
        export(model, tmp_path / "told", to="package")
