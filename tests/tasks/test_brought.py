"""Tasks that other packages bring by the entry point `hubel.tasks`: those that are missing, broken, or none."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.arch import parse
from hubel.cli import main
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks import load, load_model, save_model, task_named
from hubel.tasks.decoding import decoding_of

TASK = '''
from dataclasses import replace
from pathlib import Path
from hubel.tasks import Classification


class Parity(Classification):
    """Odd and even, which is classification by another name."""

    name = "parity"

    @classmethod
    def recognises(cls, source):
        return (Path(source) / "odd").is_dir()

    @classmethod
    def load(cls, source, **settings):
        splits = super().load(source, **settings)
        return replace(splits, train=splits.train.renamed("numbers, odd or even"))
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a package with a module `strange_tasks` and these entry points."""

    def installed(text: str, **points: str) -> None:
        about = tmp_path / "site" / "strange-1.0.dist-info"
        about.mkdir(parents=True)
        (tmp_path / "site" / "strange_tasks.py").write_text(text)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (about / "entry_points.txt").write_text(f"[hubel.tasks]\n{lines}")
        monkeypatch.syspath_prepend(tmp_path / "site")

    monkeypatch.chdir(tmp_path)
    yield installed
    sys.modules.pop("strange_tasks", None)


def folder(*classes: str) -> None:
    for number, name in enumerate(classes):
        Path("digits", name).mkdir(parents=True)
        for i in range(2):
            Image.fromarray(np.full((4, 4), 40 * number + i, np.uint8)).save(f"digits/{name}/{i}.png")


def test_a_model_of_a_task_opens_once_what_brings_it_is_there(install, tmp_path, capsys):
    network = parse("4x4x1: flatten, dense 2 softmax")
    rules = Preprocessing(4, 4, 1, (0.5,), (0.5,))
    install(TASK, parity="strange_tasks:Parity")
    task = task_named("parity")(("even", "odd"))
    save_model("parity.safetensors", network, build(network), preprocessing=rules, task=task)
    assert load_model("parity.safetensors").task == task
    about = tmp_path / "site" / "strange-1.0.dist-info" / "entry_points.txt"
    about.write_text("[other]\n")
    Image.new("L", (4, 4)).save("image.png")
    assert main(["predict", "parity.safetensors", "image.png"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "the task 'parity' is not known here" in told
    assert "a package with the entry point 'hubel.tasks' would bring it" in told


def test_a_task_is_asked_whether_a_source_is_its_own(install):
    install(TASK, parity="strange_tasks:Parity")
    folder("even", "odd")
    assert load("digits", validation=0).train.name == "numbers, odd or even"
    assert load("digits", task="classification", validation=0).train.name == "digits train"
    Path("digits/odd").rename("digits/strange")
    assert load("digits", validation=0).train.name == "digits train"
    assert load("digits", task="parity", validation=0).train.name == "numbers, odd or even"


@pytest.mark.parametrize(
    ("text", "point", "why"),
    [
        ("import strange_absent", "strange_tasks:Any", "No module named 'strange_absent'"),
        ("raise KeyError('gone')", "strange_tasks:Any", "cannot be imported: KeyError: 'gone'"),
        ("", "strange_tasks:Absent", "cannot be imported: AttributeError"),
        ("Any = 3", "strange_tasks:Any", "expected strange_tasks:Any to be a Task called 'odd', and it is not"),
        (TASK, "strange_tasks:Parity", "expected strange_tasks:Parity to be a Task called 'odd', and it is not"),
    ],
)
def test_one_that_fails_is_named_where_it_is_wanted_and_stops_no_other(text, point, why, install):
    install(text, odd=point)
    folder("one", "two")
    with pytest.raises(ValueError, match=why):
        task_named("odd")
    with pytest.raises(ValueError, match=why):
        load("digits", task="odd")
    splits = load("digits", validation=0)
    assert splits.train.classes == ("one", "two")
    assert why in splits.notes[0]
    assert splits.notes[0].endswith("whether this is data of it was not asked")


COUNTS = """
from itertools import count
from hubel.tasks import Classification
from hubel.tasks.asking import Asking, Made, Option


class Counted(Made):
    def __init__(self, number):
        self.number = number

    def data(self):
        return {"counted": self.number}

    def pieces(self):
        return (f"{each} " for each in range(1, self.number + 1))

    def write(self, place):
        place.write_text("".join(self.pieces()))
        return [place]


class Counts(Classification):
    name = "counts"
    asked = "--upto N"
    asking = Asking("models that count", "counts", (Option("upto", "how far", "whole", "N", 1, 9),), (".log",))

    def make(self, model, upto=3):
        return Counted(upto)


class Parity(Classification):
    name = "parity"
"""


def test_a_task_brings_how_its_models_are_asked(install, capsys):
    network, rules = parse("4x4x1: flatten, dense 2 softmax"), Preprocessing(4, 4, 1, (0.5,), (0.5,))
    install(COUNTS, counts="strange_tasks:Counts", parity="strange_tasks:Parity")
    for name in ("counts", "parity"):
        task = task_named(name)(("even", "odd"))
        save_model(f"{name}.safetensors", network, build(network), preprocessing=rules, task=task)

    def said(*words: str) -> str:
        main(["predict", *words])
        found = capsys.readouterr()
        return " ".join(found.out.split()) or " ".join(found.err.split())

    assert said("counts.safetensors") == "1 2 3"
    assert said("counts.safetensors", "--upto", "5", "--json") == '{"counted": 5}'
    assert said("counts.safetensors", "--upto", "2", "-o", "found.log") == "wrote found.log"
    assert Path("found.log").read_text() == "1 2 "
    assert "expected -o with a file that ends with .log, received 'x.csv'" in said("counts.safetensors", "-o", "x.csv")
    assert "expected --upto N, since this model counts" in said("counts.safetensors", "a.png")
    assert "of images' classes, and this model counts" in said("counts.safetensors", "--top", "1")
    assert "--upto is for models that count, and this one is for parity" in said("parity.safetensors", "--upto", "2")
    assert "--prompt is for models that write" in said("counts.safetensors", "--prompt", "x")
    assert load_model("counts.safetensors").make(upto=1).data() == {"counted": 1}
    with pytest.raises(ValueError, match="upot: models for counts have no such option; did you mean 'upto'"):
        load_model("counts.safetensors").make(upot=1)
    for odd in (0, 10, 10**30, True, 2.5, "3", None, float("nan")):
        with pytest.raises(ValueError, match=f"upto: expected a whole number from 1 to 9, received {odd!r}"):
            load_model("counts.safetensors").make(upto=odd)
    with pytest.raises(ValueError, match="makes nothing by itself"):
        load_model("parity.safetensors").make()
    assert decoding_of("parity").names  # as classification, from which it derives


def test_a_task_touches_four_files_at_most_outside_of_tasks_and_data():
    house = Path(hubel.__file__).parent
    text = {path.relative_to(house).as_posix(): path.read_text() for path in house.rglob("*.py")}
    own = ("tasks/", "data/", "arch/", "zoo/", "export/")  # exports write each task's answers in a form of its own
    outside = {path: words for path, words in text.items() if not path.startswith(own)}
    touched = [path for path, words in outside.items() if re.search(r"segmentation|of masks|\bMasks\b", words)]
    assert 1 <= len(touched) <= 4, touched
    folder = (words for path, words in text.items() if path.startswith("tasks/segmentation/"))
    assert 100 < sum(words.count("\n") for words in folder) <= 400
