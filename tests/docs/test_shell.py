"""Every command in a shell block of README.md and docs/*.md runs, in a fresh folder with what the page speaks of.

All are read by the command line's own parser, and run in this process, each page's in order. `SHORTENED` says what is
added to commands that would take long (fewer steps of the same), and `LEFT` which lines are read alone, and why. A line
in a console block that is marked no-run is run too; what it shows is not compared, since it hangs on the training.
"""

from __future__ import annotations

import doctest
import itertools
import os
import re
import shlex
import shutil
import string
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.arch._layer import REGISTRY
from hubel.cli import main, parser_of
from tests.docs.test_examples import BLOCK, PAGES, ROOT

SHORTENED = {
    r"train (?!unet|wavenet)(?!--resume)": ["--epochs=0.01", "--no-report"],
    r"train unet": ["--epochs=1", "--no-report", "--input=32x32x3", "--width=0.05"],
    r"train wavenet": ["--epochs=0.01", "--no-report", "--width=0.1"],
    r"sweep": ["--epochs=0.01", "--trials=2"],
    r"look dream": ["--steps=1", "--octaves=1"],
    r"look style": ["--steps=1", "--longest=24"],
    r"look space": ["--most=60"],
    r"look convolve photo": ["--shrink=12"],
    r"train --resume .*--epochs": ["--epochs=2"],
}
FEWER = {"mnist": "few.npz"}  # 600 of its images, and 200 of its test images
# what a line has, and why it is only read
LEFT = {
    "hubel serve": "does not end; tests/serve asks such services",
    "hubel studio": "does not end; tests/studio has such pages",
    "hubel site": "needs npm and a network; tests/studio writes such sites",
    "hubel export": "runs with what it shows, in docs/export.md",
    "photos.onnx": "a file that an earlier block of the page writes; tests/export reads such files",
    "curl": "asks a service; tests/serve does",
    "ale:": "Atari's games, which are not here; tests/data/games/test_gymnasium.py plays them",
    "pip install": "installs packages; tests/test_wheel.py installs hubel",
    "make ": "builds the project, in which this test runs",
    ".ci/run": "runs all tests, this one too",
    "torchrun": "several processes; tests/train/distributed starts them",
    "jupyter": "needs jupyter; tests/test_notebooks.py runs the cells",
    "python benchmarks/": "an hour of training",
    "--weights imagenet": "weights of 45 MB from an address; tests/cli/test_weights_address.py has a server here",
    "https://": "weights of 45 MB from an address; tests/cli/test_weights_address.py has a server here",
    "efficientnet": "weights that are not here; tests/nn/weights has some of the same form",
    ".pth": "weights of 45 MB that are not here; tests/nn/weights has some of the same form",
    "r3gan": "an hour of training; tests/tasks/synthesis makes pictures by such",
    "cifar10": "a data set of 170 MB that is not here",
    "--device h100": "runs with what it shows, in docs/plan.md",
    "HUBEL_MOST_ROWS": "runs in tests/test_limits.py",
    "vgg19": "weights of 500 MB that are not here",
    "light_resnet50.onnx": "weights of 100 MB; tests/nn/inspection/test_onnx.py reads such files",
    "--open": "opens a browser",
    "block7": "a layer of EfficientNet-Lite0, whose weights are not here",
    "relu61": "a layer of EfficientNet-Lite0, whose weights are not here",
    "resume runs/photos --micro-batch": "of a run that ran out of memory; tests/train/loop has one",
}
PLAY = "First Citizen:\nBefore we proceed any further, hear me speak.\n\n" + " !$&',-.3:;?" + string.ascii_letters
COLOUR = "32x32x3: conv 8 3x3 relu, maxpool 2, conv 8 3x3 relu, globalavgpool, dense 3 softmax"


def lines(page: Path) -> Iterator[str]:
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        text = block["text"].replace("\\\n", "")
        if block["language"] == "sh":
            yield from filter(None, map(str.strip, text.splitlines()))
        elif block["language"] == "console" and "no-run" in block["words"]:
            yield from re.findall(r"^\$ (.*)$", text, re.MULTILINE)


def commands(line: str) -> Iterator[list[str]]:
    """The words after `hubel` of each command of a line."""
    for part in re.split(r"\s&&\s|\s\|\s", line):
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if words[:1] == ["hubel"]:
            yield [os.path.expanduser(word) for word in words[1:]]


ALL = [(page, line) for page in [*PAGES, ROOT / "CONTRIBUTING.md"] for line in lines(page)]
RUN = {page: [line for own, line in ALL if own == page and not any(part in line for part in LEFT)] for page, _ in ALL}


@pytest.mark.parametrize(("page", "line"), ALL, ids=[f"{page.stem}: {line[:60]}" for page, line in ALL])
def test_a_line_is_one_that_hubel_reads(page: Path, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    found = list(commands(line))
    assert found or any(part in line for part in LEFT), line
    for words in found:
        without = re.sub(r"--layers \S+", "", shlex.join(words))
        parser_of([words[0]]).parse_args(shlex.split(without))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that pages speak of, small: photographs, drawings, digits, masks, models."""
    here, random = tmp_path_factory.mktemp("world"), np.random.default_rng(0)

    def picture(path: str, size: tuple[int, ...], bright: int = 0) -> None:
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 120, size, np.uint8)
        pixels[..., bright % size[-1] if len(size) == 3 else slice(None)] += 100
        Image.fromarray(pixels).save(here / path)

    for place, name in enumerate(("cat", "daisy", "tabby")):
        for number in range(8):
            picture(f"photos/{name}/{number}.png", (32, 32, 3), place)
            picture(f"letters/{name}/{number}.png", (28, 28), place)
            picture(f"my-digits/{place}/{number}.png", (28, 28), place)
    for name in (
        "cat",
        "dog",
        "coffee",
        "holiday",
        "garden",
        "painting",
        "sky",
        "street",
        "photo",
        "pictures/0",
        "Pictures/1",
    ):
        picture(f"{name}.jpg", (40, 48, 3))
    for number in range(1, 8):
        picture(f"pictures/{number}.jpg", (40, 48, 3), number)
    picture("astronaut.png", (40, 40, 3))
    (here / "plays.txt").write_text(PLAY * 60, encoding="utf-8")
    (here / "sonnets.txt").write_text(PLAY[:90] * 9, encoding="utf-8")
    (here / "rhyme.txt").write_text("one for sorrow, two for joy,\n" * 40, encoding="utf-8")
    for part, names in (("train", ("ann", "bob", "cid")), ("test", ("ann",))):
        for number, name in itertools.product(range(10), names):
            (here / "spoken" / part).mkdir(parents=True, exist_ok=True)
            with wave.open(str(here / "spoken" / part / f"{number}_{name}_0.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                tone = 9000 * np.sin(np.arange(2000) * (0.1 + 0.1 * number)) + random.normal(0, 90, 2000)
                file.writeframes(tone.astype("<i2").tobytes())
    for number in range(6):
        picture(f"streets/images/{number}.png", (32, 32, 3))
        mask = np.repeat(np.arange(32) // 16, 32).reshape(32, 32).astype(np.uint8)
        (here / "streets/masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(here / "streets/masks" / f"{number}.png")
    (here / "streets/classes.txt").write_text("road\ncar\n", encoding="utf-8")
    for number in range(8):
        picture(f"cells/images/{number}.png", (32, 32, 3))
        (here / "cells/labels").mkdir(exist_ok=True)
        (here / "cells/labels" / f"{number}.txt").write_text(f"{number % 2} 0.5 0.5 0.3 0.4\n")
    shutil.copytree(here / "cells/images", here / "slides")
    picture("slide.jpg", (40, 48, 3))
    for name in ("mice", "holidays", "album"):
        shutil.copytree(here / "slides", here / name)
    picture("old.jpg", (40, 48, 3))
    shutil.copytree(here / "slides", here / "frames")
    picture("frame.jpg", (40, 48, 3))
    shutil.copytree(here / "photos/cat", here / "shots")
    named = [(path.relative_to(here), number) for number, path in enumerate(sorted(here.glob("photos/*/*.png")))]
    tables = {
        "pets.csv": ["file,labels", *(f"{path},{('cat', 'dog', 'cat;dog')[number % 3]}" for path, number in named)],
        "faces.csv": ["file,age", *(f"{path},{number}.5" for path, number in named)],
        "pictures/captions.csv": [
            "image,caption",
            *(f"{n}.jpg,a {('red', 'green', 'blue')[n % 3]} sea" for n in range(8)),
        ],
        "mice/points.csv": ["image,snout_x,snout_y", *(f"{number}.png,{number},{20 - number}" for number in range(8))],
        "shapes.csv": ["file,x,y,angle", *(f"{path},{number},{2 * number},{number / 9}" for path, number in named)],
    }
    for name, rows in tables.items():
        (here / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    digit = hubel.load("mnist").test.images[0, ..., 0]
    for name in ("digit", "seven"):
        Image.fromarray(digit).save(here / f"{name}.png")
    shutil.copytree(ROOT / "examples", here / "examples", ignore=shutil.ignore_patterns("digits", "*.ipynb"))
    (here / "my_layers.py").write_text(own_layers(), encoding="utf-8")
    digits = hubel.load("mnist")
    few = {"x_train": digits.train.take(np.arange(600)), "x_test": digits.test.take(np.arange(200))}
    labels = {name.replace("x", "y"): part.labels for name, part in few.items()}
    np.savez(here / "few.npz", **{name: part.images for name, part in few.items()}, **labels)
    quick = {"epochs": 1, "progress": False, "keep_checkpoints": 9}
    hubel.train("lenet5", here / "few.npz", None, here / "runs/lenet5-mnist", **quick)
    photos = hubel.train(COLOUR, here / "photos", None, here / "runs/photos", **quick)
    for name in ("photos", "resnet"):
        shutil.copy(photos.directory / "model.safetensors", here / f"{name}.safetensors")
    shutil.copytree(photos.directory, here / "runs/my-run")
    (here / "sweeps/lenet5-mnist").mkdir(parents=True)
    (here / "sweeps/lenet5-mnist/best.toml").write_text(hubel.Recipe().to_toml(), encoding="utf-8")
    return here


def own_layers() -> str:
    """The layer that docs/layers.md shows, in a file."""
    page = doctest.DocTestParser().get_examples((ROOT / "docs/layers.md").read_text(encoding="utf-8"))
    shown = next(example.source for example in page if 'register("flipchannels")' in example.source)
    return f"from hubel.arch import Call, Layer, ops, register\n\n\n{shown}"


@pytest.fixture
def no_layers_of_ones_own() -> Iterator[None]:
    """The layers that are registered, without what this and other tests of pages bring."""
    before = dict(REGISTRY)
    REGISTRY.pop("flipchannels", None)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("page", [page for page in RUN if RUN[page]], ids=lambda page: page.stem)
@pytest.mark.usefixtures("no_layers_of_ones_own")
@pytest.mark.filterwarnings("default::hubel.tasks.play.playing.ShortGameWarning")  # networks here have learnt little
def test_commands(
    page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])  # commands that run a file add its folder
    for line in RUN[page]:
        for words in commands(line):
            more = [word for form, extra in SHORTENED.items() if re.match(form, " ".join(words)) for word in extra]
            status = main([*(FEWER.get(word, word) for word in words), *more])
            told = capsys.readouterr()
            assert status == 0, f"{line}\n{told.out[-2000:]}\n{told.err[-2000:]}"
