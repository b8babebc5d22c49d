"""ONNX operators that are a layer and a choice of channels, a mean and a factor, or a limit: the tree does the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hubel.nn import build, network_of_onnx
from tests.nn.inspection.test_onnx_odd import node, saved, whole

SHAPE = (1, 4, 6, 8)
ONE = {name: np.float32(number) for name, number in (("zero", 0), ("half", 0.5), ("two", 2), ("low", -0.3))}


def one(kind: str, *inputs: str, **settings: Any) -> Any:
    return node(kind, ["x", *inputs], ["y"], **settings)


@pytest.mark.parametrize(
    ("operator", "shape", "stored", "text"),
    [
        (one("SpaceToDepth", blocksize=2), SHAPE, {},
         "pixelunshuffle 2, select 0 4 8 12 1 5 9 13 2 6 10 14 3 7 11 15"),
        (one("SpaceToDepth", blocksize=2), (1, 1, 6, 8), {}, "pixelunshuffle 2"),
        (one("DepthToSpace", blocksize=2), (1, 8, 3, 4), {}, "select 0 2 4 6 1 3 5 7, pixelshuffle 2"),
        (one("DepthToSpace", blocksize=2), SHAPE, {}, "pixelshuffle 2"),
        (one("Max", "zero"), SHAPE, ONE, "relu"),
        (node("Max", ["zero", "x"], ["y"]), SHAPE, ONE, "relu"),
        (one("Max", "low"), SHAPE, ONE, "clip x_min=-0.3"),
        (one("Min", "half"), SHAPE, ONE, "clip x_max=0.5"),
        (one("Pow", "two"), SHAPE, ONE, "product(identity | identity)"),
        (one("Pow", "two"), (1, 7), ONE, "product(identity | identity)"),
        (one("ReduceSum", "axes", keepdims=0), SHAPE, {"axes": whole(2, 3)}, "globalavgpool, rescale 48.0"),
        (one("ReduceSum", "axes", keepdims=1), (1, 4, 9), {"axes": whole(-1)},
         "globalavgpool1d keepdims=true, rescale 9.0"),
        (one("ReduceSum", "axes", keepdims=1), SHAPE, {"axes": whole(1)},
         "reshape 4x48x1, avgpool 4x1, reshape 6x8x1, rescale 4.0"),
        (one("Pad", "pads", "", "axes"), SHAPE, {"pads": whole(1, 2, 3, 0), "axes": whole(3, 2)}, "zeropad 2/0x1/3"),
        (one("Pad", "pads", "", "axes", mode="reflect"), SHAPE, {"pads": whole(1, 2, 3, 0), "axes": whole(-2, -1)},
         "reflectpad 1/3x2/0"),
        (one("Pad", "pads", "", "axes"), SHAPE, {"pads": whole(1, 2), "axes": whole(1)}, "padchannels 1 2"),
    ],
)  # fmt: skip
def test_the_tree_computes_what_the_file_does(
    operator: Any, shape: tuple[int, ...], stored: dict[str, Any], text: str, tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    used = {name: array for name, array in stored.items() if name in operator.input}
    file = saved(tmp_path / "m.onnx", [operator], [*shape], used, opset=18, version=8)
    network = network_of_onnx(file)
    assert str(network).partition(": ")[2] == text
    given = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    (wanted,) = runtime.InferenceSession(str(file)).run(None, {"x": given})
    np.testing.assert_allclose(build(network).eval()(torch.from_numpy(given)).detach().numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("operator", "stored", "said"),
    [
        (one("Pow", "k"), {"k": np.float32(3)}, "of powers a tree has squares alone"),
        (node("Pow", ["k", "x"], ["y"]), {"k": np.float32(2)}, "of powers a tree has squares alone"),
        (one("Max", "k"), {"k": np.zeros((4, 1, 1), np.float32)}, "no layer for Max"),
        (one("Pad", "k", "", "axes"), {"k": whole(1, 0), "axes": whole(0)}, "pads rows and columns, or channels"),
        (one("ReduceSum", "k"), {"k": whole(2)}, "reduces all places"),
    ],
)
def test_others_are_refused(operator: Any, stored: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        network_of_onnx(saved(tmp_path / "m.onnx", [operator], [*SHAPE], stored, opset=18))
