"""Eight bits: beside the float file, and refused where they lose too much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import hubel.cli
from hubel.base.errors import SettingError
from hubel.export import export, open_onnx
from hubel.export.forms import Calibration
from hubel.tasks import load
from hubel.train import Run
from tests.export.test_export import said


def test_eight_bits_are_written_with_figures_and_speed_beside_the_float_file(
    run: Path, colours: Path, tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "small.onnx"
    told = said(["export", str(run), "-o", str(file), "--int8", str(colours), "--most-lost", "0.1"], capsys)
    facts = told["facts"]["int8"]
    assert (facts["figure"], facts["part"], facts["images"]) == ("accuracy", "validation", 15)
    assert facts["lost"] == pytest.approx(facts["float"] - facts["int8"])
    assert facts["lost"] <= 0.1
    assert min(facts["int8_ms"], facts["float_ms"]) > 0
    check = told["check"]
    assert (check["pictures"], check["odd"], check["bound"], check["passed"]) == (64, 44, None, True)
    assert 1e-4 < check["largest"] < 0.5  # it is run, and of eight bits
    graph = onnx.load(file).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QuantizeLinear") > 2
    stored = {tensor.name: tensor for tensor in graph.initializer}
    scales = [onnx.numpy_helper.to_array(stored[name]) for name in stored if name == "conv1.weight_scale"]
    assert [scale.shape for scale in scales] == [(8,)]  # one a filter
    assert "preparation/matmul" in {node.name for node in graph.node if node.op_type == "MatMul"}
    assert open_onnx(file).classes == ("blue", "green", "red")
    shown = str(next(colours.glob("green/*.png")))
    (found,) = said(["predict", str(file), shown], capsys)
    (own,) = said(["predict", str(run), shown], capsys)
    assert found["class"] == own["class"]
    assert found["probability"] == pytest.approx(own["probability"], abs=0.1)


def test_how_far_answers_of_eight_bits_move_is_told(
    run: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Of the pictures that were asked for, without a bound: other classes are counted, and the file is written."""
    sure = Image.open(next(colours.glob("green/*.png"))).copy()
    (tmp_path / "shots").mkdir()
    sure.save(tmp_path / "shots" / "green.png")
    line = ["export", str(run), "-o", str(tmp_path / "small.onnx"), "--int8", str(colours), "--most-lost", "1"]
    line += ["--check", str(tmp_path / "shots")]
    assert hubel.cli.main(line) == 0
    told = capsys.readouterr()
    assert "compared, no bound is held to: ONNX Runtime" in told.out
    assert "on 1 of your pictures and 44 odd ones: probabilities differ by at most " in told.out
    assert "is allowed" not in told.out
    assert "it takes any picture as uint8" in told.err
    monkeypatch.setattr(
        "hubel.export.onnx.int8.runner", lambda *given: lambda images: np.roll([[0.0, 0.0, 1.0]], len(images), 1)
    )
    check = said([*line[:3], str(tmp_path / "other.onnx"), *line[4:]], capsys)["check"]
    assert check["passed"]
    assert check["others"] > 10
    assert check["largest"] > 0.3


def test_too_great_a_loss_is_refused_with_figures(run: Path, colours: Path, tmp_path: Path) -> None:
    """Ranges from black pictures are nothing that real ones fit into."""
    splits = load(str(colours), size=(12, 12), channels=3)
    calibration = Calibration(np.zeros((4, 12, 12, 3), np.uint8), ("train", splits.train))
    with pytest.raises(SettingError) as refused:
        export(Run.open(run), tmp_path / "small.onnx", int8=calibration)
    words = str(refused.value)
    assert words.startswith("not written: eight bits lose ")
    assert "of accuracy, and at most 1.00% was asked for. int8: accuracy " in words
    assert "(72 images of the train part)" in words
    assert not (tmp_path / "small.onnx").exists()


def test_eight_bits_are_of_onnx_that_takes_pictures(run: Path, colours: Path, tmp_path: Path, capsys: Any) -> None:
    for path, more, words in (
        ("page.html", [], "eight bits are written as ONNX, received web"),
        ("m.onnx", ["--input", "tensor"], "expected --input image or sized with --int8"),
    ):
        line = ["export", str(run), "-o", str(tmp_path / path), "--int8", str(colours), *more]
        assert hubel.cli.main(line) == 2
        assert words in capsys.readouterr().err


def test_json_stays_json(run: Path, colours: Path, tmp_path: Path, capsys: Any) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    line = ["export", str(run), "-o", str(tmp_path / "m.onnx"), "--check", str(tmp_path), "--json"]
    assert hubel.cli.main(line) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["check"]["pictures"] == 1
    assert "it takes any picture as uint8" in told.err
