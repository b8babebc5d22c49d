"""The recipe for a new layer, run: one class in one file, and every table has it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hubel.arch import analyse, ops, parse
from hubel.arch._layer import REGISTRY
from hubel.code import source
from hubel.export.page.pack import pack, reason_not_packed
from hubel.look import record
from hubel.look.unit.trace import Tracer
from hubel.plan import DEVICES, layer_times
from tests.look.unit.test_unit import add_up, given_input, model_of
from tests.report.pages import page
from tests.report.test_engine import RUN, case

ACROSS = '''
"""A convolution along rows alone, and a layer that does not say what it computes."""

from hubel.arch import Call, Layer, Quantity, Weighted, Windowed, ops, register, windows_of


@register("across", label="conv", positional=("filters", "width"))
class Across(Windowed, Weighted):
    """Slide `filters` kernels of 1×width: H×W×C → H×W×filters."""

    filters: int
    width: int

    def lay(self, input):
        return windows_of(input, (1, self.width), (1, 1), "same")

    def output_shape(self, input):
        return (*self.places(input), self.filters)

    def figures(self, input):
        taps = Quantity("width", self.width) * Quantity("channels", input[2])
        number, places = Quantity("filters", self.filters), Quantity("places", input[0] * input[1])
        parameters = (taps + 1) * number if self.use_bias else taps * number
        return {"parameters": parameters, "macs": places * taps * number}

    def call(self, input):
        before = self.windows(input).sides[0]
        sizes = {"in_channels": input[2], "out_channels": self.filters, "kernel_size": (1, self.width)}
        return Call("Conv2d", {**sizes, "padding": (0, before), "bias": self.use_bias})

    def lower(self, input):
        windows, bias = self.windows(input), "bias" if self.use_bias else None
        return ops.WindowedSum(input, self.output_shape(input), (windows.rows, windows.columns), bias=bias)


@register("silent")
class Silent(Layer):
    """Pass everything on, and say nothing."""

    def output_shape(self, input):
        return input

    def call(self, input):
        return Call("Identity")
'''
TEXT = "5x7x2: across 3 3 mish, silent, across 2 5 nobias, flatten, dense 3 softmax"
SAID = TEXT.replace("silent, ", "")


@pytest.fixture
def of_a_user(tmp_path: Path) -> Iterator[None]:
    """A user's own layers, in a file of its own; forgotten afterwards."""
    file = tmp_path / "own_layers.py"
    file.write_text(ACROSS, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("own_layers", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["own_layers"] = module
    spec.loader.exec_module(module)
    yield
    del sys.modules["own_layers"], REGISTRY["across"], REGISTRY["silent"]


@pytest.mark.usefixtures("of_a_user")
def test_a_new_layer_is_analysed_built_and_planned() -> None:
    network = parse(SAID)
    assert str(parse(str(network))) == str(network)
    report = analyse(network)
    (first, second, *_) = report.rows
    assert (first.cost.parameters, second.cost.parameters) == ((3 * 2 + 1) * 3, 5 * 3 * 2)
    assert report.parameters == sum(w.numel() for w in model_of(network, 0).module.parameters())
    assert isinstance(first.operation, ops.WindowedSum)
    # a conv written out takes the same
    plain = analyse(parse(SAID.replace("across 3 3", "conv 3 1x3 same").replace("across 2 5", "conv 2 1x5 same")))
    device = next(iter(DEVICES.values()))
    assert [one.seconds for one in layer_times(report, 8, device)] == [
        one.seconds for one in layer_times(plain, 8, device)
    ]


@pytest.mark.usefixtures("of_a_user")
def test_every_number_of_a_new_layer_adds_up() -> None:
    network = parse(SAID)
    model, image = model_of(network, 1), given_input(network, 1)
    tracer = Tracer(model, image, record(model, image.input))
    for seed in range(5):
        add_up(tracer, seed)


@pytest.mark.usefixtures("of_a_user")
def test_a_new_layer_runs_in_the_page(browser_page: Any, tmp_path: Path) -> None:
    script = """
    const model = load(data.packed);
    const found = model.run(arranged(numbers(data.input), data.shape));
    window.off = Object.entries(data.outputs).map(([path, wanted]) =>
      distance(found.get(path).data, arranged(numbers(wanted.output), found.get(path).shape)));"""
    browser_page.goto(page(tmp_path / "own.html", RUN + script, case(parse(SAID), 0)))
    browser_page.wait_for_function("window.ready")
    off = browser_page.evaluate("window.off")
    assert len(off) == 4
    assert max(off) < 1e-4


@pytest.mark.usefixtures("of_a_user")
def test_a_new_layer_is_written_for_every_framework() -> None:
    network = parse(SAID)
    assert 'layers.Conv2D(3, (1, 3), padding="same", activation="mish")' in source(network, "keras")
    assert "nnx.Conv(2, 3, (1, 3), rngs=rngs)" in source(network, "jax")
    space: dict[str, Any] = {"__name__": "program"}
    exec(compile(source(network, "pytorch"), "program.py", "exec"), space)
    model = model_of(network, 2)
    program = next(kind for kind in space.values() if getattr(kind, "__module__", "") == "program")().double()
    program.load_state_dict(dict(zip(program.state_dict(), model.module.state_dict().values(), strict=True)))
    given = torch.randn(2, 2, 5, 7, dtype=torch.float64)
    np.testing.assert_array_equal(program(given).detach(), model.module(given).detach())


@pytest.mark.usefixtures("of_a_user")
def test_a_layer_that_says_nothing_works_in_pytorch_and_is_refused_in_words_elsewhere() -> None:
    network = parse(TEXT)
    assert analyse(network).parameters == analyse(parse(SAID)).parameters
    assert "nn.Conv2d" in source(network, "pytorch")
    model, image = model_of(network, 0), given_input(network, 0)
    why = "Silent does not say what it computes (it has no `lower`), so "
    assert reason_not_packed(model) == f"{why}it cannot run in a page"
    assert pack(model) is None
    for framework, name in (("keras", "Keras"), ("jax", "Flax")):
        with pytest.raises(ValueError) as refused:
            source(network, framework)
        assert str(refused.value) == f"{why}it cannot be written for {name}; the PyTorch program has it"
    with pytest.raises(ValueError) as unknown:
        Tracer(model, image, record(model, image.input)).step("silent1", (0, 0, 0))
    assert str(unknown.value) == f"{why}its numbers cannot be worked out"
