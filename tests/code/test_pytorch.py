"""The PyTorch program of a network is the network: as many parameters in the same order, and the same outputs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hubel import zoo
from hubel.arch import Call, Chain, Conv2D, Layer, Network, analyse, parse
from hubel.code import source
from hubel.nn import build
from tests.trees import sample

SMALL: dict[str, tuple[int, int, int]] = {
    "alexnet": (99, 99, 3),
    "inception_v3": (107, 107, 3),
    "inception_v4": (107, 107, 3),
    "unet_2015": (188, 188, 1),
}


def program(network: Network) -> nn.Module:
    """Run a network's program in a fresh namespace and return what it builds."""
    space: dict[str, Any] = {"__name__": "program"}
    text = source(network, "pytorch")
    # layers that prepare pictures are hubel's own, in training too
    assert "hubel" not in text.replace("from hubel.nn.preparation import ", "")
    exec(compile(text, "program.py", "exec"), space)
    (model,) = [value for value in space.values() if isinstance(value, type) and value.__module__ == "program"][-1:]
    built: nn.Module = model()
    return built.eval()


def outputs(network: Network, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Give the program hubel's weights, in order, and both the same input."""
    torch.manual_seed(0)
    module, other = build(network).eval(), program(network)
    assert settings_of(module) == settings_of(other)
    weights, places = module.state_dict(), other.state_dict()
    assert [tuple(w.shape) for w in weights.values()] == [tuple(p.shape) for p in places.values()]
    started = {
        name: w + 0.1 * torch.rand_like(w) if w.is_floating_point() and w.dim() == 1 else w
        for name, w in weights.items()
    }
    module.load_state_dict(started)
    other.load_state_dict(dict(zip(places, started.values(), strict=True)))
    input = sample(network, batch)
    with torch.inference_mode():
        return module(input), other(input)


@pytest.fixture(autouse=True)
def _plain_kernels() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


def reduced(name: str) -> Network:
    """A network of the zoo with narrow layers and small pictures."""
    known = zoo.entry(name).options
    options: dict[str, Any] = {"classes": 7} if "classes" in known else {}
    if "width" in known:
        options["width"] = 0.125
    if zoo.get(name).input[0] > 64 and len(zoo.get(name).input) == 3:
        options["input"] = SMALL.get(name, (64, 64, zoo.get(name).input[2]))
    return zoo.get(name, **options)


def settings_of(module: nn.Module) -> list[str]:
    """What each module with parameters says of its settings: strides, epsilon, groups, …"""
    return [part.extra_repr() for part in module.modules() if any(True for _ in part.parameters(recurse=False))]


@pytest.mark.parametrize("name", zoo.names())
def test_parameters_of_the_zoo(name):
    """Full size, on the meta device: the same shapes in the same order, and as many as the arithmetic says."""
    network = zoo.get(name)
    with torch.device("meta"):
        module, other = build(network), program(network)
    shapes = [[tuple(weight.shape) for weight in made.state_dict().values()] for made in (module, other)]
    assert shapes[0] == shapes[1]
    assert settings_of(module) == settings_of(other)
    assert sum(p.numel() for p in other.parameters()) == analyse(network).parameters
    trainable = sum(p.numel() for p in other.parameters() if p.requires_grad)
    assert trainable == analyse(network).trainable


@pytest.mark.parametrize("name", zoo.names())
def test_outputs_of_the_zoo(name):
    expected, found = outputs(reduced(name), batch=1)
    assert expected.abs().max() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "text", ["9: embed 5 4, lstm 3 sequences, gru 4 backwards", "9x3: conv1d 4 5 causal, rnn 2 relu"]
)
def test_a_program_of_sequences_runs_by_itself(text: str, tmp_path: Path) -> None:
    network = parse(text)
    path = tmp_path / "program.py"
    path.write_text(source(network, "pytorch"), encoding="utf-8")
    ran = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, encoding="utf-8")
    report = analyse(network)
    assert ran.stdout == f"{report.parameters:,} parameters, output (1, {report.output_shape[0]})\n", ran.stderr


def test_side_exits_speak_in_training_alone():
    network = zoo.get("googlenet", heads=True, width=0.125, input=(64, 64, 3), classes=5)
    network = Network((112, 112, 3), network.body, network.name)
    model = program(network)
    exits = [module for module in model.modules() if type(module).__name__ == "Auxiliary"]
    assert len(exits) == 2
    model(torch.zeros(1, 3, 112, 112))
    assert [found.output for found in exits] == [None, None]
    model.train()(torch.zeros(1, 3, 112, 112))
    assert [tuple(found.output.shape) for found in exits] == [(1, 5), (1, 5)]


@pytest.mark.parametrize("name", ["resnet20"])
def test_run_as_a_program(name, tmp_path):
    """It runs without hubel, and says what it has."""
    network = zoo.get(name)
    path = tmp_path / "program.py"
    path.write_text(source(network, "pytorch"), encoding="utf-8")
    ran = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"{analyse(network).parameters:,} parameters, output (1, 10)\n"


def test_a_layer_of_ones_own():
    """A dotted name is imported and used."""

    class Own(Layer):
        label = "own"

        def output_shape(self, input):
            return input

        def call(self, input):
            return Call("torch.nn.modules.activation.PReLU", {"num_parameters": input[-1]})

    network = Network((6, 6, 1), Chain(Conv2D(4, 3), Own()))
    text = source(network, "pytorch")
    assert "from torch.nn.modules.activation import PReLU" in text
    expected, found = outputs(network)
    torch.testing.assert_close(found, expected)


def test_equal_parts_are_written_once():
    text = source(zoo.get("resnet152"), "pytorch")
    assert text.count("class ") == 2
    assert "for _ in range(count)" in text
    assert "stage(512, 256, 35, stride=2),  # stage3: 14×14×1024" in text
    assert len(text.splitlines()) < 90


def test_repetition_in_the_text_form_becomes_a_loop():
    text = source(parse("8x8x4: 5 * (conv 4 3x3 same, relu), flatten, dense 2"), "pytorch")
    assert "for _ in range(5)" in text


def test_numbers_that_grow_evenly_become_a_range():
    assert "for in_channels in range(64, 256, 32)" in source(zoo.get("densenet121"), "pytorch")
