"""Sequences in ONNX files whose steps stand before their batch, or that have no batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hubel.nn import inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import FLOAT, floats, node, saved, whole

LSTM = {"w": floats(1, 24, 5), "r": floats(1, 24, 6)}
MACS, BACKWARD = 24 * 11, 2 * 24 * 11  # of a step; the first step's state wants no gradient


def lstm(given: str = "x", **settings: Any) -> Any:
    return node("LSTM", [given, "w", "r"], ["y"], hidden_size=6, **settings)


@pytest.mark.parametrize(
    ("nodes", "shape", "stored", "given", "laid"),
    [
        ([lstm()], ["T", "N", 5], {}, (7, 5), (7, 3, 5)),
        ([lstm()], [None, None, None], {}, (7, 5), (7, 3, 5)),
        ([lstm()], ["s31", "s81", 5], {}, (7, 5), (7, 3, 5)),
        ([lstm(layout=1)], [None, None, None], {}, (7, 5), (3, 7, 5)),
        ([node("Transpose", ["x"], ["u"], perm=[1, 0, 2]), lstm("u")], [None, None, 5], {}, (7, 5), (3, 7, 5)),
        ([node("Transpose", ["x"], ["u"], perm=[2, 0, 1]), lstm("u")], [None, 5, None], {}, (7, 5), (3, 5, 7)),
        ([node("Gather", ["e", "f"], ["u"]), lstm("u")], [None, None], {"e": floats(30, 5)}, (7,), (7, 3)),
        ([node("Relu", ["x"], ["v"]), node("Slice", ["v", "a", "b"], ["u"]), lstm("u")], ["T", None, 5],
         {"a": whole(0), "b": whole(99)}, (7, 5), (7, 3, 5)),
        ([node("Unsqueeze", ["x", "o"], ["v"]), node("Squeeze", ["v", "o"], ["u"]), lstm("u")], ["T", "N", 5],
         {"o": whole(1)}, (7, 5), (7, 3, 5)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("batch", [1, 3])
def test_an_open_size_is_the_steps_where_the_graph_says_so(
    nodes: list[Any],
    shape: list[Any],
    stored: dict[str, Any],
    given: tuple[int, ...],
    laid: tuple[int, ...],
    batch: int,
    tmp_path: Path,
) -> None:
    if "e" in stored:
        nodes = [node("Cast", ["x"], ["f"], to=TensorProto.INT64), *nodes]
    report = inspect_onnx(saved(tmp_path / "s.onnx", nodes, shape, LSTM | stored), given, batch=batch)
    first = laid.index(3)
    assert report.input_shapes == ((*laid[:first], batch, *laid[first + 1 :]),)
    assert (report.batch, report.macs) == (batch, batch * 7 * MACS)
    inputs = bool(stored.get("e") is not None)
    assert report.backward_macs == batch * (7 * 24 * (5 + 5 * inputs + 6) + 6 * 24 * 6)
    told = "the batch is not first in the file's input 'x'"
    assert any(told in note for note in report.notes) == (first != 0)


def test_one_sequence_has_no_batch(tmp_path: Path) -> None:
    made = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            node("MatMul", ["h", "w"], ["g"]),
            node("MatMul", ["s", "u"], ["v"]),
            node("Add", ["g", "v"], ["a"]),
            node("Tanh", ["a"], ["b"]),
            node("Identity", ["b"], ["c"]),
        ],
        "body",
        [made("h", FLOAT, [8]), made("s", FLOAT, [5])],
        [made("b", FLOAT, [8]), made("c", FLOAT, [8])],
    )
    stored = {"w": floats(8, 8), "u": floats(5, 8), "z": np.zeros(8, np.float32)}
    scan = node("Scan", ["z", "x"], ["e", "y"], body=body, num_scan_inputs=1)
    file = saved(tmp_path / "scan.onnx", [scan], ["T", 5], stored)
    report = inspect_onnx(file, (20, 5))
    assert (report.batch, report.macs, report.output_shape) == (1, 20 * 104, (20, 8))
    assert "'x': 20×5 is 20 steps of one sequence" in report.notes[0]
    with pytest.raises(ValueError, match=r"takes one sequence.*none for a batch; 5 is given: give all of its sizes"):
        inspect_onnx(file, (5,))
    with pytest.raises(ValueError, match=r"none for a batch; the batch is 20"):
        inspect_onnx(file, batch=20)
    alone = [node("Unsqueeze", ["x", "o"], ["u"]), lstm("u")]
    report = inspect_onnx(saved(tmp_path / "alone.onnx", alone, [None, 5], LSTM | {"o": whole(1)}), (7, 5))
    assert (report.batch, report.macs) == (1, 7 * MACS)


def test_a_loop_over_steps_shows_them(tmp_path: Path) -> None:
    made = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            node("Gather", ["x", "i"], ["s"]),
            node("MatMul", ["s", "u"], ["v"]),
            node("MatMul", ["h", "w"], ["g"]),
            node("Add", ["g", "v"], ["a"]),
            node("Identity", ["c"], ["d"]),
        ],
        "body",
        [made("i", TensorProto.INT64, []), made("c", TensorProto.BOOL, []), made("h", FLOAT, [3, 8])],
        [made("d", TensorProto.BOOL, []), made("a", FLOAT, [3, 8])],
    )
    nodes = [
        node("Shape", ["x"], ["n"]),
        node("Gather", ["n", "f"], ["m"]),
        node("Loop", ["m", "", "z"], ["y"], body=body),
    ]
    stored = {"w": floats(8, 8), "u": floats(5, 8), "z": np.zeros((3, 8), np.float32), "f": np.int64(0)}
    report = inspect_onnx(saved(tmp_path / "loop.onnx", nodes, [None, None, 5], stored), (7, 5), batch=3)
    assert (report.batch, report.input_shapes, report.macs) == (3, ((7, 3, 5),), 7 * 3 * 104)


@pytest.mark.parametrize(
    ("names", "laid"),
    [
        (["seq_len", "batch", 5], (7, 3, 5)),
        (["seq", "d", 5], (7, 3, 5)),
        (["s77", "batch_size", 5], (7, 3, 5)),
        (["N", "seq", 5], (3, 7, 5)),
        (["batch", "n", 5], (3, 7, 5)),
        ([None, "N", 5], (3, 7, 5)),
        ([None, None, 5], (3, 7, 5)),
    ],
)
def test_else_the_names_say_which_is_the_batch(names: list[Any], laid: tuple[int, ...], tmp_path: Path) -> None:
    file = saved(tmp_path / "n.onnx", [node("MatMul", ["x", "p"], ["y"])], names, {"p": floats(5, 2)})
    report = inspect_onnx(file, (7, 5), batch=3)
    assert (report.batch, report.input_shapes) == (3, (laid,))


def test_states_are_given_for_each_of_the_batch(tmp_path: Path) -> None:
    one = node("LSTM", ["x", "w", "r", "", "", "h"], ["y"], hidden_size=6)
    file = saved(tmp_path / "h.onnx", [one], ["T", "N", 5], LSTM)
    model = onnx.load(str(file))
    model.graph.input.append(helper.make_tensor_value_info("h", FLOAT, [1, "N", 6]))
    onnx.save(model, str(file))
    report = inspect_onnx(file, [(7, 5), (1, 6)], batch=3)
    assert report.input_shapes == ((7, 3, 5), (1, 3, 6))


def test_a_tree_of_a_file_whose_steps_come_first(tmp_path: Path) -> None:
    file = saved(
        tmp_path / "t.onnx", [lstm(), node("Squeeze", ["y", "o"], ["z"])], ["T", "N", 5], LSTM | {"o": whole(1)}
    )
    model = onnx.load(str(file))
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = "all"
    model.graph.node[1].output[0] = "y"
    onnx.save(model, str(file))
    assert str(network_of_onnx(file, (7, 5))) == "7x5: lstm 6 nobias sequences"
