"""Keras's and OpenVINO's files, with the answers of predict; where those are installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.export import export
from hubel.tasks import LoadedModel, task_named
from tests.export.test_export import graph_of
from tests.export.test_onnx import lived_in

NETWORKS = [
    "12x12x3: conv 8 3x3/2 same, norm, relu, maxpool 3x3/2 pad=1, dwconv 3x3 same, norm, relu6, globalavgpool, dense 3",
    "12x10x1: conv 4 5x5 tanh, avgpool 2, flatten, dense 6 gelu, dense 3 softmax",
    "8x8x3: conv 4 1x1, sum(norm, relu, conv 4 3x3 same | identity), concat(conv 2 1x1 silu | identity), leaky 0.3, "
    "se 2, layernorm, zeropad 1, crop 2, adaptiveavgpool 2x2, conv 6 2x2 groups=2 mish, flatten, dense 3",
    "12: dense 5 selu, dense 3",
]


def model_of(text: str) -> LoadedModel:
    network = hubel.parse(text)
    size = network.input if len(network.input) == 3 else (2, 2, 3)
    task = task_named("classification").from_settings(("a", "b", "c"), {})
    preparation = Preprocessing(*size, (0.4, 0.5, 0.6)[: size[2]], (0.2, 0.25, 0.3)[: size[2]])
    return LoadedModel(network, lived_in(network), preparation, task)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("text", NETWORKS)
def test_keras_files_answer_as_predict_does(text: str, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    found = export(model_of(text), tmp_path / "model.keras")
    assert found.check is not None
    assert found.check.odd >= 40
    assert found.check.largest <= 1e-5
    assert keras.models.load_model(tmp_path / "model.keras").count_params() > 0


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
def test_what_keras_files_do_not_hold_is_named(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    with pytest.raises(SettingError) as refused:
        export(model_of("8x8x3: local 2 3x3, flatten, dense 3"), tmp_path / "model.keras")
    assert str(refused.value) == "local1 (LocalSum) is not written for Keras; model.onnx can hold it"


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("input", ["image", "sized"])
def test_openvino_answers_as_predict_does_in_32_bits(input: str, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    found = export(model_of(NETWORKS[0]), tmp_path / "colleague", to="openvino", input=input)
    assert {path.name for path in (tmp_path / "colleague").iterdir()} == {"model.xml", "model.bin"}
    assert found.check is not None
    assert found.check.passed
    assert "INFERENCE_PRECISION_HINT f32" in found.notes[-1]


@pytest.mark.peers
def test_openvino_makes_the_pixels_that_pillow_makes(tmp_path: Path) -> None:
    """Of grey ones too, whose shares of red, green and blue are whole numbers."""
    openvino = pytest.importorskip("openvino")
    pixels = np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8)
    for channels in (1, 3):
        kind = Preprocessing(28, 30, channels, (0.5,) * channels, (0.5,) * channels)
        core = openvino.Core()
        read = core.read_model(graph_of(kind).SerializeToString())
        found = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"image": pixels[np.newaxis]})[0]
        away = np.abs(found[0].transpose(1, 2, 0) - kind.prepare(Image.fromarray(pixels)))
        assert away.max() <= 1
        assert (away > 0).mean() < 0.05


@pytest.mark.peers
def test_openvino_holds_what_goes_on_step_by_step(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    network = hubel.parse("12: embed 5 4, lstm 6 sequences, dense 5")
    task = task_named("language").from_settings((), {"vocabulary": "abcde"})
    model = LoadedModel(network, lived_in(network, 3), Preprocessing(12, 1, 1, (0.0,), (1 / 255,)), task)
    found = export(model, tmp_path / "voice", to="openvino").check
    assert found is not None
    assert (found.passed, found.examples) == (True, "windows")


@pytest.mark.parametrize(("form", "package"), [("keras", "keras"), ("openvino", "openvino")])
def test_what_is_not_installed_is_named(form: str, package: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingError, match="which is not installed"):
        export(model_of(NETWORKS[3]), tmp_path / "model", to=form)


def test_keras_computes_by_pytorch_where_what_it_takes_by_itself_is_not_here(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setattr("hubel.export.keras.find_spec", lambda name: None)
    with pytest.raises(SettingError, match="needs keras"):
        export(model_of(NETWORKS[3]), tmp_path / "model.keras")
    assert os.environ["KERAS_BACKEND"] == "torch"
