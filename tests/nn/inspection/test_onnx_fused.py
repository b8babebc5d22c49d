"""Operators of ONNX Runtime's own in files that it optimised or quantised: written out, they give the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from hubel.cli import main
from hubel.nn import inspect_onnx, network_of_onnx
from hubel.nn.inspection.onnx.fused import written_out
from tests.nn.inspection.test_onnx_odd import node, saved

RANDOM = np.random.default_rng(0)


def some(*shape: int) -> Any:
    return RANDOM.standard_normal(shape).astype(np.float32)


def fused(kind: str, *inputs: str, outputs: tuple[str, ...] = ("y",), **settings: Any) -> Any:
    domain, _, kind = f"com.microsoft.{kind}".rpartition(".")
    return node(kind, [*inputs], [*outputs], domain=domain, **settings)


CONV = {"w": some(4, 3, 3, 3), "b": some(4)}
ATTENTION = {"w": some(8, 24), "b": some(24)}
FLOATING: list[tuple[str, Any, tuple[int, ...], dict[str, Any], int, int]] = [
    # what, the node, the input's shape, what is stored, parameters, multiply-adds
    ("conv", fused("FusedConv", "x", "w", "b", activation="Relu"), (1, 3, 6, 6), CONV, 112, 16 * 4 * 27),
    (
        "leaky",
        fused("FusedConv", "x", "w", activation="LeakyRelu", activation_params=[0.3], pads=[1, 1, 1, 1]),
        (1, 3, 6, 6),
        {"w": CONV["w"]},
        108,
        36 * 4 * 27,
    ),
    (
        "conv and sum",
        fused("FusedConv", "x", "w", "b", "x", activation="Relu", pads=[1, 1, 1, 1]),
        (1, 3, 6, 6),
        {"w": some(3, 3, 3, 3), "b": some(3)},
        84,
        36 * 3 * 27,
    ),
    (
        "gemm",
        fused("FusedGemm", "x", "w", "b", activation="Relu", transB=1, alpha=0.5),
        (2, 5),
        {"w": some(4, 5), "b": some(4)},
        24,
        40,
    ),
    ("product", fused("FusedMatMul", "x", "x", transB=1, alpha=0.25), (2, 4, 6), {}, 0, 2 * 4 * 4 * 6),
    ("gelu", fused("Gelu", "x"), (2, 5), {}, 0, 0),
    ("bias and gelu", fused("BiasGelu", "x", "b"), (2, 5), {"b": some(5)}, 5, 0),
    ("fast gelu", fused("FastGelu", "x"), (2, 5), {}, 0, 0),
    ("quick gelu", fused("QuickGelu", "x"), (2, 5), {}, 0, 0),
    (
        "skip",
        fused("SkipLayerNormalization", "x", "x", "g", "b", epsilon=1e-5),
        (1, 4, 5),
        {"g": some(5), "b": some(5)},
        10,
        0,
    ),
    (
        "attention",
        fused("Attention", "x", "w", "b", num_heads=2),
        (1, 6, 8),
        ATTENTION,
        216,
        6 * 8 * 24 + 2 * 6 * 6 * 8,
    ),
    ("heads", fused("MultiHeadAttention", "x", "x", "x", num_heads=4), (1, 6, 8), {}, 0, 2 * 6 * 6 * 8),
]


@pytest.mark.parametrize(
    ("what", "one", "shape", "stored", "parameters", "macs"), FLOATING, ids=[f[0] for f in FLOATING]
)
def test_written_out_they_give_the_same(
    what: str, one: Any, shape: tuple[int, ...], stored: dict[str, Any], parameters: int, macs: int, tmp_path: Path
) -> None:
    file = saved(tmp_path / "fused.onnx", [one], [*shape], stored, ("com.microsoft",))
    report = inspect_onnx(file)
    assert (report.parameters, report.macs) == (parameters, macs)
    assert report.notes == (
        f"written out as the ordinary operators that they are made of: 1 com.microsoft.{one.op_type}",
    )
    model = onnx.load(str(file))
    model.ir_version = 10
    given = {"x": some(*shape)}
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)[0]
    assert report.output_shape == expected.shape
    assert written_out(model, {"x": shape, **{name: array.shape for name, array in stored.items()}})
    assert not any(each.domain for each in model.graph.node)
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)
    assert np.allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [((1, 6, 8), {"q_num_heads": 2, "kv_num_heads": 2}), ((2, 3, 6, 8), {}), ((2, 3, 6, 8), {"scale": 0.2})],
)
def test_attention_of_onnx_itself(shape: tuple[int, ...], settings: dict[str, Any], tmp_path: Path) -> None:
    one = node("Attention", ["x", "x", "x"], ["y"], **settings)
    file = saved(tmp_path / "attention.onnx", [one], [*shape], {}, opset=23)
    report, given = inspect_onnx(file), {"x": some(*shape)}
    assert (report.output_shape, report.macs) == (shape, 2 * 6 * np.prod(shape))
    model = onnx.load(str(file))
    model.ir_version = 10
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)
    assert written_out(model, {"x": shape})
    assert "Attention" not in {each.op_type for each in model.graph.node}
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)
    assert np.allclose(found, expected, atol=2e-5)


def whole(*shape: int) -> Any:
    return RANDOM.integers(0, 255, shape, dtype=np.uint8)


def of_bytes(file: Path) -> Any:
    """Have a file take and give whole numbers of eight bits."""
    model = onnx.load(str(file))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.UINT8
    model.ir_version = 10
    onnx.save(model, str(file))
    return model


QUANTISED = [
    (fused("QLinearAdd", "x", "s", "z", "k", "s", "z", "s", "z"), {"k": whole(3)}, 3, 0),
    (fused("QLinearMul", "x", "s", "z", "x", "s", "z", "s", "z"), {}, 0, 0),
    (fused("QLinearSigmoid", "x", "s", "z", "s", "z"), {}, 0, 0),
    (fused("QLinearLeakyRelu", "x", "s", "z", "s", "z", alpha=0.1), {}, 0, 0),
    (fused("QLinearConcat", "s", "z", "x", "s", "z", "x", "s", "z", axis=1), {}, 0, 0),
    (fused("QLinearGlobalAveragePool", "x", "s", "z", "s", "z", channels_last=1), {}, 0, 0),
    (fused("QLinearAveragePool", "x", "s", "z", "s", "z", kernel_shape=[2, 2], strides=[2, 2]), {}, 0, 0),
    (fused("QLinearSoftmax", "x", "s", "z", "s", "z", axis=-1, opset=13), {}, 0, 0),
]


@pytest.mark.parametrize(("one", "stored", "parameters", "macs"), QUANTISED, ids=[f[0].op_type for f in QUANTISED])
def test_whole_numbers_are_written_out(
    one: Any, stored: dict[str, Any], parameters: int, macs: int, tmp_path: Path
) -> None:
    scales = {"s": np.float32(0.05), "z": np.uint8(3)}
    last = one.op_type == "QLinearGlobalAveragePool"
    shape = (1, 4, 6, 3) if last or parameters else (1, 3, 4, 6)
    file = saved(tmp_path / "whole.onnx", [one], [*shape], {**stored, **scales}, ("com.microsoft",))
    model = of_bytes(file)
    report = inspect_onnx(file)
    assert (report.parameters, report.macs) == (parameters, macs)
    given = {"x": whole(*shape)}
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)[0]
    assert report.output_shape == expected.shape
    assert written_out(model, {"x": shape})
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("one", "stored", "shape", "parameters", "macs"),
    [
        (
            fused("DynamicQuantizeMatMul", "x", "k", "s", "z", "b"),
            {"k": whole(5, 4), "b": some(4)},
            (2, 5),
            24,
            40,
        ),
        (
            fused("DynamicQuantizeLSTM", "x", "k", "r", "b", "", "", "", "", "s", "z", "s", "z", hidden_size=4),
            {"k": whole(1, 3, 16), "r": whole(1, 4, 16), "b": some(1, 32)},
            (7, 1, 3),
            16 * 7 + 32,
            7 * 16 * 7,
        ),
    ],
    ids=["product", "lstm"],
)
def test_products_with_whole_numbers_are_counted(
    one: Any, stored: dict[str, Any], shape: tuple[int, ...], parameters: int, macs: int, tmp_path: Path
) -> None:
    scales = {"s": np.float32(0.05), "z": np.uint8(3)}
    report = inspect_onnx(saved(tmp_path / "d.onnx", [one], [*shape], {**stored, **scales}, ("com.microsoft",)))
    assert (report.parameters, report.macs) == (parameters, macs)
    integers = sum(array.size for array in stored.values() if array.dtype == np.uint8)
    assert report.notes[0] == f"{integers} of the parameters are stored as whole numbers, which are not trained"


def test_a_whole_product_as_onnx_runtime_rounds_it(tmp_path: Path) -> None:
    one = fused("QGemm", "x", "s", "z", "k", "s", "z", "b", "s", "z", transB=1)
    stored = {"k": whole(4, 5), "b": np.arange(4, dtype=np.int32), "s": np.float32(0.05), "z": np.uint8(3)}
    file = saved(tmp_path / "q.onnx", [one], [2, 5], stored, ("com.microsoft",))
    of_bytes(file)
    report = inspect_onnx(file)
    assert (report.parameters, report.macs, report.output_shape) == (24, 40, (2, 4))


def test_a_file_that_was_optimised_is_the_same_tree_and_has_a_drawing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [
        node("Conv", ["x", "w", "b"], ["a"], "/stem/conv/Conv", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["r"], "/stem/Relu"),
        node("Conv", ["r", "v"], ["c"], "/layer1/layer1.0/conv1/Conv", pads=[1, 1, 1, 1]),
        node("Add", ["c", "r"], ["s"], "/layer1/layer1.0/Add"),
        node("Relu", ["s"], ["t"], "/layer1/layer1.0/Relu"),
        node("GlobalAveragePool", ["t"], ["p"], "/pool/GlobalAveragePool"),
        node("Flatten", ["p"], ["f"], "/Flatten"),
        node("Gemm", ["f", "m"], ["y"], "/head/Gemm", transB=1),
    ]
    stored = {**CONV, "v": some(4, 4, 3, 3), "m": some(10, 4)}
    plain = saved(tmp_path / "plain.onnx", nodes, [1, 3, 6, 6], stored)
    model = onnx.load(str(plain))
    model.ir_version = 10
    options, optimised = onnxruntime.SessionOptions(), tmp_path / "optimised.onnx"
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(optimised)
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    assert any(each.op_type == "FusedConv" for each in onnx.load(str(optimised)).graph.node)
    assert network_of_onnx(optimised).body == network_of_onnx(plain).body
    assert (inspect_onnx(optimised).macs, inspect_onnx(plain).macs) == (36 * 4 * 63 + 40,) * 2

    drawing = tmp_path / "plain.svg"
    assert main(["inspect", str(plain), "-o", str(drawing), "--depth", "1", "--json"]) == 0
    graph = json.loads(capsys.readouterr().out)["graph"]
    assert [(row["name"], row["type"], row["reads"]) for row in graph] == [
        ("x", "input", []),
        ("stem.conv", "Conv", [0]),
        ("stem", "Relu", [1]),
        ("layer1.0.conv1", "Conv", [2]),
        ("layer1.0", "Add", [3, 2]),
        ("layer1.0", "Relu", [4]),
        ("pool", "GlobalAveragePool", [5]),
        ("head", "Gemm", [6]),
        ("y", "output", [7]),
    ]
    words = drawing.read_text()
    assert "layer1" in words
    assert "3 calls" in words
    assert "layer1.0.conv1" not in words


def test_what_has_no_names_of_parts_is_drawn_in_straight_pieces(tmp_path: Path) -> None:
    nodes = [node("Relu", [f"a{n}" if n else "x"], [f"a{n + 1}"], f"n{n}") for n in range(200)]
    nodes += [node("Tanh", ["a200"], ["t"], "left"), node("Add", ["t", "a200"], ["y"], "join")]
    report = inspect_onnx(saved(tmp_path / "long.onnx", nodes, [1, 4], {}))
    words = report.figure().svg()
    assert "n0 … n199" in words
    assert "200 calls" in words
    assert len(report.figure().rows) == 5
    assert report.figure().tracks == [0, 0, 1, 0, 0]
