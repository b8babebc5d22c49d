"""ONNX files of other exporters: every figure is whole, or what it leaves out is said; what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hubel.nn import inspect_onnx, network_of_onnx

FLOAT = TensorProto.FLOAT


def saved(
    path: Path,
    nodes: list[Any],
    shape: list[Any] | None,
    stored: dict[str, Any],
    domains: tuple[str, ...] = (),
    functions: list[Any] | None = None,
    opset: int = 17,
    gives: int = FLOAT,
    version: int | None = None,
) -> Path:
    """Save a graph from `x` to `y`, whose numbers are of the type `gives`."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    given = [helper.make_tensor_value_info("x", FLOAT, shape)]
    graph = helper.make_graph(nodes, "odd", given, [helper.make_tensor_value_info("y", gives, None)], tensors)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=opsets, functions=functions or [])
    model.ir_version = version or model.ir_version
    onnx.save(model, str(path))
    return path


def floats(*shape: int) -> Any:
    return np.ones(shape, dtype=np.float32)


def whole(*numbers: int) -> Any:
    return np.array(numbers, dtype=np.int64)


node = helper.make_node


def test_channels_last_with_open_sizes(tmp_path: Path) -> None:
    nodes = [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), node("Conv", ["t", "w"], ["y"])]
    for shape in (["N", "H", "W", "C"], ["N", "H", "W", 3], ["N", None, None, 3]):
        report = inspect_onnx(saved(tmp_path / "last.onnx", nodes, shape, {"w": floats(4, 3, 3, 3)}), (8, 10, 3))
        assert report.input_shapes == ((1, 8, 10, 3),)
        assert report.macs == 6 * 8 * 4 * 27
    first = saved(tmp_path / "first.onnx", nodes[1:], ["N", 3, "H", "W"], {"w": floats(4, 3, 3, 3)})
    renamed = onnx.load(str(first))
    renamed.graph.node[0].input[0] = "x"
    onnx.save(renamed, str(first))
    assert inspect_onnx(first, (8, 10, 3)).macs == 6 * 8 * 4 * 27


@pytest.mark.parametrize("kind", ["Conv", "MaxPool", "AveragePool"])
def test_windows_larger_than_the_picture(kind: str, tmp_path: Path) -> None:
    settings = {"kernel_shape": [7, 7]} if kind != "Conv" else {}
    inputs = ["x", "w"] if kind == "Conv" else ["x"]
    file = saved(
        tmp_path / "wide.onnx", [node(kind, inputs, ["y"], **settings)], ["N", 3, "H", "W"], {"w": floats(4, 3, 7, 7)}
    )
    assert inspect_onnx(file, (7, 7, 3)).output_shape is not None
    with pytest.raises(
        ValueError, match=rf"\({kind}\): is given 1×3×5×5, and would give .* larger than the padded|fit"
    ):
        inspect_onnx(file, (5, 5, 3))


@pytest.mark.parametrize(
    ("shape", "batch", "said"),
    [
        ((4, 4, 3), 1, r"fixes its input 'x' at 2×3×8×8, asked for is 2×3×4×4"),
        ((8, 8, 1), 1, r"asked for is 2×1×8×8"),
        ((8, 8, 3), 5, r"asked for is 5×3×8×8"),
        (None, 3, r"asked for is 3×3×8×8"),
        ((192,), 1, r"is 2×3×8×8, which has no place for 192"),
    ],
)
def test_what_the_file_fixes_is_not_passed_over(shape: Any, batch: int, said: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "fixed.onnx", [node("Relu", ["x"], ["y"])], [2, 3, 8, 8], {})
    assert inspect_onnx(file).batch == 2
    assert inspect_onnx(file, (8, 8, 3), batch=2).input_shapes == ((2, 3, 8, 8),)
    with pytest.raises(ValueError, match=said):
        inspect_onnx(file, shape, batch=batch)


def test_scalars(tmp_path: Path) -> None:
    file = saved(tmp_path / "scalar.onnx", [node("Mul", ["x", "f"], ["y"])], [], {"f": np.float32(2)})
    report = inspect_onnx(file)
    assert (report.input_shapes, report.parameters, report.macs) == (((),), 0, 0)
    assert "a number" in str(report)


def test_what_is_not_counted_is_said(tmp_path: Path) -> None:
    inside = helper.make_graph(
        [node("MatMul", ["x", "w"], ["z"])], "branch", [], [helper.make_tensor_value_info("z", FLOAT, None)]
    )
    nodes = [
        node("If", ["c"], ["a"], then_branch=inside, else_branch=inside),
        node("Irfft", ["x", "k"], ["b"], domain="com.microsoft"),
        node("Irfft", ["x", "k"], ["d"], domain="com.microsoft"),
        node("Relu", ["x"], ["y"]),
    ]
    stored = {"w": floats(3, 3), "k": floats(4, 3, 3, 3)}
    nodes.insert(0, node("ReduceSum", ["x"], ["s"], keepdims=0))
    nodes.insert(1, node("Cast", ["s"], ["c"], to=TensorProto.BOOL))
    report = inspect_onnx(saved(tmp_path / "odd.onnx", nodes, [1, 3, 3, 3], stored, ("com.microsoft",)))
    assert report.macs == 0
    assert report.notes == (
        "not counted: 1 If, 2 com.microsoft.Irfft; their multiply-adds, and the parameters of graphs inside them, are "
        "not in the totals",
        "5 operations whose results reach no output, which a runtime may leave out: s, c, a …",
    )


def test_deformed_windows_count_as_windows(tmp_path: Path) -> None:
    stored = {"w": floats(6, 3, 3, 3), "o": floats(1, 18, 4, 4)}
    nodes = [node("DeformConv", ["x", "w", "o"], ["y"], kernel_shape=[3, 3])]
    report = inspect_onnx(saved(tmp_path / "deformed.onnx", nodes, [1, 3, 6, 6], stored, opset=19))
    assert (report.output_shape, report.macs, report.notes) == ((1, 6, 4, 4), 6 * 27 * 16, ())


def test_functions_of_the_file_are_written_out(tmp_path: Path) -> None:
    function = helper.make_function(
        "mine", "Twice", ["a", "w"], ["b"], [node("MatMul", ["a", "w"], ["m"]), node("MatMul", ["m", "w"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    file = saved(
        tmp_path / "function.onnx",
        [node("Twice", ["x", "w"], ["y"], domain="mine")],
        ["N", 5],
        {"w": floats(5, 5)},
        ("mine",),
        [function],
    )
    report = inspect_onnx(file, (5,))
    assert (report.macs, report.parameters, report.notes) == (50, 25, ())


def test_whole_numbers_are_weights(tmp_path: Path) -> None:
    small = {"s": np.float32(0.1), "z": np.uint8(3), "zw": np.zeros(4, np.int8), "sw": floats(4) / 9}
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("QLinearConv", ["q", "s", "z", "w", "sw", "zw", "s", "z", "b"], ["c"]),
        node("DequantizeLinear", ["c", "s", "z"], ["d"]),
        node("DequantizeLinear", ["v", "sw", "zw"], ["vf"], axis=0),
        node("Conv", ["d", "vf"], ["y"]),
    ]
    stored = {
        **small,
        "w": np.ones((4, 3, 3, 3), np.int8),
        "b": np.ones(4, np.int32),
        "v": np.ones((4, 4, 1, 1), np.int8),
    }
    report = inspect_onnx(saved(tmp_path / "int8.onnx", nodes, [1, 3, 5, 5], stored))
    assert report.macs == 9 * 4 * 27 + 9 * 4 * 4
    assert report.parameters == 108 + 4 + 16
    assert (report.trainable, report.backward_macs) == (0, 0)
    assert report.notes == (
        "128 of the parameters are stored as whole numbers, which are not trained",
        "it cannot be trained as it stands, and no backward pass is counted: no floating number that could be learned "
        "leads to an output of floating numbers",
    )


def test_factors_limits_and_sizes_are_no_parameters(tmp_path: Path) -> None:
    nodes = [
        node("Resize", ["x", "", "f"], ["r"], mode="nearest"),
        node("Pad", ["r", "p"], ["a"], mode="reflect"),
        node("Clip", ["a", "low", "high"], ["c"]),
        node("Conv", ["c", "w"], ["y"]),
    ]
    stored = {
        "f": np.array([1, 1, 2, 2], np.float32), "p": whole(0, 0, 1, 1, 0, 0, 1, 1), "low": np.float32(0),
        "high": np.float32(6), "w": floats(4, 3, 3, 3),
    }  # fmt: skip
    report = inspect_onnx(saved(tmp_path / "factors.onnx", nodes, [1, 3, 4, 4], stored))
    assert (report.parameters, report.macs) == (108, 64 * 4 * 27)


def test_the_last_state_alone_of_a_recurrent_layer(tmp_path: Path) -> None:
    nodes = [node("GRU", ["x", "w", "r"], ["", "h"], hidden_size=6), node("Squeeze", ["h", "zero"], ["y"])]
    stored = {"w": floats(1, 18, 5), "r": floats(1, 18, 6), "zero": whole(0)}
    report = inspect_onnx(saved(tmp_path / "gru.onnx", nodes, [7, 2, 5], stored))
    assert (report.output_shape, report.macs) == ((2, 6), 7 * 2 * 18 * (5 + 6))


@pytest.mark.parametrize(("one", "weights"), [("Gemm", (8, 5)), ("Gemm", (5, 8)), ("MatMul", (8, 5)), ("MatMul", (8,))])
def test_matrices_that_do_not_fit_are_said(one: str, weights: tuple[int, ...], tmp_path: Path) -> None:
    settings = {"transB": 1} if weights == (5, 8) else {}
    file = saved(tmp_path / "g.onnx", [node(one, ["x", "w"], ["y"], **settings)], ["N", "F"], {"w": floats(*weights)})
    assert inspect_onnx(file, (8,)).macs == (40 if len(weights) == 2 else 8)
    with pytest.raises(ValueError, match=rf"\({one}\): is given 1×7, whose 7 columns do not fit the 8 rows of "):
        inspect_onnx(file, (7,))


def test_channels_last_are_no_obstacle_to_a_tree(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        node("Conv", ["t", "w"], ["c"], strides=[2, 2]),
        node("GlobalAveragePool", ["c"], ["g"]),
        node("Flatten", ["g"], ["f"]),
        node("MatMul", ["f", "d"], ["y"]),
    ]
    file = saved(tmp_path / "last.onnx", nodes, ["N", "H", "W", 3], {"w": floats(4, 3, 3, 3), "d": floats(4, 5)})
    expected = "9x11x3: conv 4 3x3/2 nobias, globalavgpool keepdims=true, flatten, dense 5 nobias"
    assert str(network_of_onnx(file, (9, 11, 3))) == expected


def test_weights_of_other_channels_are_refused(tmp_path: Path) -> None:
    for kind, weights, settings in (
        ("Conv", floats(4, 3, 3, 3), {}),
        ("Conv", floats(6, 1, 3, 3), {"group": 3}),
        ("ConvTranspose", floats(3, 4, 3, 3), {}),
    ):
        file = saved(
            tmp_path / "c.onnx", [node(kind, ["x", "w"], ["y"], **settings)], ["N", "C", "H", "W"], {"w": weights}
        )
        assert inspect_onnx(file, (8, 9, 3)).input_shapes == ((1, 3, 8, 9),)
        with pytest.raises(ValueError, match=r"whose 9 channels its weights of .* do not fit"):
            inspect_onnx(file, (3, 8, 9))


def einsum(tmp_path: Path, equation: str, *stored: Any) -> Any:
    names = [f"w{place}" for place in range(len(stored))]
    one = [node("Einsum", ["x", *names], ["y"], equation=equation)]
    return inspect_onnx(saved(tmp_path / "e.onnx", one, ["N", 4, 5], dict(zip(names, stored, strict=True))), (4, 5))


def test_einsum_of_any_axes_and_operands_is_counted(tmp_path: Path) -> None:
    assert einsum(tmp_path, "...j,jk->...k", floats(5, 7)).macs == 4 * 35
    three = einsum(tmp_path, "bti,ij,jk->btk", floats(5, 6), floats(6, 7))
    assert (three.macs, three.output_shape, three.parameters) == (4 * (30 + 42), (1, 4, 7), 72)
    turned = einsum(tmp_path, "bti->bit")
    assert (turned.macs, turned.notes) == (0, ())
    (said,) = einsum(tmp_path, "...i,ij,jk->...k", floats(5, 6), floats(6, 7)).notes
    assert said.startswith("not counted: 1 Einsum of 3 operands")


def test_a_second_output_is_not_left_out_of_a_tree(tmp_path: Path) -> None:
    file = saved(tmp_path / "o.onnx", [node("Relu", ["x"], ["y"]), node("Tanh", ["x"], ["z"])], ["N", 3], {})
    both = onnx.load(str(file))
    both.graph.output.append(helper.make_tensor_value_info("z", FLOAT, None))
    onnx.save(both, str(file))
    with pytest.raises(ValueError, match="a tree has one output, the file gives 2: y, z"):
        network_of_onnx(file, (3,))


@pytest.mark.parametrize("begin", ["stored", "filled", "learned"])
def test_states_that_begin_with_zeros_are_no_parameters(tmp_path: Path, begin: str) -> None:
    stored = {"w": floats(1, 15, 6), "r": floats(1, 15, 5), "b": floats(1, 30)}
    made = [node("ConstantOfShape", ["size"], ["h"])] if begin == "filled" else []
    stored |= {"size": whole(1, 1, 5)} if made else {"h": floats(1, 1, 5) * (begin == "learned")}
    path = saved(
        tmp_path / "gru.onnx",
        [*made, node("GRU", ["x", "w", "r", "b", "", "h"], ["y"], hidden_size=5)],
        [9, 1, 6],
        stored,
    )
    assert inspect_onnx(path).parameters == 15 * 6 + 15 * 5 + 30 + 5 * (begin == "learned")


def test_nodes_in_any_order_and_none_in_a_circle(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Conv", ["x", "w"], ["a"])]
    report = inspect_onnx(saved(tmp_path / "turned.onnx", nodes, [1, 3, 8, 8], {"w": floats(4, 3, 3, 3)}))
    assert (report.macs, report.output_shape) == (4 * 36 * 27, (1, 4, 6, 6))
    circle = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    with pytest.raises(ValueError, match=r"take from one another in a circle \(a, b, y"):
        inspect_onnx(saved(tmp_path / "circle.onnx", [*circle, helper.make_node("Relu", ["b"], ["y"])], [1, 3], {}))
    twice = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Sigmoid", ["x"], ["y"])]
    with pytest.raises(ValueError, match="two of its nodes give 'y'"):
        inspect_onnx(saved(tmp_path / "twice.onnx", twice, [1, 3], {}))


def test_plain_numbers_of_a_constant_count_as_its_tensor(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["row"], value_floats=[0.5] * 12),
        helper.make_node("Constant", [], ["shape"], value_ints=[4, 3, 1, 1]),
        helper.make_node("Reshape", ["row", "shape"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["y"]),
    ]
    report = inspect_onnx(saved(tmp_path / "floats.onnx", nodes, [1, 3, 8, 8], {}))
    assert (report.parameters, report.macs) == (12, 4 * 64 * 3)


def test_what_reaches_no_output_and_numbers_that_nothing_takes_are_said(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("Conv", ["x", "v"], ["z"], name="lost")]
    stored = {"w": floats(4, 3, 3, 3), "v": floats(5, 3, 3, 3), "spare": floats(100)}
    report = inspect_onnx(saved(tmp_path / "idle.onnx", nodes, [1, 3, 8, 8], stored))
    assert report.notes[-2:] == (
        "1 operation whose results reach no output, which a runtime may leave out: lost",
        "not counted: 100 stored numbers that no operation takes, in spare",
    )
    assert not inspect_onnx(saved(tmp_path / "all.onnx", nodes[:1], [1, 3, 8, 8], {"w": floats(4, 3, 3, 3)})).notes


def test_sparse_tensors_count_as_if_they_were_full(tmp_path: Path) -> None:
    file = saved(tmp_path / "sparse.onnx", [node("MatMul", ["x", "w"], ["y"])], [2, 5], {})
    model = onnx.load(str(file))
    values, places = numpy_helper.from_array(floats(3), "w"), numpy_helper.from_array(np.array([0, 7, 14]), "at")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [5, 4]))
    onnx.save(model, str(file))
    report = inspect_onnx(file)
    assert (report.output_shape, report.parameters, report.macs) == ((2, 4), 20, 40)
    assert report.notes == ("w is sparse, and counts as if it were full",)
