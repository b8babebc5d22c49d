"""RNNs that are written out step by step, as PyTorch's newer exporter has them, count and come back as RNNs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hubel.nn import inspect, inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import node, saved, whole

STEPS, FEATURES, UNITS = 5, 3, 4
Made = tuple[list[Any], dict[str, Any]]


def unrolled(layer: nn.RNN, source: str, name: str, number: int = 0, reverse: bool = False, begin: float = 0.0) -> Made:
    """What the exporter writes of one layer and way, to `name` (all states) and `name/4` (the last)."""
    way = f"l{number}" + "_reverse" * reverse
    weights = {each: getattr(layer, f"{each}_{way}").detach().numpy() for each in ("weight_ih", "weight_hh")}
    stored: dict[str, Any] = {
        f"{name}/w": weights["weight_ih"].T.copy(),
        f"{name}/r": weights["weight_hh"].T.copy(),
        "axis": whole(0),
        "minus": whole(-1),
        "least": whole(-(2**63)),
        **{f"at{step}": whole(step) for step in range(STEPS + 1)},
    }
    shift = getattr(layer, f"bias_hh_{way}").detach().numpy() if layer.bias else np.zeros(UNITS, np.float32)
    stored[f"{name}/first"] = shift[None, None] + np.float32(begin)
    nodes = [node("MatMul", [source, f"{name}/w"], [f"{name}/m"])]
    linear = f"{name}/m"
    if layer.bias:
        stored |= {f"{name}/b": getattr(layer, f"bias_ih_{way}").detach().numpy(), f"{name}/s": shift}
        nodes.append(node("Add", [linear, f"{name}/b"], [f"{name}/l"]))
        linear = f"{name}/l"
    if reverse:
        nodes.append(node("Slice", [linear, "minus", "least", "axis", "minus"], [f"{name}/f"]))
        linear = f"{name}/f"
    for step in range(STEPS):
        nodes.append(node("Slice", [linear, f"at{step}", f"at{step + 1}", "axis"], [f"{name}/x{step}"]))
        nodes.append(node("Squeeze", [f"{name}/x{step}", "axis"], [f"{name}/g{step}"]))
    state = f"{name}/first"
    for step in range(STEPS):
        if step:
            nodes.append(node("MatMul", [f"{name}/{step - 1}", f"{name}/r"], [f"{name}/p{step}"]))
            state = f"{name}/p{step}"
            if layer.bias:
                nodes.append(node("Add", [state, f"{name}/s"], [f"{name}/q{step}"]))
                state = f"{name}/q{step}"
        nodes.append(node("Add", [state, f"{name}/g{step}"], [f"{name}/a{step}"]))
        nodes.append(node(layer.nonlinearity.title(), [f"{name}/a{step}"], [f"{name}/{step}"]))
    order = range(STEPS)[:: -1 if reverse else 1]
    nodes.append(node("Concat", [f"{name}/{step}" for step in order], [name], axis=0))
    return nodes, stored


TURN = node("Transpose", ["x"], ["t"], perm=[1, 0, 2])
BACK = node("Transpose", ["h"], ["y"], perm=[1, 0, 2])
LAST = node("Squeeze", [f"h/{STEPS - 1}", "axis"], ["y"])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("function", ["tanh", "relu"])
@pytest.mark.parametrize("sequences", [False, True])
def test_they_count_and_come_back(bias: bool, function: str, sequences: bool, tmp_path: Path) -> None:
    layer = nn.RNN(FEATURES, UNITS, nonlinearity=function, bias=bias, batch_first=True)
    nodes, stored = unrolled(layer, "t", "h")
    file = saved(tmp_path / "n.onnx", [TURN, *nodes, BACK if sequences else LAST], [1, STEPS, FEATURES], stored)
    report, expected = inspect_onnx(file), inspect(layer, example=torch.zeros(1, STEPS, FEATURES))
    assert (report.parameters, report.macs) == (expected.parameters, expected.macs)
    assert report.backward_macs == expected.backward_macs
    assert report.notes == ("1 RNN that the exporter wrote out step by step: counted as such",)
    text = f"{STEPS}x{FEATURES}: rnn {UNITS}{' nobias' * (not bias)}"
    found = str(network_of_onnx(file))
    assert sorted(found.split()) == sorted(f"{text}{' relu' * (function == 'relu')}{' sequences' * sequences}".split())


def test_of_several_layers_one_of_the_stacked_states(tmp_path: Path) -> None:
    layer = nn.RNN(FEATURES, UNITS, 2, batch_first=True)
    first, stored = unrolled(layer, "t", "h")
    second, more = unrolled(layer, "h", "i", 1)
    ends = [node("Squeeze", [f"{name}/{STEPS - 1}", "axis"], [f"{name}/end"]) for name in "hi"]
    ends += [node("Unsqueeze", [f"{name}/end", "axis"], [f"{name}/part"]) for name in "hi"]
    ends += [node("Concat", ["h/part", "i/part"], ["both"], axis=0), node("Gather", ["both", "place"], ["y"], axis=0)]
    stored |= {**more, "place": np.array(-1)}
    file = saved(tmp_path / "n.onnx", [TURN, *first, *second, *ends], [1, STEPS, FEATURES], stored)
    report, expected = inspect_onnx(file), inspect(layer, example=torch.zeros(1, STEPS, FEATURES))
    assert (report.parameters, report.macs, report.backward_macs) == (
        expected.parameters,
        expected.macs,
        expected.backward_macs,
    )
    assert str(network_of_onnx(file)) == f"{STEPS}x{FEATURES}: rnn {UNITS} sequences, rnn {UNITS}"


def test_both_ways(tmp_path: Path) -> None:
    layer = nn.RNN(FEATURES, UNITS, batch_first=True, bidirectional=True)
    first, stored = unrolled(layer, "t", "f")
    second, more = unrolled(layer, "t", "b", reverse=True)
    nodes = [TURN, *first, *second, node("Concat", ["f", "b"], ["h"], axis=2), BACK]
    report = inspect_onnx(saved(tmp_path / "n.onnx", nodes, [1, STEPS, FEATURES], stored | more))
    expected = inspect(layer, example=torch.zeros(1, STEPS, FEATURES))
    assert (report.parameters, report.macs, report.backward_macs) == (
        expected.parameters,
        expected.macs,
        expected.backward_macs,
    )
    assert report.notes == ("2 RNNs that the exporter wrote out step by step: counted as such",)


def test_one_that_begins_otherwise_is_left_as_it_is(tmp_path: Path) -> None:
    nodes, stored = unrolled(nn.RNN(FEATURES, UNITS), "t", "h", begin=0.5)
    report = inspect_onnx(saved(tmp_path / "n.onnx", [TURN, *nodes, BACK], [1, STEPS, FEATURES], stored))
    assert report.macs == STEPS * FEATURES * UNITS + (STEPS - 1) * UNITS * UNITS
    assert not report.notes
