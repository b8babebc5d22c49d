"""Layers of a user's own in the command line: in a file, or brought by another package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.arch import Layer, analyse, parse, register
from hubel.arch._layer import REGISTRY
from hubel.base.errors import NetworkError
from hubel.cli import main
from hubel.nn import build
from hubel.tasks import load_model

LAYERS = '''
"""Two layers: one says what it computes, the other has a module of its own."""

import torch

from hubel.arch import Call, Layer, ops, register

print("loading")


@register("bgr")
class Backwards(Layer):
    """The channels in reverse."""

    def output_shape(self, input):
        return input

    def lower(self, input):
        return ops.Select(input, input, tuple(range(input[-1]))[::-1])

    def call(self, input):
        return Call("SelectChannels", {"channels": self.lower(input).channels})


class Doubled(torch.nn.Module):
    def forward(self, x):
        return 2 * x


@register("doubled")
class DoubledLayer(Layer):
    """Twice as much."""

    def output_shape(self, input):
        return input

    def call(self, input):
        return Call(f"{__name__}.Doubled")
'''
TEXT = "6x6x3: bgr, doubled, flatten, dense 2 softmax"
WORDS = ("bgr", "doubled")


@pytest.fixture(autouse=True)
def forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with the file, where one stands; what a test has made known is forgotten afterwards."""
    (tmp_path / "strange_layers.py").write_text(LAYERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    yield
    forget()


def forget() -> None:
    for word in WORDS:
        REGISTRY.pop(word, None)
    for name in [name for name in sys.modules if name.startswith("strange_")]:
        del sys.modules[name]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> str:
    random = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(6):
            image = random.integers(0, 60, (6, 6, 3), dtype=np.uint8)
            image[..., channel] += 150
            Image.fromarray(image).save(tmp_path / "images" / name / f"{number}.png")
    options = ["--epochs", "1", "--run", "run", "--no-report", "--set", "threads=1"]
    text = getattr(request, "param", TEXT)
    assert main(["train", text, "images", "--layers", "strange_layers.py", *options]) == 0
    assert "hubel: strange_layers.py: the layers bgr, doubled\n" in capsys.readouterr().err
    forget()
    return "run"


IMAGE = "images/red/0.png"
VERBS = [
    ["explain", "run"],
    ["explain", "run/model.safetensors"],
    ["draw", "run", "-o", "run.svg"],
    ["code", "run"],
    ["advise", "run"],
    ["plan", "run", "--device", "h100"],
    ["compare", "run", "6x6x3: flatten, dense 2"],
    ["evaluate", "run", "images"],
    ["predict", "run", IMAGE],
    ["report", "run", "-o", "run.html"],
    ["look", "maps", "run", IMAGE, "-o", "maps.svg"],
    ["look", "unit", "run", IMAGE, "--layer", "bgr1"],
    ["find", "index", "run", "images"],
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_saved_model_opens_in_every_command_with_its_layers(verb, run, capsys):
    assert main(verb) == 2
    told = capsys.readouterr().err
    assert "the layer 'bgr', which is not hubel's own (strange_layers.Backwards)" in told
    assert "--layers FILE.py" in told
    assert main([*verb, "--layers", "strange_layers.py"]) == 0


@pytest.mark.parametrize("run", [TEXT.replace(" doubled,", "")], indirect=True, ids=["bgr"])
def test_an_exported_model_says_which_layers_it_lacks(run, capsys):
    pytest.importorskip("onnxruntime")
    assert main(["export", "run", "-o", "run.onnx", "--layers", "strange_layers.py"]) == 0
    forget()
    for verb in (["predict", "run.onnx", IMAGE], ["evaluate", "run.onnx", "images"]):
        assert main(verb) == 2
        told = capsys.readouterr().err
        assert "run.onnx: its network has the layer 'bgr', which is not hubel's own (strange_layers.Backwards)" in told
        assert main([*verb, "--layers", "strange_layers.py"]) == 0
        forget()


def test_json_is_not_mixed_with_what_the_file_prints(capsys):
    assert main(["explain", TEXT, "--layers", "strange_layers.py", "--json"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("{")
    assert "loading" in shown.err


def test_where_a_layer_does_not_say_what_it_computes_that_is_said(run, capsys):
    assert main(["look", "unit", "run", IMAGE, "--layer", "doubled1", "--layers", "strange_layers.py"]) == 2
    assert "DoubledLayer does not say what it computes (it has no `lower`)" in capsys.readouterr().err
    assert main(["code", "run", "--to", "keras", "--layers", "strange_layers.py"]) == 2
    assert "DoubledLayer does not say what it computes" in capsys.readouterr().err


def test_a_package_brings_layers(tmp_path, run, capsys):
    about = tmp_path / "site" / "strange-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    points = "bgr = strange_layers:Backwards\ndoubled = strange_layers:DoubledLayer\nabsent = strange_layers:no\n"
    (about / "entry_points.txt").write_text(f"[hubel.layers]\n{points}lost = strange_layers:Backwards\n")
    with pytest.raises(ValueError, match="'bgr'"):
        load_model("run/model.safetensors")
    sys.path.insert(0, str(tmp_path / "site"))
    assert len(load_model("run/model.safetensors").module.state_dict()) == 2
    capsys.readouterr()
    assert main(["predict", "run", IMAGE]) == 0
    assert "DoubledLayer does not say what it computes" in capsys.readouterr().err
    with pytest.raises(ValueError, match="the layer 'absent' of strange_layers:no cannot be imported: AttributeError"):
        parse("6x6x3: absent")
    with pytest.raises(ValueError, match="expected strange_layers:Backwards to register a layer called 'lost'"):
        parse("6x6x3: lost")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("strange_none.py", "x = 1\n", "strange_none.py makes no layer known"),
        ("strange_bad.py", "def\n", "strange_bad.py cannot be run: SyntaxError"),
        ("strange_late.py", "raise KeyError('gone')\n", "strange_late.py cannot be run: KeyError: 'gone' (line 1"),
        ("strange_needs.py", "import strange_missing\n", "No module named 'strange_missing'"),
        ("json.py", "x = 1\n", "json.py: expected a name that no module has, received 'json'; rename the file"),
        ("strange_taken.py", LAYERS.replace('"bgr"', '"conv"'), "the word 'conv' is taken by Conv2D"),
        ("", "", "no file strange_absent.py"),
        (
            "strange_layers.pyy",
            LAYERS,
            "expected a file FILE.py or the name of a module, received 'strange_layers.pyy'",
        ),
        ("strange_bad2.py", "x = 1\ny = (\n", "'(' was never closed (strange_bad2.py, line 2)"),
    ],
)
def test_a_file_that_brings_none_is_named(name, content, told, capsys):
    if name:
        Path(name).write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["explain", "lenet5", "--layers", name or "strange_absent.py"])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_they_may_stand_before_the_command(capsys):
    assert main(["--layers", "strange_layers.py", "explain", TEXT]) == 0
    assert "bgr1" in capsys.readouterr().out


def test_given_twice_it_is_run_once(capsys):
    assert main(["explain", TEXT, "--layers", "strange_layers.py", "--layers", "./strange_layers.py"]) == 0
    assert capsys.readouterr().err.count("loading") == 1
    assert analyse(parse(TEXT)).parameters == 218


def test_an_unknown_layer_says_how_to_bring_ones_own(capsys):
    assert main(["explain", "6x6x3: zzzzzz, flatten, dense 2"]) == 2
    assert "no layer is called 'zzzzzz'; one of your own is known once its file is imported" in capsys.readouterr().err


def test_a_module_that_gives_another_shape_than_its_layer_says_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    says, wrong = '"""Twice as much."""\n\n    def output_shape(self, input):\n        return ', LAYERS
    assert says + "input" in wrong
    Path("strange_wrong.py").write_text(wrong.replace(says + "input", says + "(input[0],)"), encoding="utf-8")
    monkeypatch.syspath_prepend(".")
    importlib.import_module("strange_wrong")
    words = r"doubled1: DoubledLayer\.output_shape says 6 \(channels first\) of 3×6×6, and its module gives 3×6×6"
    with pytest.raises(NetworkError, match=words):
        build(parse("6x6x3: bgr, doubled, dense 2 softmax"))


def test_what_register_is_to_be_given_is_asked_for_where_a_class_says_it() -> None:
    with pytest.raises(
        ValueError, match=r"Times says positional in the class; it is an argument: @register\('times', "
    ):

        @register("times")
        class Times(Layer):
            factor: float = 2.0
            positional = ("factor",)
