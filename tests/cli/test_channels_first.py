"""A shape that looks as if channels stood first is read as it is written, and that is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from hubel.arch import analyse, order_note, parse
from hubel.cli import main
from hubel.model import Sequential, layers


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "resnet18", "--input", "3x224x224"],
        ["explain", "3x224x224: conv 8 3x3, flatten, dense 2"],
        ["draw", "1x28x28: flatten, dense 2"],
        ["code", "3x32x32: conv 8 3x3, flatten, dense 2"],
        ["plan", "3x64x96: conv 8 3x3, flatten, dense 2", "--device", "t4"],
    ],
)
def test_every_command_says_how_it_reads_it(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # draw writes a file
    main(command)
    told = capsys.readouterr().err
    assert "is read as" in told
    assert "where channels were meant to stand first, write " in told


def test_in_words_and_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    said = (
        "the input 3×224×200 is read as 3 rows, 224 columns and 200 channels; where channels were meant to stand "
        "first, write 224×200×3"
    )
    assert main(["explain", "3x224x200: flatten, dense 2", "--json"]) == 0
    answer = capsys.readouterr()
    assert json.loads(answer.out)["notes"] == [said]
    assert answer.err == f"hubel: {said}\n"


@pytest.mark.parametrize(
    "shape", [(224, 224, 3), (28, 28, 1), (1, 100, 3), (3, 100, 16), (3, 3, 512), (784,), (2, 64, 64)]
)
def test_nothing_is_said_of_other_shapes(shape: tuple[int, ...]) -> None:
    assert order_note(shape) is None
    assert not analyse(parse(f"{'x'.join(map(str, shape))}: relu")).notes


def test_inspect_says_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "flat.py"
    file.write_text("from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(2352, 2))\n")
    assert main(["inspect", f"{file}:net", "--input", "3x28x28", "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert note.endswith("write 28×28×3")


def test_keras_shapes() -> None:
    with pytest.warns(UserWarning, match="the input 1×28×28 is read as 1 row, 28 columns and 28 channels"):
        Sequential([layers.Flatten(input_shape=(1, 28, 28)), layers.Dense(10)])
    with pytest.warns(UserWarning, match="write 32×32×3"):
        Sequential([layers.Input(shape=(3, 32, 32)), layers.Dense(10)])


def test_inspect_says_it_of_one_of_several_inputs_and_where_it_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "several.py"
    file.write_text(
        "import torch\nfrom torch import nn\nclass Two(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.head = nn.Linear(12, 4)\n"
        "    def forward(self, x, v):\n        if x.shape[1] > 999:\n            raise ValueError('too many')\n"
        "        return self.head(torch.cat([x.mean((1, 2, 3))[:, None].expand(-1, 2), v], 1))\n"
        "class Features(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.head = nn.Linear(3, 4)\n"
        "    def forward(self, x):\n        return self.head(x.mean((2, 3)))\n"
    )
    for inputs in (["3x64x64", "10"], ["x=3x64x64", "v=10"]):
        asked = [word for shape in inputs for word in ("--input", shape)]
        assert main(["inspect", f"{file}:Two", *asked, "--json"]) == 0
        assert [n for n in json.loads(capsys.readouterr().out)["notes"] if n.endswith("write 64×64×3")]
        assert main(["plan", f"{file}:Two", *asked, "--device", "t4"]) == 0
        assert "is read as 3 rows" in capsys.readouterr().out
    assert main(["inspect", f"{file}:Two", "--input", "3x64x1000", "--input", "10"]) == 2
    assert "too many; the input 3×64×1000 is read as" in capsys.readouterr().err
    assert main(["inspect", f"{file}:Features", "--input", "3x64x64"]) == 2
    assert "input_shape 64×64×3 → shapes are height × width × channels" in capsys.readouterr().err


def test_training_says_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at in range(8):
        (tmp_path / "set" / "ab"[at % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("L", (28, 28), at).save(tmp_path / "set" / "ab"[at % 2] / f"{at}.png")
    assert main(["train", "3x28x28: flatten, dense 2", str(tmp_path / "set")]) == 2
    told = capsys.readouterr().err
    assert told.count("where channels were meant to stand first, write 28×28×3") == 1
    assert "channels for image files, received 28" in told
