"""`hubel explain`: tables, one layer, a part, JSON, strict, mistakes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hubel.cli import main

LENET = "32x32x3: conv 8 5x5, maxpool 2, flatten, dense 10"


@pytest.fixture
def explain(capsys, monkeypatch):
    def run(*words: str, columns: int = 80, status: int = 0) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["explain", *words]) == status
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return captured.err if status else captured.out

    return run


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table(explain, columns):
    shown = explain("lenet5", columns=columns)
    assert all(len(line) <= columns for line in shown.splitlines())
    assert "61,706" in shown
    assert "416,520" in shown
    assert ("(5·5·6 + 1)·16 = 2,416" in shown) == (columns == 140)


def test_one_layer_shows_names_and_values(explain):
    shown = explain(LENET, "conv1", columns=140)
    assert "(5·5·3 + 1)·8 = 608" in shown
    assert "(kernel height·kernel width·channels + 1)·filters" in shown
    assert "(32 − 5)/1 + 1 = 28" in shown
    assert "dense1" not in shown


def test_a_part_shows_its_layers(explain):
    shown = explain("8: stage=(dense 4, relu), dense 2", "stage", columns=140)
    assert "stage.dense1" in shown
    assert "stage.relu1" in shown


def test_json(explain):
    found = json.loads(explain(LENET, "--json"))
    wanted = {"name", "input", "parameters", "trainable", "macs", "layers", "output_shape", "notes"}
    assert wanted <= found.keys()
    assert found["input"] == [32, 32, 3]
    assert found["output_shape"] == [10]
    layer = found["layers"][0]
    wanted = {"name", "type", "output_shape", "parameters", "macs", "receptive_field", "stride", "formula", "notes"}
    assert wanted <= layer.keys()
    assert (layer["name"], layer["type"], layer["parameters"]) == ("conv1", "Conv2D", 608)
    assert (layer["receptive_field"], layer["stride"]) == ([5, 5], [1, 1])
    assert "parameters (5·5·3 + 1)·8 = 608" in layer["formula"]
    assert json.loads(explain(LENET, "conv1", "--json")) == layer


def test_a_page_of_what_has_no_name_is_titled_by_what_it_has(explain, tmp_path):
    explain("8x8x1: conv 6 3x3, flatten, dense 10", "-o", str(tmp_path / "it.html"))
    assert "<h1>network of 1 conv, 1 dense: " in (tmp_path / "it.html").read_text()


def test_options_of_a_zoo_network(explain):
    found = json.loads(explain("resnet18", "--input", "32x32x3", "--classes", "7", "--json"))
    assert (found["input"], found["output_shape"]) == ([32, 32, 3], [7])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lenet6",), "did you mean 'lenet5'"),
        (("lenet5", "conv9"), "did you mean 'conv"),
        (("8: dens 3",), "did you mean 'dense'"),
        (("2x2x1: conv 1 3x3",), "conv1: Conv2D expected an input of at least 3×3, received 2×2"),
        (("7x7x1: conv 1 3x3/3", "--strict"), "(7 − 3)/3 + 1 = 2.33"),
        (("8: dense 3", "--classes", "4"), "--classes is for networks of the zoo"),
    ],
)
def test_mistakes(explain, words, said):
    shown = explain(*words, status=2)
    assert shown.startswith("hubel: ")
    assert said in shown


def test_dropped_rows_are_noted(explain):
    assert "54.25" in explain("224x224x3: conv 96 11x11/4")


def test_a_file(explain, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(LENET + "\n", encoding="utf-8")
    assert json.loads(explain(str(path), "--json"))["name"] == "mine"


def test_piping_into_head():
    command = f"{sys.executable} -m hubel explain resnet152 | head -n 1"
    ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("resnet152")
