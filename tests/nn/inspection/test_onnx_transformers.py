"""What ONNX Runtime fuses in transformers besides attention: written out, it counts and gives the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from hubel.nn import inspect_onnx
from hubel.nn.inspection.onnx.fused import written_out
from tests.nn.inspection.test_onnx_fused import fused, some

INT32, UINT8, FLOAT = TensorProto.INT32, TensorProto.UINT8, TensorProto.FLOAT
TABLES = {"words": some(50, 8), "places": some(20, 8), "segments": some(2, 8), "g": some(8), "b": some(8)}
Given = dict[str, tuple[int, tuple[int, ...]]]


def file_of(path: Path, nodes: list[Any], given: Given, stored: dict[str, Any], outputs: dict[str, int]) -> Any:
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    inputs = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in given.items()]
    ends = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    opsets = [helper.make_opsetid("", 14), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph(nodes, "one", inputs, ends, tensors), opset_imports=opsets)
    model.ir_version = 8
    onnx.save(model, str(path))
    return model


IDS: Given = {"x": (INT32, (2, 6)), "s": (INT32, (2, 6)), "m": (INT32, (2, 6))}
SCALES = {f"{name}_scale": np.float32(0.1) for name in "wpsgb"} | {f"{name}_zero": np.uint8(100) for name in "wpsgb"}
BYTES = {
    name: np.random.default_rng(0).integers(0, 255, array.shape).astype(np.uint8) for name, array in TABLES.items()
}
PIXELS: Given = {"x": (UINT8, (1, 7, 6, 3))}
WHOLE = {
    "one": np.float32(0.1),
    "zero": np.uint8(3),
    "w": np.random.default_rng(0).integers(-9, 9, (4, 3, 3, 3)).astype(np.int8),
    "ws": np.full(4, 0.05, np.float32),
    "wz": np.zeros(4, np.int8),
    "ys": np.float32(0.3),
    "b": np.arange(4, dtype=np.int32),
}
CONVOLVED = ("x", "one", "zero", "w", "ws", "wz", "ys", "zero", "b")
SEQUENCE: Given = {"x": (FLOAT, (2, 6, 8))}
CASES: dict[str, tuple[Any, Given, dict[str, Any], dict[str, int], int, int]] = {
    # the node, what the file is given, stores and gives, parameters, multiply-adds
    "embedding": (
        fused("EmbedLayerNormalization", "x", "s", "words", "places", "segments", "g", "b", "m", outputs=("y", "n")),
        IDS, TABLES, {"y": FLOAT, "n": INT32}, 72 * 8 + 16, 0,
    ),
    "of words and places": (
        fused("EmbedLayerNormalization", "x", "", "words", "places", "", "g", "b", outputs=("y", "n"), epsilon=1e-5),
        {"x": IDS["x"]}, TABLES, {"y": FLOAT, "n": INT32}, 70 * 8 + 16, 0,
    ),
    "of given places": (
        fused("EmbedLayerNormalization", "x", "s", "words", "places", "segments", "g", "b", "", "m",
              outputs=("y", "", "t")),
        IDS, TABLES, {"y": FLOAT, "t": FLOAT}, 72 * 8 + 16, 0,
    ),
    "of whole numbers": (
        fused("QEmbedLayerNormalization", "x", "s", "words", "places", "segments", "g", "b", "m",
              *(f"{name}_scale" for name in "wpsgb"), *(f"{name}_zero" for name in "wpsgb"), outputs=("y", "n")),
        IDS, BYTES | SCALES, {"y": FLOAT, "n": INT32}, 72 * 8 + 16, 0,
    ),
    "simplified": (
        fused("SkipSimplifiedLayerNormalization", "x", "x", "g", "b", outputs=("y", "", "", "t"), epsilon=1e-5),
        SEQUENCE, TABLES, {"y": FLOAT, "t": FLOAT}, 16, 0,
    ),
    "skip with a bias": (
        fused("SkipLayerNormalization", "x", "x", "g", "b", "c", outputs=("y", "", "", "t")),
        SEQUENCE, {**TABLES, "c": some(8)}, {"y": FLOAT, "t": FLOAT}, 24, 0,
    ),
    "channels last": (
        fused("QLinearConv", *CONVOLVED, channels_last=1, pads=[1, 1, 1, 1]),
        PIXELS, WHOLE, {"y": UINT8}, 108 + 4, 42 * 4 * 27,
    ),
    "channels first": (
        fused("QLinearConv", *CONVOLVED),
        {"x": (UINT8, (1, 3, 7, 6))}, WHOLE, {"y": UINT8}, 108 + 4, 20 * 4 * 27,
    ),
    "pool": (
        fused("NhwcMaxPool", "x", kernel_shape=[2, 2], strides=[2, 2]), PIXELS, {}, {"y": UINT8}, 0, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_they_count_and_give_the_same(case: str, tmp_path: Path) -> None:
    one, given, stored, outputs, parameters, macs = CASES[case]
    used = {name: array for name, array in stored.items() if name in one.input}
    model = file_of(tmp_path / "one.onnx", [one], given, used, outputs)
    report = inspect_onnx(tmp_path / "one.onnx")
    assert (report.parameters, report.macs) == (parameters, macs)
    feeds = {
        name: some(*shape) if kind == FLOAT else np.random.default_rng(1).integers(0, 2, shape).astype(
            np.uint8 if kind == UINT8 else np.int32) for name, (kind, shape) in given.items()
    }  # fmt: skip
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run([*outputs], feeds)
    assert report.output_shape == expected[0].shape
    shapes = {name: shape for name, (_, shape) in given.items()} | {name: used[name].shape for name in used}
    assert written_out(model, shapes)
    assert not any(each.domain for each in model.graph.node)
    if case == "of whole numbers":
        return  # below opset 19 nothing turns bytes of a table back by a row
    found = onnxruntime.InferenceSession(model.SerializeToString()).run([*outputs], feeds)
    for one_found, one_expected in zip(found, expected, strict=True):
        if outputs["y"] == FLOAT and one_found.dtype == np.float32:
            np.testing.assert_allclose(one_found, one_expected, atol=2e-5)
        assert one_found.shape == one_expected.shape


@pytest.mark.parametrize(
    ("one", "shape", "stored", "parameters", "made"),
    [
        (fused("GroupNorm", "x", "g", "b", groups=2, activation=1), (1, 5, 5, 8), ("g", "b"), 16, (1, 5, 5, 8)),
        (fused("SkipGroupNorm", "x", "g", "b", "x", groups=2), (1, 5, 5, 8), ("g", "b"), 16, (1, 5, 5, 8)),
        (fused("BiasDropout", "x", "b", "x"), (2, 6, 8), ("b",), 8, (2, 6, 8)),
        (fused("BiasSoftmax", "x", "x", axis=2, is_inner_broadcast=0), (2, 6, 8), (), 0, (2, 6, 8)),
        (fused("BiasSplitGelu", "x", "b"), (2, 6, 8), ("b",), 8, (2, 6, 4)),
        (fused("RotaryEmbedding", "x", "p", "cos", "sin"), (2, 6, 8), ("p", "cos", "sin"), 0, (2, 6, 8)),
        (fused("NhwcFusedConv", "x", "k"), (1, 6, 7, 8), ("k",), 4 * 8 * 6, (1, 5, 5, 4)),
        (fused("NhwcConv", "x", "l"), (1, 6, 7, 8), ("l",), 4 * 8 * 6, (1, 5, 5, 4)),
    ],
)  # fmt: skip
def test_those_of_other_devices_have_shapes_and_parameters(
    one: Any, shape: tuple[int, ...], stored: tuple[str, ...], parameters: int, made: tuple[int, ...], tmp_path: Path
) -> None:
    """ONNX Runtime computes them on graphics cards."""
    own = TABLES | {
        "p": np.arange(6),
        "cos": some(9, 2),
        "sin": some(9, 2),
        "k": some(4, 8, 2, 3),
        "l": some(4, 2, 3, 8),
    }
    head = helper.make_node("Relu", ["y"], ["z"])
    file_of(tmp_path / "n.onnx", [one, head], {"x": (FLOAT, shape)}, {n: own[n] for n in stored}, {"z": FLOAT})
    report = inspect_onnx(tmp_path / "n.onnx")
    assert (report.output_shape, report.parameters) == (made, parameters)


def test_layer_normalisation_before_onnx_had_it(tmp_path: Path) -> None:
    """As ONNX Runtime writes it into files of any version."""
    nodes = [
        helper.make_node("LayerNormalization", ["x", "g", "b"], ["a"]),
        helper.make_node("SimplifiedLayerNormalization", ["a", "g"], ["c"]),
        helper.make_node("MatMul", ["c", "v"], ["y"]),
    ]
    stored = {"g": TABLES["g"], "b": TABLES["b"], "v": some(8, 3)}
    file_of(tmp_path / "l.onnx", nodes, SEQUENCE, stored, {"y": FLOAT})
    report = inspect_onnx(tmp_path / "l.onnx")
    assert (report.output_shape, report.parameters, report.macs) == ((2, 6, 3), 16 + 24, 2 * 6 * 24)
