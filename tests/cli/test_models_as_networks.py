"""`explain`, `compare`, `draw`, `code`, `plan` and `advise` take ONNX files and PyTorch models where they are trees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest

from hubel.cli import main

MODEL = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6 * 14 * 14, 10))

def sound():
    return nn.Sequential(nn.Conv1d(1, 4, 9, 4), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2))

class Kept(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 5), nn.BatchNorm2d(6)

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x):
        return self.norm(self.conv(x))

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 5)
        self.curve = nn.Softsign()

    def forward(self, x):
        return self.curve(self.conv(x))
"""
LINE = "32x32x3: conv 6 5x5, relu, maxpool 2, flatten, dense 10"
SOUND = "160x1: conv1d 4 9/4, relu, globalavgpool1d keepdims=true, flatten, dense 2"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> tuple[str, str]:
    assert main(list(arguments)) == status
    done = capsys.readouterr()
    return done.out, done.err


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    "verb", [("explain",), ("plan", "--device", "h100"), ("advise",), ("draw",), ("code",), ("compare", "vgg11")]
)
def test_what_is_warned_of_is_in_the_data(
    folder: Path, capsys: pytest.CaptureFixture[str], verb: Sequence[str]
) -> None:
    line = [*verb, "mine.py:Kept", "--input", "32x32x3"]
    out, err = said(capsys, *line, "--json")
    (told,) = json.loads(out)["warnings"]
    assert told.startswith("in training mode norm stay as in evaluation mode")
    assert told in err
    out, _ = said(capsys, verb[0], "vgg16", *verb[1:], "--json")
    assert "warnings" not in json.loads(out)


@pytest.mark.parametrize(("name", "shape", "text"), [("net", "32x32x3", LINE), ("sound", "160x1", SOUND)])
def test_explained_as_the_same_text_form_is(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, shape: str, text: str
) -> None:
    out, err = said(capsys, "explain", f"mine.py:{name}", "--input", shape, "--json")
    assert err == f"hubel: running {folder / 'mine.py'}\n"
    expected, _ = said(capsys, "explain", text, "--json")
    assert {**json.loads(out), "name": ""} == json.loads(expected)


def test_every_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("mine.py:net", "--input", "32x32x3")
    out, _ = said(capsys, "code", *model)
    assert "nn.Conv2d(3, 6, 5)" in out
    out, _ = said(capsys, "draw", *model, "-o", "-")
    assert out.startswith("<svg")
    out, _ = said(capsys, "advise", *model, "--json")
    assert json.loads(out)["text"] == LINE
    out, _ = said(capsys, "plan", *model, "--device", "a100", "--json")
    assert json.loads(out)["name"] == "net"
    out, _ = said(capsys, "compare", *model, "--set", "conv1.filters=3", "--json")
    data = json.loads(out)
    assert data["second"]["name"] == "net with conv1.filters=3"
    assert data["differences"]["macs"] == 28 * 28 * 3 * 75 + 14 * 14 * 3 * 10
    out, _ = said(capsys, "compare", "mine.py:net", LINE, "--input", "32x32x3", "--json")
    assert set(json.loads(out)["differences"].values()) == {0}


def test_changes_everywhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = said(capsys, "code", LINE, "--set", "conv1.filters=3")
    assert "nn.Conv2d(3, 3, 5)" in out
    out, _ = said(capsys, "plan", LINE, "--set", "dense1.units=4", "--device", "a100", "--json")
    assert json.loads(out)["text"].endswith("dense 4")


def test_onnx(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = said(capsys, "explain", str(LIGHT / "light_vgg19.onnx"), "--json")
    vgg, _ = said(capsys, "explain", "vgg19", "--json")
    assert json.loads(out)["macs"] == json.loads(vgg)["macs"]
    same, _ = said(capsys, "explain", str(LIGHT / "light_vgg19.onnx"), "--input", "224x224x3", "--json")
    assert json.loads(same)["macs"] == json.loads(vgg)["macs"]


def test_what_is_no_tree_is_drawn_by_inspect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = said(capsys, "draw", "mine.py:Odd", "--input", "8x8x3", status=2)
    assert "has no layer for Softsign; hubel inspect draws it (-o FILE.svg) as it runs" in err
    said(capsys, "inspect", "mine.py:Odd", "--input", "8x8x3", "-o", "odd.svg")
    assert (folder / "odd.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine.py:net",), "expected --input with the shape of one image for mine.py:net"),
        (
            ("mine.py:Odd", "--input", "8x8x3"),
            "mine.py:Odd cannot be read as a tree: curve: the tree has no layer for S",
        ),
        (("mine.py:nett", "--input", "8x8x3"), "mine.py has no 'nett'; did you mean 'net'?"),
        (("mine.py:net", "--input", "30x30x3"), "4: Linear expected 1176 features last, received"),
        (("mine.py:net", "--input", "32x32x3", "--width", "0.5"), "--width is for networks of the zoo"),
        (("mine.py",), "expected mine.py:NAME, where NAME is the model"),
        (("none.py:net", "--input", "8x8x3"), "no file none.py"),
        (("none.onnx",), "no file none.onnx"),
        (
            (str(LIGHT / "light_squeezenet.onnx"), "--input", "320x320x3"),
            "the file fixes its input 'data_0' at 1×3×224×224, asked for is 1×3×320×320",
        ),
        (("picture.bin",), "picture.bin: expected a text form, a model file that hubel wrote or an .onnx file"),
        ((str(LIGHT / "light_bvlc_alexnet.onnx"), "conv9"), "conv9"),
    ],
)
def test_mistakes(folder: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "picture.bin").write_bytes(b"\xff\xfe\x00\x81")
    _, err = said(capsys, "explain", *arguments, status=2)
    assert message in err


def test_what_is_here_stands_before_a_word_of_the_zoo(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected, _ = said(capsys, "explain", "lenet5", "--json")
    (folder / "lenet5" / "cat").mkdir(parents=True)
    out, err = said(capsys, "explain", "lenet5", "--json")
    assert (out, err) == (expected, "hubel: lenet5: the zoo's network; the folder here holds none\n")
    (folder / "alexnet").write_text("8x8x1: flatten, dense 3")
    out, err = said(capsys, "explain", "alexnet", "--json")
    assert json.loads(out)["parameters"] == 195
    assert "the zoo's network of that name is builtin:alexnet" in err
    out, _ = said(capsys, "explain", "builtin:alexnet", "--json")
    assert json.loads(out)["parameters"] > 60_000_000
    _, err = said(capsys, "explain", "builtin:lenet6", status=2)
    assert "expected the name of a network of the zoo, received 'builtin:lenet6'" in err


def test_a_text_form_with_a_python_word_in_it_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    _, err = said(capsys, "explain", "8x8x1: module.py:net, dense 3", status=2)
    assert "running" not in err


def test_the_zoo_needs_neither_torch_nor_in_a_pipe_rich() -> None:
    program = "import sys; from hubel.cli import main; main(['explain', 'lenet5']); "
    program += "assert not {'torch', 'rich'} & {*sys.modules}"
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, env=environment)


@pytest.mark.parametrize(
    ("name", "kept", "said"),
    [
        ("weights.pth", {"conv.weight": [1.0]}, "a PyTorch file, of weights or of a whole model as a pickle, and no"),
        ("last.ckpt", {"state_dict": {}, "epoch": 3}, "loads this into it, as FILE.py:NAME"),
        ("whole.pt", object, "a PyTorch file"),
        ("named.anyhow", {}, "a PyTorch file"),
        ("traced.pt", None, "a TorchScript program: give the module that it was made of"),
    ],
)
@pytest.mark.parametrize("command", ["explain", "inspect"])
def test_files_of_pytorch_are_known(
    command: str, name: str, kept: object, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    if kept is None:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:  # as torch.jit.save writes it
            archive.writestr("traced/data.pkl", b"")
            archive.writestr("traced/code/__torch__.py", b"")
    else:
        torch.save(kept, tmp_path / name)
    assert main([command, str(tmp_path / name)]) == 2
    assert said in capsys.readouterr().err


def test_what_a_model_warns_of_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "warns.py").write_text(
        "import warnings\nfrom torch import nn\n\n\nclass Warns(nn.Sequential):\n"
        "    def forward(self, x):\n        warnings.warn('this is old')\n        return super().forward(x)\n\n\n"
        "def made():\n    return Warns(nn.Conv2d(3, 2, 3))\n"
    )
    command = [sys.executable, "-m", "hubel", "explain", "warns.py:made", "--input", "8x8x3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.count("UserWarning: this is old") == 1
