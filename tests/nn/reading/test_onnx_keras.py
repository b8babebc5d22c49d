"""ONNX files as Keras users export them (tf2onnx; Keras on PyTorch): channels last outside, first inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hubel.base.errors import NetworkError
from hubel.nn import inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import floats, node, saved, whole

FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]
IN = node("Transpose", ["x"], ["t"], perm=FIRST)
CONV = node("Conv", ["t", "w"], ["c"], pads=[1, 1, 1, 1])
WEIGHTS = {"w": floats(6, 3, 3, 3)}
PICTURE = ["N", 8, 8, 3]


def flattened(name: str) -> list[Any]:
    """Bring the channels to the end, then flatten."""
    return [node("Transpose", [name], ["back"], perm=LAST), node("Reshape", ["back", "vector"], ["f"])]


VECTOR = {"vector": whole(-1, 384), "d": floats(384, 5), "b": floats(5)}
DENSE = [node("MatMul", ["f", "d"], ["m"]), node("Add", ["m", "b"], ["y"])]
GATE = [
    node("GlobalAveragePool", ["c"], ["g"]),
    node("Reshape", ["g", "pair"], ["v"]),
    node("MatMul", ["v", "a"], ["s"]),
    node("Reshape", ["s", "place"], ["p"]),
    node("Sigmoid", ["p"], ["q"]),
]
UP = [
    node("Unsqueeze", ["c", "three"], ["e"]),
    node("Tile", ["e", "rows"], ["r"]),
    node("Transpose", ["r"], ["l"], perm=[0, 2, 3, 4, 1]),
    node("Reshape", ["l", "tall"], ["h"]),
    node("Unsqueeze", ["h", "three"], ["i"]),
    node("Tile", ["i", "rows"], ["k"]),
    node("Reshape", ["k", "wide"], ["o"]),
]

FILES: list[tuple[str, list[Any], list[Any], dict[str, Any], str]] = [
    (
        "flatten and dense",
        [IN, CONV, node("Relu", ["c"], ["r"]), *flattened("r"), *DENSE],
        PICTURE,
        {**WEIGHTS, **VECTOR},
        "8x8x3: conv 6 3x3 nobias pad=1, relu, flatten, dense 5",
    ),
    (
        "what is between a flatten and a dense layer",
        [IN, CONV, *flattened("c"), node("LeakyRelu", ["f"], ["g"], alpha=0.2), node("MatMul", ["g", "d"], ["y"])],
        PICTURE,
        {**WEIGHTS, "vector": VECTOR["vector"], "d": VECTOR["d"]},
        "8x8x3: conv 6 3x3 nobias pad=1, flatten, leaky 0.2, dense 5 nobias",
    ),
    (
        "arithmetic before",
        [
            node("Mul", ["x", "scale"], ["u"]),
            node("Pad", ["u", "pads"], ["z"]),
            node("Transpose", ["z"], ["t"], perm=FIRST),
            node("Conv", ["t", "w"], ["c"]),
            node("Transpose", ["c"], ["y"], perm=LAST),
        ],
        PICTURE,
        {**WEIGHTS, "scale": np.float32(0.5), "pads": whole(0, 1, 2, 0, 0, 3, 4, 0)},
        "8x8x3: rescale 0.5, conv 6 3x3 nobias pad=1/3x2/4",
    ),
    (
        "one channel, by reshaping",
        [node("Reshape", ["x", "one"], ["t"]), node("Conv", ["t", "w"], ["y"])],
        ["N", 8, 6, 1],
        {"one": whole(-1, 1, 8, 6), "w": floats(4, 1, 3, 3)},
        "8x6x1: conv 4 3x3 nobias",
    ),
    (
        "a gate of dense layers",
        [IN, CONV, *GATE, node("Transpose", ["c"], ["l"], perm=LAST), node("Mul", ["l", "q"], ["y"])],
        PICTURE,
        {**WEIGHTS, "pair": whole(-1, 6), "a": floats(6, 6), "place": whole(-1, 1, 1, 6)},
        "8x8x3: conv 6 3x3 nobias pad=1, product(identity | globalavgpool keepdims=true, flatten, dense 6 nobias, "
        "reshape 1x1x6, sigmoid)",
    ),
    (
        "rows and columns repeated",
        [IN, CONV, *UP, node("Transpose", ["o"], ["s"], perm=FIRST), node("Conv", ["s", "a"], ["y"])],
        PICTURE,
        {
            **WEIGHTS,
            "a": floats(2, 6, 1, 1),
            "three": whole(3),
            "rows": whole(1, 1, 1, 2, 1),
            "tall": whole(-1, 16, 8, 6),
            "wide": whole(-1, 16, 16, 6),
        },
        "8x8x3: conv 6 3x3 nobias pad=1, upsample 2, conv 2 1x1 nobias",
    ),
    (
        "PReLU",
        [
            IN,
            CONV,
            node("Relu", ["c"], ["p"]),
            node("Neg", ["c"], ["n"]),
            node("Relu", ["n"], ["o"]),
            node("Mul", ["o", "slope"], ["q"]),
            node("Add", ["p", "q"], ["y"]),
        ],
        PICTURE,
        {**WEIGHTS, "slope": -floats(1, 6, 1, 1)},
        "8x8x3: conv 6 3x3 nobias pad=1, prelu",
    ),
    (
        "a generator",
        [
            node("MatMul", ["x", "d"], ["m"]),
            node("Relu", ["m"], ["r"]),
            node("Reshape", ["r", "map"], ["p"]),
            node("Transpose", ["p"], ["t"], perm=FIRST),
            node("ConvTranspose", ["t", "w"], ["c"], strides=[2, 2]),
            node("Transpose", ["c"], ["y"], perm=LAST),
        ],
        ["N", 16],
        {"d": floats(16, 128), "map": whole(-1, 4, 4, 8), "w": floats(8, 3, 2, 2)},
        "16: dense 128 nobias, relu, reshape 4x4x8, deconv 3 2x2/2 nobias",
    ),
    (
        "a sequence as a picture of one row",
        [
            node("Unsqueeze", ["x", "one"], ["e"]),
            node("Transpose", ["e"], ["t"], perm=FIRST),
            node("Conv", ["t", "w"], ["c"]),
            node("Squeeze", ["c", "two"], ["s"]),
            node("ReduceMean", ["s"], ["y"], axes=[2], keepdims=0),
        ],
        ["N", 20, 6],
        {"one": whole(-3), "two": whole(2), "w": floats(8, 6, 1, 3)},
        "20x6: reshape 1x20x6, conv 8 1x3 nobias, reshape 18x8, globalavgpool1d",
    ),
]


@pytest.mark.parametrize(("what", "nodes", "shape", "stored", "text"), FILES, ids=[file[0] for file in FILES])
def test_they_become_trees(
    what: str, nodes: list[Any], shape: list[Any], stored: dict[str, Any], text: str, tmp_path: Path
) -> None:
    file = saved(tmp_path / "n.onnx", nodes, shape, stored)
    assert str(network_of_onnx(file)) == text


def test_a_vector_in_another_order_goes_into_a_dense_layer_alone(tmp_path: Path) -> None:
    nodes = [IN, CONV, *flattened("c"), node("Relu", ["f"], ["y"])]
    with pytest.raises(NetworkError, match="numbers stand in another order than a tree's"):
        network_of_onnx(saved(tmp_path / "n.onnx", nodes, PICTURE, {**WEIGHTS, "vector": VECTOR["vector"]}))
    nodes = [IN, CONV, *flattened("c"), node("Softmax", ["f"], ["y"])]
    with pytest.raises(NetworkError, match="channels lie elsewhere"):
        network_of_onnx(saved(tmp_path / "n.onnx", nodes, PICTURE, {**WEIGHTS, "vector": VECTOR["vector"]}))


def test_normalisation_that_is_folded_is_said(tmp_path: Path) -> None:
    one = node("Conv", ["t", "w"], ["model/batch_normalization/batchnorm/mul_1:0"])
    nodes = [IN, one, node("Relu", ["model/batch_normalization/batchnorm/mul_1:0"], ["y"])]
    report = inspect_onnx(saved(tmp_path / "n.onnx", nodes, PICTURE, WEIGHTS))
    assert report.notes[0].startswith("the exporter has folded a normalisation into 1 convolution")
