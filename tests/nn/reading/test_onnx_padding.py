"""ONNX files that say how to pad by a rule, or what size shall come of it, as converters from TensorFlow write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hubel.nn import build, inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import node, saved

UPPER, LOWER, VALID = {"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}, {"auto_pad": "VALID"}


@pytest.mark.parametrize(
    ("kind", "size", "window", "strides", "settings", "text"),
    [
        ("MaxPool", (7, 8), (3, 3), (2, 2), UPPER, "maxpool 3/2 same"),
        ("MaxPool", (7, 8), (3, 3), (2, 2), {**UPPER, "ceil_mode": 1}, "maxpool 3/2 same"),
        ("MaxPool", (8, 8), (3, 3), (2, 2), LOWER, "maxpool 3/2 pad=1/0x1/0"),
        ("MaxPool", (8, 8), (3, 2), (2, 1), VALID, "maxpool 3x2/2x1"),
        ("AveragePool", (6, 8), (2, 2), (1, 1), UPPER, "avgpool 2/1 same"),
        ("AveragePool", (7, 8), (3, 2), (2, 2), {**UPPER, "count_include_pad": 1}, None),
        ("AveragePool", (7, 8), (2, 2), (1, 1), LOWER, None),
        ("MaxPool", (10,), (3,), (2,), UPPER, "maxpool1d 3/2 pad=0/1"),
        ("AveragePool", (9,), (4,), (3,), {**LOWER, "count_include_pad": 1}, None),
        ("Conv", (9, 8), (4, 3), (2, 3), LOWER, None),
        ("Conv", (9, 8), (3, 3), (2, 2), UPPER, "conv 4 3x3/2 nobias same"),
        ("Conv", (10,), (4,), (3,), UPPER, None),
        ("Conv", (10,), (2,), (1,), LOWER, None),
        ("ConvTranspose", (5, 6), (3, 3), (2, 2), UPPER, None),
        ("ConvTranspose", (5, 6), (4, 3), (2, 2), LOWER, None),
        ("ConvTranspose", (5, 6), (3, 3), (2, 2), VALID, "deconv 4 3x3/2 nobias"),
        ("ConvTranspose", (5, 4), (2, 2), (2, 1), {"output_shape": [8, 3]}, None),
        ("ConvTranspose", (4, 4), (4, 4), (2, 2), {"output_shape": [7, 8]}, None),
    ],
)
def test_the_tree_computes_what_the_file_does(
    kind: str,
    size: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    settings: dict[str, Any],
    text: str | None,
    tmp_path: Path,
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    generator = np.random.default_rng(0)
    weights = {"Conv": (4, 2, *window), "ConvTranspose": (2, 4, *window)}.get(kind)
    stored = {} if weights is None else {"w": generator.standard_normal(weights).astype(np.float32)}
    one = node(kind, ["x", *stored], ["y"], kernel_shape=[*window], strides=[*strides], **settings)
    file = saved(tmp_path / "p.onnx", [one], [1, 2, *size], stored, version=8)
    given = generator.standard_normal((1, 2, *size)).astype(np.float32)
    (wanted,) = runtime.InferenceSession(str(file)).run(None, {"x": given})
    assert inspect_onnx(file).output_shape == wanted.shape
    network = network_of_onnx(file)
    assert text is None or str(network).partition(": ")[2] == text
    module = build(network)
    for parameter in module.parameters():
        parameter.data = torch.from_numpy(stored["w"])
    np.testing.assert_allclose(module.eval()(torch.from_numpy(given)).detach().numpy(), wanted, atol=1e-5)


def test_what_windows_do_not_reach_has_no_layer(tmp_path: Path) -> None:
    one = node("ConvTranspose", ["x", "w"], ["y"], strides=[3, 3], output_shape=[13, 13])
    file = saved(tmp_path / "p.onnx", [one], [1, 2, 4, 4], {"w": np.ones((2, 4, 2, 2), np.float32)})
    with pytest.raises(ValueError, match="besides those of its windows"):
        network_of_onnx(file)
