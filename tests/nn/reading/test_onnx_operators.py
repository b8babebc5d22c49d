"""What single ONNX operators do by their settings, versions and stored numbers: in the tree, or refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto

from hubel.base.errors import NetworkError
from hubel.nn import build, network_of_onnx
from tests.nn.inspection.test_onnx_odd import floats, node, saved, whole

SHAPE = [1, 4, 6, 8]


def one(kind: str, *others: str, **settings: Any) -> list[Any]:
    return [node(kind, ["x", *others], ["y"], **settings)]


SLOPES = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)
TENTH = np.array(0.1, dtype=np.float32)
AND_BACK = node("Cast", ["c"], ["y"], to=TensorProto.FLOAT)


@pytest.mark.parametrize(
    ("nodes", "opset", "stored", "said"),
    [
        (one("Softmax", axis=1), 11, {}, "softmax is over the channels, not over all from dimension 1 on"),
        (one("Softmax"), 11, {}, "softmax is over the channels, not over all"),
        (one("LogSoftmax"), 11, {}, "log_softmax is over the channels, not over all"),
        (one("Softmax"), 13, {}, "softmax is over the channels, not over dimension 3"),
        (one("LogSoftmax"), 17, {}, "log_softmax is over the channels, not over dimension 3"),
        (one("Selu", alpha=1.2, gamma=1.1), 17, {}, "selu has alpha"),
        (one("Selu", gamma=1.1), 17, {}, "selu has alpha"),
        (one("PRelu", "s"), 17, {"s": floats(8)}, "one slope for each channel, or one for all"),
        (one("PRelu", "s"), 17, {"s": floats(6, 1)}, "one slope for each channel, or one for all"),
        (one("Dropout", "", "t"), 17, {"t": np.array(True)}, "always on"),
        (one("Dropout", "r", "t"), 13, {"r": TENTH, "t": np.array(True)}, "always on"),
        ([node("Cast", ["x"], ["c"], to=TensorProto.INT64), AND_BACK], 17, {}, "a tree does not round"),
        ([node("Cast", ["x"], ["c"], to=TensorProto.UINT8), AND_BACK], 17, {}, "a tree does not round"),
        ([node("Cast", ["x"], ["c"], to=TensorProto.BOOL), AND_BACK], 17, {}, "a tree does not round"),
        ([node("Cast", ["x"], ["c"], to=TensorProto.FLOAT16), AND_BACK], 17, {}, "rounds to 16 bits"),
        (one("Reshape", "s"), 17, {"s": whole(1, 4, 48)}, "in another order than a tree's, or shape"),
        (
            [node("BatchNormalization", [*"xabcd"], [*"ymv"], training_mode=1)], 17, dict.fromkeys("abcd", SLOPES),
            "statistics that stay once trained",
        ),
    ],
)  # fmt: skip
def test_what_a_tree_does_otherwise_is_refused(
    nodes: list[Any], opset: int, stored: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "one.onnx", nodes, SHAPE, stored, opset=opset)
    with pytest.raises(NetworkError, match=said):
        network_of_onnx(path)


@pytest.mark.parametrize(
    ("nodes", "opset", "shape", "stored", "text"),
    [
        (one("Softmax", axis=1), 11, [1, 7], {}, "7: softmax"),
        (one("Softmax"), 11, [1, 4, 1, 1], {}, "1x1x4: softmax"),
        (one("Softmax"), 13, [1, 7], {}, "7: softmax"),
        (one("Softmax", axis=-3), 13, SHAPE, {}, "6x8x4: softmax"),
        (one("Selu"), 17, SHAPE, {}, "6x8x4: selu"),
        (one("Selu", alpha=1.6732632, gamma=1.0507010), 6, SHAPE, {}, "6x8x4: selu"),
        (one("PRelu", "s"), 17, SHAPE, {"s": floats(1)}, "6x8x4: prelu shared=true"),
        (one("PRelu", "s"), 17, SHAPE, {"s": floats(4, 1, 1)}, "6x8x4: prelu"),
        (one("Dropout"), 17, SHAPE, {}, "6x8x4: dropout 0.5"),
        (one("Dropout", "r"), 17, SHAPE, {"r": TENTH}, "6x8x4: dropout 0.1"),
        (one("Dropout", "r", "t"), 13, SHAPE, {"r": TENTH, "t": np.array(False)}, "6x8x4: dropout 0.1"),
        (one("Dropout", ratio=0.1), 10, SHAPE, {}, "6x8x4: dropout 0.1"),
        (one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"), 17, SHAPE, {},
         "6x8x4: maxpool 3/2 same"),
        (one("AveragePool", kernel_shape=[2, 2], auto_pad="SAME_UPPER"), 17, SHAPE, {}, "6x8x4: avgpool 2/1 same"),
        (one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="VALID"), 17, SHAPE, {}, "6x8x4: maxpool 3/2"),
    ],
)  # fmt: skip
def test_what_a_tree_does_too_is_read(
    nodes: list[Any], opset: int, shape: list[Any], stored: dict[str, Any], text: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "one.onnx", nodes, shape, stored, opset=opset)
    network = network_of_onnx(path)
    assert str(network) == text
    module = build(network).eval()
    if len(stored.get("s", ())):
        torch.nn.init.ones_(next(module.parameters()))
    given = 2 * torch.randn(*shape)
    (expected,) = onnxruntime.InferenceSession(str(path)).run(None, {"x": given.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(module(given), torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_whole_numbers_that_are_given_stay_whole(tmp_path: Path) -> None:
    path = saved(tmp_path / "ids.onnx", [node("Cast", ["x"], ["c"], to=TensorProto.INT64),
                                         node("Gather", ["e", "c"], ["y"])], [1, 5], {"e": floats(9, 3)})  # fmt: skip
    model = onnx.load(str(path))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32
    onnx.save(model, str(path))
    assert str(network_of_onnx(path)) == "5: embed 9 3"
