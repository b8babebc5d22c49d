"""What ONNX files run inside If, Loop and Scan, sizes of 0, and constants of one number: counted, or said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from hubel.base.errors import NetworkError
from hubel.nn import inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import floats, node, saved, whole

FLOAT, WHOLE, TRUTH = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name: str, shape: list[Any] | None = None, kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def run(file: Path, given: Any) -> Any:
    model = onnx.load(str(file))
    model.ir_version = 8
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": given})[0]


STEP = [node("MatMul", ["h", "w"], ["m"]), node("Add", ["m", "row"], ["after"])]


UNTOLD = "no memory is told: what its loops hold inside is not known"


def scan(**settings: Any) -> Any:
    nodes = [*STEP, node("Identity", ["after"], ["seen"])]
    body = helper.make_graph(nodes, "body", [value("h"), value("row")], [value("after"), value("seen")])
    return node("Scan", ["begin", "x"], ["end", "y"], body=body, num_scan_inputs=1, **settings)


@pytest.mark.parametrize("learned", [False, True])
def test_a_scan_runs_as_often_as_there_are_steps(learned: bool, tmp_path: Path) -> None:
    begin = floats(4) * learned
    file = saved(tmp_path / "scan.onnx", [scan()], [7, 4], {"begin": begin, "w": floats(4, 4)})
    report = inspect_onnx(file)
    assert report.output_shape == (7, 4) == run(file, floats(7, 4)).shape
    assert (report.parameters, report.macs) == (16 + 4 * learned, 7 * 16)
    assert report.notes == ("the batch is not first in the file's input 'x': 7×4 is 7 steps of one sequence", UNTOLD)
    assert report.backward_macs == 16 * (14 if learned else 13)  # the first state wants one if it is learned
    assert report.memory is None


def test_a_scan_along_another_axis(tmp_path: Path) -> None:
    one = scan(scan_input_axes=[1], scan_output_axes=[1])
    file = saved(tmp_path / "scan.onnx", [one], [4, 9], {"begin": floats(4) * 0, "w": floats(4, 4)})
    report = inspect_onnx(file)
    assert report.output_shape == (4, 9) == run(file, floats(4, 9)).shape
    assert report.macs == 9 * 16


def loop(times: str, ends: str = "goes") -> Any:
    nodes = [node("MatMul", ["h", "w"], ["after"]), node("Identity", ["after"], ["seen"])]
    if ends == "ended":
        nodes += [node("ReduceSum", ["after"], ["sum"], keepdims=0), node("Cast", ["sum"], ["ended"], to=TRUTH)]
    else:
        nodes.append(node("Identity", ["going"], ["goes"]))
    given = [value("i", [], WHOLE), value("going", [], TRUTH), value("h")]
    body = helper.make_graph(nodes, "body", given, [value(ends, [], TRUTH), value("after"), value("seen")])
    return node("Loop", [times, "", "x"], ["end", "y"], body=body)


def test_a_loop_of_a_known_number_is_counted_and_another_said(tmp_path: Path) -> None:
    stored = {"n": np.int64(5), "w": floats(4, 4)}
    file = saved(tmp_path / "loop.onnx", [loop("n")], [3, 4], stored)
    report = inspect_onnx(file)
    assert report.output_shape == (5, 3, 4) == run(file, floats(3, 4)).shape
    assert (report.parameters, report.macs, report.backward_macs) == (16, 5 * 48, 9 * 48)
    assert (len(report.rows), report.rows[0].type, report.notes) == (1, "Loop", (UNTOLD,))
    unknown = inspect_onnx(saved(tmp_path / "until.onnx", [loop("n", "ended")], [3, 4], stored))
    assert (unknown.macs, unknown.output_shape) == (0, None)
    assert unknown.notes[0].startswith("not counted: 1 Loop")
    asked = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "first"], ["n"]), loop("n")]
    rows = saved(tmp_path / "rows.onnx", asked, ["N", 4], {"first": np.int64(0), "w": floats(4, 4)})
    assert inspect_onnx(rows, (4,), batch=6).macs == 6 * 6 * 16


def test_a_loop_in_a_loop(tmp_path: Path) -> None:
    inner = loop("n")
    inner.input[2], inner.output[0], inner.output[1] = "outside", "through", "all"
    nodes = [inner, node("Identity", ["on"], ["still"])]
    given = [value("j", [], WHOLE), value("on", [], TRUTH), value("outside")]
    body = helper.make_graph(nodes, "outer", given, [value("still", [], TRUTH), value("through")])
    file = saved(
        tmp_path / "two.onnx",
        [node("Loop", ["n", "", "x"], ["y"], body=body)],
        [3, 4],
        {"n": np.int64(5), "w": floats(4, 4)},
    )
    report = inspect_onnx(file)
    assert report.output_shape == (3, 4) == run(file, floats(3, 4)).shape
    assert (report.macs, report.parameters) == (25 * 48, 16)


def test_branches_of_equal_shape_have_it(tmp_path: Path) -> None:
    one, other, wide = (
        helper.make_graph([node(kind, ["x", name], [f"{name}z"])], name, [], [value(f"{name}z")])
        for kind, name in (("MatMul", "w"), ("Add", "v"), ("MatMul", "wide"))
    )
    asked = [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Cast", ["s"], ["c"], to=TRUTH)]
    stored = {"w": floats(3, 3), "v": floats(3), "wide": floats(3, 5)}
    for branch, shape in ((other, (1, 3)), (wide, None)):
        chosen = node("If", ["c"], ["y"], then_branch=one, else_branch=branch)
        report = inspect_onnx(saved(tmp_path / "if.onnx", [*asked, chosen], ["N", 3], stored), (3,))
        assert report.output_shape == shape
        assert report.notes[0].startswith("not counted: 1 If")


def test_a_size_of_0_is_empty_or_open_and_said(tmp_path: Path) -> None:
    file = saved(tmp_path / "none.onnx", [node("Conv", ["x", "w"], ["y"])], [0, 3, 8, 8], {"w": floats(4, 3, 3, 3)})
    report = inspect_onnx(file)
    assert report.output_shape == (0, 4, 6, 6) == run(file, floats(0, 3, 8, 8)).shape
    assert (report.macs, report.parameters) == (0, 108)
    assert report.notes[0] == (
        "the file fixes its input 'x' at 0×3×8×8, which is empty; give the input's shape if a size of 0 is meant to be "
        "open"
    )
    for shape, batch in (((8, 8, 3), 1), (None, 5)):
        asked = inspect_onnx(file, shape, batch=batch)
        assert (asked.macs, asked.input_shapes) == (batch * 36 * 108, ((batch, 3, 8, 8),))
        assert asked.notes[0] == "the file fixes its input 'x' at 0×3×8×8, and 0 is taken as open"
    with pytest.raises(NetworkError, match="fixes a size of its input at 0: give the input's shape"):
        network_of_onnx(file)
    assert str(network_of_onnx(file, (8, 8, 3))) == "8x8x3: conv 4 3x3 nobias"


@pytest.mark.parametrize(("settings", "shape"), [({}, 9), ({"onesided": 1}, 9), ({"onesided": 0}, 16)])
def test_a_spectrum_has_one_side_unless_it_says_otherwise(settings: dict[str, int], shape: int, tmp_path: Path) -> None:
    one = node("STFT", ["x", "step", "window"], ["y"], **settings)
    file = saved(tmp_path / "stft.onnx", [one], [1, 128, 1], {"step": np.int64(8), "window": floats(16)})
    assert inspect_onnx(file).output_shape == (1, 15, shape, 2) == run(file, floats(1, 128, 1)).shape


def test_one_number_repeated_is_no_parameter_unless_weights_are_left_out(tmp_path: Path) -> None:
    filled = [node("ConstantOfShape", ["size"], ["ones"]), node("Add", ["x", "ones"], ["a"])]
    nodes = [*filled, node("MatMul", ["a", "w"], ["y"])]
    stored = {"size": whole(6), "w": floats(6, 2)}
    assert inspect_onnx(saved(tmp_path / "c.onnx", nodes, ["N", 6], stored), (6,)).parameters == 12
    light = [*filled, node("ConstantOfShape", ["sizes"], ["w"]), nodes[-1]]
    stored = {"size": whole(6), "sizes": whole(6, 2)}
    assert inspect_onnx(saved(tmp_path / "l.onnx", light, ["N", 6], stored), (6,)).parameters == 18
