"""`hubel inspect` runs the user's own file, says so, and prints what the model costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hubel.arch import analyse
from hubel.cli import main
from hubel.zoo import network

MODEL = """
from dataclasses import dataclass
from torch import nn
import helper

@dataclass
class Settings:
    width: int = 6

class Classifier(nn.Module):
    def __init__(self, width=Settings().width):
        super().__init__()
        self.conv = nn.Conv2d(helper.CHANNELS, width, 5)
        self.head = nn.Linear(width * 14 * 14, 10)

    def forward(self, x):
        return self.head(nn.functional.max_pool2d(self.conv(x), 2).flatten(1))

def small():
    return Classifier(2)

ready = Classifier(3)
number = 5

def broken():
    return helper.nothing

def wrong():
    return "a model"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "torch_model.py").write_text(MODEL)
    (tmp_path / "helper.py").write_text("CHANNELS = 3\n")
    (tmp_path / "faulty.py").write_text("x = 1\nx.nothing\n")
    return tmp_path


def test_a_table_and_a_word_about_what_is_run(folder: Path) -> None:
    command = [sys.executable, "-m", "hubel", "inspect", "torch_model.py:Classifier", "--input", "32x32x3"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == f"hubel: running {folder / 'torch_model.py'}\n"
    assert done.stdout.startswith("Classifier  1×3×32×32 → 1×10\n")
    assert "MACs        364,560 forward, 376,320 backward (batch of 1)" in done.stdout


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to the folder; forget afterwards what was imported from it."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    for name in ("helper", "torch_model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_as_data(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "torch_model:small", "--input", "32x32x3", "--batch", "4", "--json"]) == 0
    done = capsys.readouterr()
    data = json.loads(done.out)
    assert (data["batch"], data["macs"]) == (4, 4 * (28 * 28 * 2 * 75 + 14 * 14 * 2 * 10))
    assert [layer["name"] for layer in data["layers"]] == ["conv", "head"]
    assert done.err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("torch_model.py:ready", "--input", "30x30x3"), "head: Linear expected 588 features last, received 1×507"),
        (
            ("torch_model.py:number", "--input", "3"),
            "expected number of torch_model.py to be a model or to make one, received int",
        ),
        (
            ("torch_model.py:broken", "--input", "3"),
            "broken() of torch_model.py failed: AttributeError: module 'helper'",
        ),
        (
            ("torch_model.py:wrong", "--input", "3"),
            "expected wrong() of torch_model.py to make an nn.Module, received str",
        ),
        (("torch_model.py:smal", "--input", "3"), "torch_model.py has no 'smal'; did you mean 'small'?"),
        (
            ("faulty.py:x", "--input", "3"),
            "faulty.py cannot be run: AttributeError: 'int' object has no attribute 'nothing' (line 2",
        ),
        (("absent.py:x", "--input", "3"), "no file absent.py"),
        (
            ("lenet6",),
            "expected the name of a network of the zoo, received 'lenet6'; did you mean 'lenet5'? Or write a text",
        ),
        (("16: embed 25 8, lstm 8, dense 2",), "network of 1 embed, 1 lstm, 1 dense looks whole numbers up"),
        (("lenet5", "--input", "28x28x1", "--input", "3"), "expected one --input as 224x224x3 for lenet5"),
        (("model.py", "--input", "3"), "expected FILE:NAME, such as model.py:make_model, received 'model.py'"),
    ],
)
def test_mistakes(here: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", *arguments]) == 2
    done = capsys.readouterr()
    assert f"hubel: {said}" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "title", "input"),
    [
        (("lenet5",), "lenet5", "28x28x1"),
        (("ResNet-20", "--input", "64x64x3"), "resnet20", "64x64x3"),
        (("builtin:lenet5",), "lenet5", "28x28x1"),
        (("8x8x1: conv 2 3x3 relu, flatten, dense 3 softmax",), "network of 1 conv, 1 dense", None),
        (("9: dense 3",), "network of 1 dense", None),
        (("9:flatten",), "network of 1 layer", None),
        (("100x3: conv1d 8 3, gru 4, dense 2",), "network of 1 conv1d, 1 gru, 1 dense", None),
    ],
)
def test_a_network_of_hubel_s_costs_what_explain_says(
    words: tuple[str, ...], title: str, input: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    report = analyse(network(words[0], **({"input": tuple(map(int, input.split("x")))} if input else {})))
    assert (found["name"], found["parameters"], found["macs"]) == (title, report.parameters, report.macs)


@pytest.mark.parametrize("command", [["inspect"], ["explain"]])
def test_what_the_file_prints_is_kept_out_of_the_answer(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chatty.py"
    file.write_text(
        "from torch import nn\nprint('loading')\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        print('making')\n"
        "        self.conv = nn.Conv2d(3, 4, 1)\n"
        "    def forward(self, x):\n        print('running', x.shape)\n        return self.conv(x)\n"
    )
    assert main([*command, f"{file}:Net", "--input", "8x8x3", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["parameters"] == 16
    assert {"loading", "making"} <= set(told.err.split("\n"))
    assert "running" in told.err


def test_what_the_file_writes_past_python_is_kept_out_too(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "import os\nfrom torch import nn\nos.write(1, b'loaded\\n')\nos.system('echo started')\nnet = nn.Linear(4, 2)\n"
    )
    asked = [sys.executable, "-m", "hubel", "inspect", "loud.py:net", "--input", "4", "--json"]
    told = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout)["parameters"] == 10
    assert "loaded" in told.stderr
    assert "started" in told.stderr


CHOOSES = """
import sys
from torch import nn

class Chooses(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3)

    def forward(self, x):
        x = self.one(x)
        return self.two(x) if x.mean() > 0 else x

class Leaves(nn.Module):
    def forward(self, x):
        sys.exit(3)

def leaves():
    sys.exit("no data")
"""


def test_files_and_pictures_say_what_they_leave_out(tmp_path: Path) -> None:
    (tmp_path / "choosing.py").write_text(CHOOSES)
    written = {}
    for ending in ("svg", "html", "md", "tex", "csv"):
        file = tmp_path / f"found.{ending}"
        assert main(["inspect", f"{tmp_path / 'choosing.py'}:Chooses", "--input", "4x4x3", "-o", str(file)]) == 0
        written[ending] = file.read_text()
    for ending in ("svg", "html", "md", "tex"):
        assert "not reached" in written[ending], ending
        assert "two: never ran for this input" in written[ending], ending
    assert written["csv"].splitlines()[2] == "two,Conv2d,—,584,,,"  # and not 0, since it was not reached


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Leaves", "Leaves: RuntimeError: it ends the program, by sys.exit(3)"),
        ("leaves", "SystemExit: no data (line 19"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "explain"])
def test_models_that_end_the_program(
    command: str, name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ending.py").write_text(CHOOSES)
    assert main([command, f"{tmp_path / 'ending.py'}:{name}", "--input", "4x4x3"]) == 2
    assert said in capsys.readouterr().err


SEQUENCES = """
import torch
from torch import nn

class First(nn.Module):
    def __init__(self, batch_first=False, turn=False):
        super().__init__()
        self.rnn, self.turn = nn.LSTM(5, 6, batch_first=batch_first), turn

    def forward(self, x):
        return self.rnn(x.transpose(0, 1) if self.turn else x)[0]

def batched():
    return First(batch_first=True)

def turned():
    return First(turn=True)

class Timed(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.body = nn.Embedding(10, 3), nn.Conv2d(3, 3, 1)

    def forward(self, x, t):
        return self.body(x + self.table(t)[:, :, None, None])
"""


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    (tmp_path / "models.py").write_text(SEQUENCES)
    return tmp_path / "models.py"


@pytest.mark.parametrize(
    ("model", "shape", "batch", "said"),
    [("First", "7x5", "1", True), ("First", "7x5", "3", True), ("First", "1x5:as-is", "7", False),
     ("batched", "7x5", "2", False), ("turned", "7x5", "2", False)],
)  # fmt: skip
def test_a_layer_that_takes_the_batch_for_steps_is_named(
    sequences: Path, model: str, shape: str, batch: str, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", f"{sequences}:{model}", "--input", shape, "--batch-size", batch, "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    told = [note for note in notes if note.startswith("rnn: takes its steps first (batch_first=False)")]
    assert len(told) == said
    assert not said or f"the batch of {batch} for steps and 7 for sequences" in told[0]


def test_one_number_an_example(sequences: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["inspect", f"{sequences}:Timed", "--input", "x=8x8x3", "--batch-size", "2", "--json"]
    assert main([*words, "--input", "t=:int"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["output_shape"] == [2, 3, 8, 8]
    for wrong in ("t=", ":", "t=:whole"):
        with pytest.raises(SystemExit):
            main([*words, "--input", wrong])
        assert "expected" in capsys.readouterr().err
