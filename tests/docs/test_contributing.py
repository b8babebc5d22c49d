"""CONTRIBUTING's recipes, run as they stand there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hubel.cli
from hubel.arch import analyse, parse
from hubel.arch._layer import REGISTRY
from hubel.code import source
from hubel.nn import build
from hubel.tasks import load_model
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "CONTRIBUTING.md"
NETWORK = "4x4x6: halves, conv 8 1x1 relu, flatten, dense 2"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files of the page."""
    for block in blocks(PAGE):
        for name in (word.partition("=")[2] for word in block.words if word.startswith("file=")):
            (tmp_path / name).write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    yield tmp_path
    REGISTRY.pop("halves", None)
    sys.modules.pop("halves", None)
    sys.modules.pop("hubel.cli.widest", None)


def test_a_new_layer(written, capsys):
    assert hubel.cli.main(["explain", NETWORK, "--layers", "halves.py"]) == 0
    assert "4×4×3" in capsys.readouterr().out
    network = parse(NETWORK)
    given = torch.randn(2, 6, 4, 4)
    module = build(network)
    assert torch.equal(module.halves1(given), given[:, :3])
    assert module(given).shape == (2, 2)
    assert analyse(network).parameters == (3 + 1) * 8 + (128 + 1) * 2
    for framework in ("pytorch", "keras", "jax"):
        assert compile(source(network, framework), framework, "exec")
    assert hubel.cli.main(["explain", "4x4x5: halves, flatten, dense 2", "--layers", "halves.py"]) == 2
    assert "Halves expected an even number of channels, received 5" in capsys.readouterr().err


def test_a_new_verb(written, monkeypatch, capsys):
    monkeypatch.setattr(hubel.cli, "__path__", [*hubel.cli.__path__, str(written)])
    monkeypatch.setitem(hubel.cli.COMMANDS, "widest", "the layer with the most channels")
    text = "8x8x3: wide=conv 1200 3x3, flatten, dense 2"
    assert hubel.cli.main(["widest", text]) == 0
    assert capsys.readouterr().out == "flatten1: 43,200 channels\n"
    assert hubel.cli.main(["widest", "lenet5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"layer": "flatten1", "channels": 400}
    assert hubel.cli.main(["widest", "lenet5", "-o", "widest.csv"]) == 0
    assert (written / "widest.csv").read_text() == "layer,channels\nflatten1,400\n"
    assert "wrote widest.csv" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        hubel.cli.main(["widest", "--help"])
    assert "examples:\n  hubel widest resnet50" in capsys.readouterr().out


@pytest.fixture
def amounts(written, monkeypatch):
    """The task of the page, in a package that is installed, and 40 pictures whose number is how bright they are."""
    about = written / "site" / "amounts-1.0.dist-info"
    about.mkdir(parents=True)
    (written / "amounts.py").rename(written / "site" / "amounts.py")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: amounts\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hubel.tasks]\namounts = amounts:Amounts\n")
    monkeypatch.syspath_prepend(written / "site")
    (written / "lamps").mkdir()
    random = np.random.default_rng(0)
    numbers = random.uniform(0, 1, 40)
    for place, number in enumerate(numbers):
        picture = np.clip(random.normal(20 + 200 * number, 8, (12, 12)), 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(written / "lamps" / f"{place}.png")
    (written / "lamps/numbers.csv").write_text("".join(f"{i}.png,{value:.4f}\n" for i, value in enumerate(numbers)))
    yield
    sys.modules.pop("amounts", None)


def test_a_new_task(amounts, capsys):
    line = ["12x12x1: globalavgpool, dense 4 relu, dense 1", "lamps", "--epochs", "20", "--set", "threads=1"]
    line += ["--set", "learning_rate=0.03"]
    assert hubel.cli.main(["train", *line, "--run", "lit"]) == 0
    told = capsys.readouterr().out
    assert "mean absolute error on the validation images" in told
    assert "8 of 40 training images are held out for validation (20%)" in told
    assert "smoothing" not in told
    assert "error" in Path("lit/metrics.csv").read_text().splitlines()[0]
    assert hubel.cli.main(["evaluate", "lit", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["error"] < 0.1  # guessing the mean is off by 0.25
    assert hubel.cli.main(["predict", "lit", "lamps/3.png", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)[0]["amount"]
    wanted = float(Path("lamps/numbers.csv").read_text().splitlines()[3].partition(",")[2])
    assert said == pytest.approx(wanted, abs=0.3)
    assert "mean absolute error" in Path("lit/report.html").read_text()
    assert hubel.cli.main(["train", "lenet5", "lamps", "--epochs", "1", "--run", "lenet", "--no-report"]) == 0
    assert load_model("lenet/model.safetensors").network.body.nodes[-1].units == 1
    assert hubel.cli.main(["train", "12x12x1: flatten, dense 3", "lamps", "--epochs", "1"]) == 2
    assert "expected a network with 1 output, received one whose output is 3; end it with 'dense 1'" in " ".join(
        capsys.readouterr().err.split()
    )


def test_the_house_is_drawn_as_it_stands():
    drawn = next(block for block in PAGE.read_text(encoding="utf-8").split("```") if "base      files" in block)
    rooms = {word for line in drawn.splitlines() if line[:1].isalpha() for word in line[:34].split()}
    folders = {path.parent.name for path in (ROOT / "src/hubel").glob("*/__init__.py")}
    assert folders <= rooms
