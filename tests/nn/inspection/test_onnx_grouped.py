"""Normalisation of groups in ONNX files: what is learned of it, however an exporter writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hubel.nn import inspect, inspect_onnx, network_of, network_of_onnx
from tests.nn.inspection.test_onnx_odd import floats, node, saved, whole


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("open_batch", [False, True])
@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(
    ("norm", "size"),
    [
        (nn.GroupNorm(2, 8), (9, 9)),
        (nn.GroupNorm(1, 8, eps=1e-3), (9, 9)),
        (nn.GroupNorm(8, 8), (9, 9)),
        (nn.GroupNorm(4, 8, affine=False), (9, 9)),
        (nn.InstanceNorm2d(8), (9, 9)),
        (nn.InstanceNorm2d(8, affine=True), (9, 9)),
        (nn.GroupNorm(4, 8), (9,)),
    ],
)
def test_figures_and_trees_are_those_of_the_module(
    norm: nn.Module, size: tuple[int, ...], opset: int, open_batch: bool, trained: bool, tmp_path: Path
) -> None:
    convolution: Any = nn.Conv2d if len(size) == 2 else nn.Conv1d
    module = nn.Sequential(convolution(3, 8, 3), norm, nn.ReLU(), convolution(8, 4, 3)).eval()
    for place, parameter in enumerate(norm.parameters()):
        nn.init.constant_(parameter, 0.5 + place if trained else 1 - place)
    example = torch.zeros(1, 3, *size)
    names = {"input_names": ["x"], "dynamic_axes": {"x": {0: "N"}}} if open_batch else {}
    file = tmp_path / "n.onnx"
    torch.onnx.export(module, (example,), str(file), dynamo=False, opset_version=opset, **names)
    told, found = inspect(module, example=example), inspect_onnx(file)
    assert (found.parameters, found.macs, found.backward_macs) == (told.parameters, told.macs, told.backward_macs)
    assert found.output_shape == told.output_shape
    assert str(network_of_onnx(file)) == str(network_of(module, (*size, 3)))


def written_out(tmp_path: Path, scale: Any, last: str = "relu", **stored: Any) -> Path:
    """Write groups as PyTorch's newer exporter does, with names of its own for what is no parameter."""
    nodes = [
        node("Reshape", ["x", "val_1"], ["a"]),
        node("InstanceNormalization", ["a", "val_2", "val_3"], ["b"], epsilon=1e-5),
        node("Reshape", ["b", "val_4"], ["c"]),
        node("Mul", ["c", "val_5"], ["d"]),
        node("Add", ["d", "val_6"], ["e"]),
        node("Relu", ["e" if last == "relu" else last], ["y"]),
    ]
    given = {"val_1": whole(0, 2, -1), "val_2": scale, "val_3": 0 * floats(2), "val_4": whole(1, 8, 9, 9)}
    own = {"val_5": 2 * floats(8, 1, 1), "val_6": 3 * floats(8, 1, 1)}
    return saved(tmp_path / "d.onnx", nodes, [1, 8, 9, 9], given | own | stored)


def test_ones_and_zeros_of_groups_are_not_learned(tmp_path: Path) -> None:
    file = written_out(tmp_path, floats(2))
    report = inspect_onnx(file)
    assert report.parameters == 16
    assert [row.type for row in report.rows] == ["GroupNormalization", "Relu"]
    assert report.notes == ("1 GroupNormalization that the exporter wrote out: counted as such",)
    assert str(network_of_onnx(file)) == "9x9x8: groupnorm 2, relu"


def test_other_numbers_than_ones_are_left_as_they_are(tmp_path: Path) -> None:
    report = inspect_onnx(written_out(tmp_path, 2 * floats(2)))
    assert report.parameters == 16 + 4
    assert "InstanceNormalization" in [row.type for row in report.rows]


def test_a_factor_for_each_column_is_no_part_of_it(tmp_path: Path) -> None:
    report = inspect_onnx(written_out(tmp_path, floats(2), val_5=floats(9), val_6=floats(9)))
    assert [row.type for row in report.rows] == ["GroupNormalization", "Mul", "Add", "Relu"]
    assert report.parameters == 18


def test_factors_for_groups_are_no_tree(tmp_path: Path) -> None:
    """As of ONNX's own before opset 21."""
    one = node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)
    file = saved(tmp_path / "g.onnx", [one], [1, 4, 6, 8], {"s": floats(2), "b": floats(2)}, opset=18)
    assert inspect_onnx(file).parameters == 4
    with pytest.raises(ValueError, match="for each channel, not for each group"):
        network_of_onnx(file)
    own = saved(tmp_path / "c.onnx", [one], [1, 4, 6, 8], {"s": floats(4), "b": np.zeros(4, np.float32)}, opset=21)
    assert str(network_of_onnx(own)) == "6x8x4: groupnorm 2"
