"""Sizes in ONNX files: which a file leaves open, works out by itself, or has otherwise than onnx infers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hubel.base.errors import NetworkError
from hubel.nn import inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import FLOAT, floats, node, saved, whole


@pytest.mark.parametrize("opset", [9, 11, 13, 17])
def test_shapes_worked_out_in_the_graph(opset: int, tmp_path: Path) -> None:
    """A flatten with an open batch as PyTorch writes it, and channels cut in halves by the shape's own numbers."""
    axes: dict[str, Any] = {"axes": [0]} if opset < 13 else {}
    more = [] if opset < 13 else ["zero"]
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "first"], ["n"], axis=0),
        node("Unsqueeze", ["n", *more], ["nn"], **axes),
        node("Concat", ["nn", "rest"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["f"]),
        node("Gather", ["s", "second"], ["c"], axis=0),
        node("Div", ["c", "two"], ["half"]),
        node("Unsqueeze", ["half", *more], ["end"], **axes),
    ]
    if opset >= 11:
        nodes += [node("Slice", ["x", "zero", "end", "axis"], ["h"]), node("Conv", ["h", "k"], ["v"])]
    nodes += [node("MatMul", ["f", "w"], ["y"])]
    stored = {
        "first": np.int64(0), "second": np.int64(1), "rest": whole(-1), "two": np.int64(2), "zero": whole(0),
        "axis": whole(1), "w": floats(64, 7), "k": floats(5, 2, 1, 1),
    }  # fmt: skip
    report = inspect_onnx(
        saved(tmp_path / "flat.onnx", nodes, ["N", 4, "H", "W"], stored, opset=opset), (4, 4, 4), batch=3
    )
    rows = {row.type: row for row in report.rows}
    assert rows["MatMul"].macs == 3 * 64 * 7
    if opset >= 11:
        assert rows["Conv"].macs == 3 * 16 * 2 * 5
    assert report.output_shape == (3, 7)


def test_the_branch_that_is_taken_stands_for_an_if_whose_condition_is_known(tmp_path: Path) -> None:
    wide, narrow = (
        helper.make_graph(
            [node("MatMul", ["x", name], [f"{name}z"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}z", FLOAT, None)],
        )
        for name in ("wide", "narrow")
    )
    chosen = node("If", ["c"], ["y"], then_branch=wide, else_branch=narrow)
    asked = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "one"], ["n"]), node("Equal", ["n", "k"], ["c"]), chosen]
    stored = {"wide": floats(3, 5), "narrow": floats(3, 2), "one": np.int64(1), "k": np.int64(3)}
    for nodes, held, outputs in (
        ([chosen], {"c": np.array(True)}, 5),
        ([chosen], {"c": np.array(False)}, 2),
        (asked, {}, 5),
        (asked, {"k": np.int64(4)}, 2),
    ):
        file = saved(tmp_path / "if.onnx", nodes, ["N", 3], stored | held)
        report = inspect_onnx(file, (3,))
        assert (report.output_shape, report.macs) == ((1, outputs), 3 * outputs)
        assert "1 If decided by sizes and stored numbers: the branch not taken is left out" in report.notes
        assert str(network_of_onnx(file, (3,))) == f"3: dense {outputs} nobias"


def test_branches_that_call_theirs_alike_stay_apart(tmp_path: Path) -> None:
    """Each branch is a scope of its own: two may both have a `w` and an `r`."""

    def branch(given: str, weights: Any) -> Any:
        inner = [node("MatMul", [given, "w"], ["h"]), node("Relu", ["h"], ["r"])]
        stored = [numpy_helper.from_array(weights, "w")]
        return helper.make_graph(inner, "one", [], [helper.make_tensor_value_info("r", FLOAT, None)], stored)

    nodes = [
        node("If", ["c"], [gives], then_branch=branch(given, weights), else_branch=branch(given, weights))
        for given, gives, weights in (("x", "a", floats(3, 5)), ("a", "b", floats(5, 5)), ("b", "y", floats(5, 5)))
    ]
    report = inspect_onnx(saved(tmp_path / "if.onnx", nodes, [7, 3], {"c": np.array(True)}), (3,))
    assert (report.output_shape, report.parameters, report.macs) == ((7, 5), 15 + 25 + 25, 7 * (15 + 25 + 25))
    assert "3 Ifs decided by sizes and stored numbers: the branch not taken is left out" in report.notes


def test_inputs_of_no_known_rank_and_several_ones(tmp_path: Path) -> None:
    conv = [node("Conv", ["x", "w"], ["y"])]
    unknown = saved(tmp_path / "u.onnx", conv, None, {"w": floats(4, 3, 3, 3)})
    assert inspect_onnx(unknown, (8, 8, 3)).macs == 36 * 108
    with pytest.raises(ValueError, match="does not say how many axes its input 'x' has"):
        inspect_onnx(unknown)
    both = onnx.load(str(saved(tmp_path / "t.onnx", [node("Add", ["x", "v"], ["y"])], ["N", 3, "H", "W"], {})))
    both.graph.input.append(helper.make_tensor_value_info("v", FLOAT, ["N", 3, "H", "W"]))
    onnx.save(both, str(tmp_path / "t.onnx"))
    for shapes in ([(8, 6, 3), (8, 6, 3)], {"v": (8, 6, 3), "x": (8, 6, 3)}):
        assert inspect_onnx(tmp_path / "t.onnx", shapes).input_shapes == ((1, 3, 8, 6),) * 2
    with pytest.raises(ValueError, match="its input 'v' open: give the input's shape, such as v=224x224x3"):
        inspect_onnx(tmp_path / "t.onnx", (8, 6, 3))
    with pytest.raises(ValueError, match=r"no input 'w'.*it has x, v"):
        inspect_onnx(tmp_path / "t.onnx", {"w": (8, 6, 3)})
    with pytest.raises(ValueError, match=r"2 inputs .*received 3 shapes"):
        inspect_onnx(tmp_path / "t.onnx", [(8, 6, 3)] * 3)


def test_the_batch_of_sequences_whose_steps_come_first(tmp_path: Path) -> None:
    stored = {"w": floats(1, 12, 5), "r": floats(1, 12, 3)}
    file = saved(tmp_path / "l.onnx", [node("LSTM", ["x", "w", "r"], ["y"], hidden_size=3)], [7, "batch", 5], stored)
    report = inspect_onnx(file, (7, 5), batch=2)
    assert (report.input_shapes, report.macs) == (((7, 2, 5),), 7 * 2 * (60 + 36))


def test_what_has_no_shape_names_who_gives_none(tmp_path: Path) -> None:
    nodes = [node("Irfft", ["x", "w"], ["a"], domain="com.microsoft"), node("Conv", ["a", "v"], ["y"])]
    stored = {"w": floats(4, 3, 3, 3), "v": floats(2, 4, 3, 3)}
    file = saved(tmp_path / "f.onnx", nodes, ["N", 3, 8, 8], stored, ("com.microsoft",))
    with pytest.raises(ValueError, match=r"irfft1, a Irfft of com.microsoft.*symbolic_shape_infer"):
        inspect_onnx(file, (8, 8, 3))
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match="holds no graph"):
        inspect_onnx(tmp_path / "empty.onnx")


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_shapes_of_the_graph_are_no_obstacle_to_a_tree(opset: int, tmp_path: Path) -> None:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axis"], ["n1"]),
        node("Concat", ["n1", "rest"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["r"]),
        node("Gemm", ["r", "g"], ["y"], transB=1),
    ]
    stored = {"zero": np.int64(0), "axis": whole(0), "rest": whole(-1), "g": floats(5, 12)}
    file = saved(tmp_path / "s.onnx", nodes, ["N", 3, 2, 2], stored, opset=opset)
    assert str(network_of_onnx(file, (2, 2, 3))) == "2x2x3: flatten, dense 5 nobias"


@pytest.mark.parametrize(
    ("kind", "takes"),
    [
        ("Range", {"a": np.int64(0), "b": np.int64(2**44), "c": np.int64(1)}),
        ("ConstantOfShape", {"a": np.array([2**44])}),
        ("Expand", {"a": floats(1), "b": np.array([2**44])}),
        ("Tile", {"a": floats(1), "b": np.array([2**44])}),
        ("Pad", {"a": floats(1), "b": np.array([0, 2**44])}),
        ("OneHot", {"a": np.array([0]), "b": np.int64(2**44), "c": floats(2)}),
    ],
)
def test_what_would_be_large_is_not_worked_out(
    kind: str, takes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few numbers may ask for terabytes."""

    worked_out: list[str] = []

    def run(self: Any, names: Any, given: Any) -> Any:
        worked_out.extend(each.op_type for each in self.proto_.graph.node)
        raise MemoryError

    monkeypatch.setattr("onnx.reference.ReferenceEvaluator.run", run)
    nodes = [node(kind, [*takes], ["r"]), node("ReduceSum", ["r"], ["s"]), node("Shape", ["x"], ["n"])]
    file = saved(tmp_path / "large.onnx", [*nodes, node("Add", ["x", "s"], ["y"])], [1, 3, 4, 4], takes)
    assert inspect_onnx(file).output_shape == (1, 3, 4, 4)
    with pytest.raises(NetworkError, match="Add"):
        network_of_onnx(file)
    assert kind not in worked_out


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize(
    ("size", "settings"),
    [
        ((7, 7), {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((8, 8), {"kernel_shape": [1, 1], "strides": [3, 3]}),
        ((7, 8), {"kernel_shape": [2, 3], "strides": [2, 2], "pads": [0, 1, 1, 1]}),
        ((11,), {"kernel_shape": [2], "strides": [4], "pads": [1, 1]}),
        ((5, 6, 7), {"kernel_shape": [2, 2, 2], "strides": [2, 2, 2], "pads": [1, 1, 1, 1, 1, 1]}),
        ((12, 13), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((9, 11), {"kernel_shape": [3, 2], "strides": [3, 2], "auto_pad": "SAME_LOWER"}),
        ((10, 11), {"kernel_shape": [2, 2], "strides": [3, 3], "auto_pad": "VALID"}),
        ((9, 9), {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 0}),
    ],
)
def test_pools_that_round_up_leave_out_windows_behind_the_picture(
    kind: str, size: tuple[int, ...], settings: dict[str, Any], tmp_path: Path
) -> None:
    """onnx's own inference has one more, and what follows is counted for it."""
    runtime = pytest.importorskip("onnxruntime")
    weights = {"w": floats(4, 3, *(1 for _ in size)), "v": floats(5, 4, *(1 for _ in size))}
    pool = {"ceil_mode": 1, **settings}
    nodes = [node(kind, ["x"], ["a"], **pool), node("Conv", ["a", "w"], ["b"]), node(kind, ["b"], ["c"], **pool)]
    file = saved(
        tmp_path / "up.onnx", [*nodes, node("Conv", ["c", "v"], ["y"])], [2, 3, *size], weights, opset=18, version=8
    )
    for inferred in (False, True):  # and where the mistake was written into the file
        if inferred:
            onnx.save(onnx.shape_inference.infer_shapes(onnx.load(str(file))), str(file))
        report = inspect_onnx(file)
        session = runtime.InferenceSession(str(saved_without_shapes(file)))
        (made,) = session.run(None, {"x": floats(2, 3, *size)})
        assert report.output_shape == made.shape
        assert [row.macs for row in report.rows][3] == made.size * 4


def saved_without_shapes(file: Path) -> Path:
    """Save a file anew, without the shapes that it says its tensors have: ONNX Runtime complains of wrong ones."""
    model = onnx.load(str(file))
    del model.graph.value_info[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, str(file.with_suffix(".bare.onnx")))
    return file.with_suffix(".bare.onnx")


@pytest.mark.parametrize("kind", ["GroupNormalization", "MeanVarianceNormalization"])
@pytest.mark.parametrize("last", [False, True])
def test_normalisation_gives_the_shape_that_it_is_given(kind: str, last: bool, tmp_path: Path) -> None:
    """onnx infers nothing of either."""
    grouped = kind == "GroupNormalization"
    inner = node(kind, ["a", "s", "b"] if grouped else ["a"], ["n"], **({"num_groups": 2} if grouped else {}))
    behind = node("Relu", ["n"], ["y"]) if last else node("Conv", ["n", "v"], ["y"])
    stored = {"w": floats(4, 3, 3, 3), "v": floats(5, 4, 3, 3)} | ({"s": floats(4), "b": floats(4)} if grouped else {})
    nodes = [node("Conv", ["x", "w"], ["a"]), inner, behind]
    report = inspect_onnx(saved(tmp_path / "n.onnx", nodes, [1, 3, 9, 9], stored, opset=21))
    assert report.output_shape == ((1, 4, 7, 7) if last else (1, 5, 5, 5))
    assert report.macs == 4 * 27 * 49 + (0 if last else 5 * 36 * 25)
    assert report.parameters == 108 + 8 * grouped + (0 if last else 180)
    assert report.memory is not None


SIZES = {
    "one": whole(1),
    "two": whole(2),
    "zero": whole(0),
    "four": whole(4),
    "pe": floats(1, 100, 8),
    "v": floats(8, 3),
}
STEPS = [node("Shape", ["x"], ["s"]), node("Slice", ["s", "one", "two"], ["t"])]


@pytest.mark.parametrize(
    ("nodes", "stored", "parameters"),
    [
        ([node("Slice", ["pe", "zero", "t", "one"], ["p"]), node("Add", ["x", "p"], ["a"])], {}, 800),
        (
            [
                node("Squeeze", ["t"], ["n"]),
                node("Range", ["i", "n", "j"], ["r"]),
                node("Gather", ["e", "r"], ["p"]),
                node("Add", ["x", "p"], ["a"]),
            ],
            {"i": np.int64(0), "j": np.int64(1), "e": floats(100, 8)},
            800,
        ),
        (
            [
                node("Slice", ["s", "zero", "one"], ["n"]),
                node("Concat", ["n", "one", "eight"], ["to"], axis=0),
                node("Expand", ["c", "to"], ["p"]),
                node("Concat", ["p", "x"], ["a"], axis=1),
            ],
            {"c": floats(1, 1, 8), "eight": whole(8)},
            8,
        ),
        (
            [
                node("Squeeze", ["t"], ["n"]),
                node("Range", ["i", "n", "j"], ["r"]),
                node("Cast", ["r"], ["f"], to=FLOAT),
                node("Unsqueeze", ["f", "one"], ["u"]),
                node("Sin", ["u"], ["p"]),
                node("Add", ["x", "p"], ["a"]),
            ],
            {"i": np.int64(0), "j": np.int64(1)},
            0,
        ),
        ([node("ConstantOfShape", ["s"], ["p"]), node("Add", ["x", "p"], ["a"])], {}, 0),
        ([node("Gather", ["e", "t"], ["p"]), node("Add", ["x", "p"], ["a"])], {"e": floats(60, 8)}, 480),
    ],
)
@pytest.mark.parametrize(("steps", "batch"), [(7, 1), (9, 1), (50, 3)])
def test_parameters_are_what_is_stored_whatever_the_input(
    nodes: list[Any], stored: dict[str, Any], parameters: int, steps: int, batch: int, tmp_path: Path
) -> None:
    file = saved(
        tmp_path / "table.onnx", [*STEPS, *nodes, node("MatMul", ["a", "v"], ["y"])], ["N", "T", 8], SIZES | stored
    )
    report = inspect_onnx(file, (steps, 8), batch=batch)
    longer = "c" in stored
    assert (report.parameters, report.trainable) == (parameters + 24, parameters + 24)
    assert report.macs == batch * (steps + longer) * 24
    assert report.memory is not None
    assert 4 * (parameters + 24) <= report.memory.weights <= 4 * (parameters + 24) + 64


def test_weights_of_a_loop_that_are_used_around_it_too_count_once(tmp_path: Path) -> None:
    empty = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("MatMul", ["h", "w"], ["g"]), node("Identity", ["c"], ["d"])],
        "body",
        [empty("i", TensorProto.INT64, []), empty("c", TensorProto.BOOL, []), empty("h", FLOAT, [2, 8])],
        [empty("d", TensorProto.BOOL, []), empty("g", FLOAT, [2, 8])],
    )
    loop = node("Loop", ["m", "", "x"], ["l"], body=body)
    stored = {"m": np.int64(7), "w": floats(8, 8)}
    report = inspect_onnx(saved(tmp_path / "a.onnx", [loop, node("MatMul", ["l", "w"], ["y"])], [2, 8], stored))
    assert (report.parameters, report.macs) == (64, 8 * 128)
    before = [node("MatMul", ["x", "w"], ["k"]), node("Loop", ["m", "", "k"], ["y"], body=body)]
    report = inspect_onnx(saved(tmp_path / "b.onnx", before, [2, 8], stored))
    assert (report.parameters, report.macs) == (64, 8 * 128)
