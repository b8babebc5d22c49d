"""Attention of fewer heads of keys, packed weights and experts in ONNX files: written out, and counted whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from hubel.nn import inspect_onnx
from hubel.nn.inspection.onnx.fused import written_out
from tests.nn.inspection.test_onnx_fused import fused, some
from tests.nn.inspection.test_onnx_odd import node

Shapes = dict[str, tuple[int, ...]]


def saved(path: Path, one: Any, shapes: Shapes, stored: dict[str, Any]) -> Any:
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in one.output]
    tensors = [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph([one], "one", given, made, tensors), opset_imports=opsets)
    model.ir_version = 10
    onnx.save(model, str(path))
    return model


def answers(model: Any, shapes: Shapes) -> list[Any]:
    random = np.random.default_rng(1)
    given = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return list(onnxruntime.InferenceSession(model.SerializeToString()).run(None, given))


HEADS = {"q_num_heads": 4, "kv_num_heads": 2}
FLAT = {"q": (1, 10, 32), "k": (1, 12, 16), "v": (1, 12, 16)}
PAST = {**FLAT, "a": (1, 2, 5, 8), "b": (1, 2, 5, 8)}


@pytest.mark.parametrize(
    ("inputs", "outputs", "shapes", "settings", "macs"),
    [
        (["q", "k", "v"], ["y"], FLAT, HEADS, 2 * 4 * 10 * 12 * 8),
        (["q", "k", "v", "", "a", "b"], ["y", "c", "d", "s"], PAST, HEADS, 2 * 4 * 10 * 17 * 8),
        (["q", "k", "v"], ["y", "c", "d"], FLAT, {**HEADS, "scale": 0.3}, 2 * 4 * 10 * 12 * 8),
        (["q", "k", "v"], ["y"], {"q": (2, 6, 7, 8), "k": (2, 3, 5, 8), "v": (2, 3, 5, 4)}, {}, 2 * 6 * 7 * 5 * 12),
        (["q", "k", "v"], ["y"], {"q": (2, 6, 7, 8), "k": (2, 1, 5, 8), "v": (2, 1, 5, 8)}, {}, 2 * 6 * 7 * 5 * 16),
    ],
)
def test_heads_that_share_keys(
    inputs: list[str], outputs: list[str], shapes: Shapes, settings: dict[str, Any], macs: int, tmp_path: Path
) -> None:
    model = saved(tmp_path / "a.onnx", node("Attention", inputs, outputs, **settings), shapes, {})
    report, expected = inspect_onnx(tmp_path / "a.onnx"), answers(model, shapes)
    assert (report.macs, report.output_shape) == (macs, expected[0].shape)
    assert report.notes == ("written out as the ordinary operators that they are made of: 1 Attention",)
    assert written_out(model, shapes)
    for one, other in zip(answers(model, shapes), expected, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, atol=2e-5)


LENGTHS = {"last": np.array([9], np.int32), "all": np.int32(10)}
TURNS = {"cos": some(64, 8), "sin": some(64, 8)}


@pytest.mark.parametrize(
    ("inputs", "shapes", "stored", "parameters", "macs"),
    [
        (["q", "k", "v", "", "", "last", "all"], {**FLAT, "k": (1, 10, 16), "v": (1, 10, 16)}, {}, 0, 4 * 100 * 16),
        (["q", "", "", "", "", "last", "all", "cos", "sin"], {"q": (1, 10, 128)}, TURNS, 0, 4 * 100 * 32),
    ],
)
def test_grouped_queries_of_onnx_runtime(
    inputs: list[str], shapes: Shapes, stored: dict[str, Any], parameters: int, macs: int, tmp_path: Path
) -> None:
    settings = {"num_heads": 4, "kv_num_heads": 2, "do_rotary": int("cos" in stored)}
    one = fused("GroupQueryAttention", *inputs, outputs=("y", "keys", "values"), **settings)
    model = saved(tmp_path / "g.onnx", one, shapes, stored | LENGTHS)
    report, expected = inspect_onnx(tmp_path / "g.onnx"), answers(model, shapes)
    assert (report.parameters, report.macs, report.output_shape) == (parameters, macs, expected[0].shape)
    assert report.memory is not None
    assert report.memory.weights == sum(array.nbytes for array in (*stored.values(), *LENGTHS.values()))
    assert written_out(model, shapes)  # what it gives besides is as large as ONNX Runtime's
    assert [one.shape for one in answers(model, shapes)] == [one.shape for one in expected]


def test_keys_kept_of_no_step_yet(tmp_path: Path) -> None:
    shapes = {"q": (1, 10, 32), "k": (1, 10, 16), "v": (1, 10, 16), "a": (1, 2, 0, 8), "b": (1, 2, 0, 8)}
    names = ("q", "k", "v", "a", "b", "last", "all")
    one = fused("GroupQueryAttention", *names, outputs=("y", "c", "d"), num_heads=4, kv_num_heads=2)
    saved(tmp_path / "g.onnx", one, shapes, LENGTHS)
    report = inspect_onnx(tmp_path / "g.onnx")
    assert (report.macs, report.output_shape) == (4 * 100 * 16, (1, 10, 32))
    assert "input 'a' at 1×2×0×8, which is empty" in report.notes[0]


@pytest.mark.parametrize("bits", [4, 8])
def test_a_matrix_packed_in_bytes(bits: int, tmp_path: Path) -> None:
    columns, units, block = 70, 24, 32
    blocks = -(-columns // block)
    stored = {"w": np.zeros((units, blocks, block * bits // 8), np.uint8), "s": some(units * blocks)}
    one = fused("MatMulNBits", "x", "w", "s", K=columns, N=units, bits=bits, block_size=block)
    model = saved(tmp_path / "n.onnx", one, {"x": (5, columns)}, stored)
    report = inspect_onnx(tmp_path / "n.onnx")
    assert report.output_shape == answers(model, {"x": (5, columns)})[0].shape
    assert (report.parameters, report.macs, report.backward_macs) == (70 * 24, 5 * 70 * 24, 0)
    assert report.trainable == 0
    assert report.notes[0] == "1,680 of the parameters are stored as whole numbers, which are not trained"
    assert report.memory is not None
    assert report.memory.weights == sum(array.nbytes for array in stored.values())


EXPERTS, WIDTH, UNITS, CHOSEN = 8, 16, 32, 2


@pytest.mark.parametrize("rows", [(6,), (2, 3), (1,)])
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_of_experts_only_those_that_are_chosen_multiply(
    rows: tuple[int, ...], gated: bool, packed: bool, tmp_path: Path
) -> None:
    first = UNITS * (1 + gated)
    stored: dict[str, Any] = {"b1": some(EXPERTS, first), "b2": some(EXPERTS, WIDTH)}
    names = ["x", "r", "w1", "b1", "w2", "b2"]
    if packed:
        stored |= {"w1": np.zeros((EXPERTS, first, WIDTH // 2), np.uint8), "s1": some(EXPERTS, first)}
        stored |= {"w2": np.zeros((EXPERTS, WIDTH, UNITS // 2), np.uint8), "s2": some(EXPERTS, WIDTH)}
        names = ["x", "r", "w1", "s1", "b1", "w2", "s2", "b2"]
    else:
        stored |= {"w1": some(EXPERTS, first, WIDTH), "w2": some(EXPERTS, WIDTH, UNITS)}
    settings = {"activation_type": "swiglu", "swiglu_fusion": 1} if gated else {"activation_type": "relu"}
    one = fused("QMoE" if packed else "MoE", *names, k=CHOSEN, **settings)
    shapes = {"x": (*rows, WIDTH), "r": (int(np.prod(rows)), EXPERTS)}
    model = saved(tmp_path / "m.onnx", one, shapes, stored)
    report = inspect_onnx(tmp_path / "m.onnx")
    assert report.output_shape == answers(model, shapes)[0].shape
    each = WIDTH * first + UNITS * WIDTH
    assert report.parameters == EXPERTS * (each + first + WIDTH)
    assert report.macs == np.prod(rows) * CHOSEN * each
    assert report.memory is not None
    assert report.memory.weights == sum(array.nbytes for array in stored.values())
