"""What was exported, given to the commands: taken, or refused by its name."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hubel.cli
from hubel.base.errors import ModelFileError
from hubel.export import export
from hubel.serve.served import all_served
from hubel.serve.settings import Settings, named_models
from hubel.tasks import load_model
from hubel.train import Run


@pytest.fixture(scope="module")
def package(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package") / "deep" / "colours"
    export(run, folder, to="package")
    return folder


def said(capsys: Any, *words: str) -> Any:
    capsys.readouterr()
    assert hubel.cli.main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_package_is_taken_as_its_onnx_file_is(package: Path, run: Path, colours: Path, capsys: Any) -> None:
    picture = str(colours / "red" / "1.png")
    ((own,), (other,)) = (said(capsys, "predict", str(place), picture) for place in (run, package))
    assert own["class"] == other["class"]
    assert own["probability"] == pytest.approx(other["probability"], abs=2e-6)
    measured = [said(capsys, "evaluate", str(place), str(colours))["accuracy"] for place in (run, package)]
    assert measured[0] == measured[1]
    told = [said(capsys, "inspect", str(place), "--input", "30x20x3") for place in (package, package / "model.onnx")]
    assert told[0]["macs"] == told[1]["macs"] > 0
    served = all_served(Settings(named_models([str(package)])))
    assert list(served) == ["colours"]
    assert served["colours"].path == package / "model.onnx"


def zipped(place: Path, *names: str) -> Path:
    with zipfile.ZipFile(place, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    return place


@pytest.fixture(scope="module")
def others(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return files and folders of the other forms, by what they are said to be."""
    folder = tmp_path_factory.mktemp("others")
    export(run, folder / "c.pt2")
    for name in ("model.xml", "model.bin"):
        (folder / "openvino").mkdir(exist_ok=True)
        (folder / "openvino" / name).write_bytes(b"<net/>")
    for place in (folder / "c.html", folder / "page" / "index.html"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("<!doctype html>", encoding="utf-8")
    return {
        "an exported PyTorch program, which torch.export.load opens": folder / "c.pt2",
        "a Keras model, which keras.models.load_model opens": zipped(
            folder / "c.keras", "config.json", "metadata.json"
        ),
        "an OpenVINO model, whose model.xml openvino.Core": folder / "openvino",
        "a part of an OpenVINO model": folder / "openvino" / "model.xml",
        "a page, which a browser opens": folder / "c.html",
        "a page, whose index.html a browser opens": folder / "page",
    }


@pytest.mark.parametrize("verb", ["predict", "evaluate", "inspect", "explain", "export", "serve"])
def test_other_forms_are_refused_by_their_name(
    others: dict[str, Path], verb: str, colours: Path, tmp_path: Path, capsys: Any
) -> None:
    more = {
        "predict": [str(colours / "red" / "1.png")],
        "evaluate": [str(colours)],
        "export": ["-o", str(tmp_path / "m.onnx")],
        "serve": ["--port", "0"],
    }
    for words, place in others.items():
        assert hubel.cli.main([verb, str(place), *more.get(verb, [])]) == 2
        told = capsys.readouterr().err
        assert f"{place}: {words}" in told
        assert "predict, evaluate, serve and inspect take the run, its model file or hubel export" in told


def test_what_torch_save_wrote_is_a_pickle_still(tmp_path: Path) -> None:
    place = zipped(tmp_path / "m.pt", "m/data.pkl", "m/version")
    with pytest.raises(ModelFileError, match=r"a pickle \(what torch.save writes\)"):
        load_model(place)


def test_without_data_an_exported_file_says_what_is_missing(package: Path, capsys: Any) -> None:
    assert hubel.cli.main(["evaluate", str(package)]) == 2
    assert "is not in a run's folder, which says where its data lies; name it, as DATA" in capsys.readouterr().err


def test_folders_are_made_for_every_form(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "new" / "deep" / "m.onnx", input="tensor")
    export(run, tmp_path / "other" / "deep" / "package", to="package")
    assert (tmp_path / "new" / "deep" / "m.onnx").is_file()
    assert (tmp_path / "other" / "deep" / "package" / "model.onnx").is_file()


def test_what_is_being_done_is_told(run: Path, colours: Path, tmp_path: Path) -> None:
    told: list[Any] = []
    pictures = sorted(map(str, colours.glob("*/*.png")))[:3]
    found = export(run, tmp_path / "m.onnx", check=pictures, progress=lambda *how: told.append(how))
    assert found.check is not None
    whole = 3 + found.check.odd
    assert told[0][0].startswith("writing one ONNX file")
    assert [each[1:] for each in told[1:]] == [(number, whole) for number in range(1, whole + 1)]
    assert all(each[0].startswith("comparing by ONNX Runtime") for each in told[1:])


def test_a_written_file_has_nothing_that_no_answer_hangs_on(run: Path, tmp_path: Path, capsys: Any) -> None:
    """Nor are the numbers that prepare images taken for weights."""
    found = []
    for input in ("image", "sized", "tensor"):
        export(run, tmp_path / f"{input}.onnx", input=input)
        shape = [] if input != "image" else ["--input", "30x20x3"]
        found.append(said(capsys, "inspect", str(tmp_path / f"{input}.onnx"), *shape))
        assert not [note for note in found[-1].get("notes", []) if "reach no output" in note]
    assert len({each["parameters"] for each in found}) == 1


def test_a_package_says_what_is_cut_away(run: Path, tmp_path: Path) -> None:
    model = Run.open(run).model()
    package = tmp_path / "package"
    export(replace(model, preprocessing=replace(model.preprocessing, fit="crop")), package, to="package")
    for name, size in (("wide", (90, 30)), ("square", (30, 30))):
        Image.fromarray(np.full((*size[::-1], 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    words = [sys.executable, "predict.py", str(tmp_path / "wide.png"), str(tmp_path / "square.png")]
    told = subprocess.run(words, cwd=package, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "67% of it is cut away" in told[0]
    assert "cut away" not in told[1]
