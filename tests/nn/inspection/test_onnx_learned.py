"""What of an ONNX file counts as learned, also of one number, and what its exporter made of a model, which is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from hubel.nn import inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import floats, node, saved


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Sequential(nn.Conv2d(3, 1, 3), nn.Sigmoid()), (1, 3, 8, 8)),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.ConvTranspose2d(1, 1, 1)), (1, 1, 8, 8)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU()), (1, 3, 8, 8)),
        (nn.Sequential(nn.Linear(6, 1), nn.ReLU(), nn.Linear(1, 1)), (1, 6)),
        (nn.Linear(6, 1), (1, 5, 6)),
        (nn.InstanceNorm2d(1, affine=True), (1, 1, 6, 6)),
    ],
)
def test_one_number_alone_counts_where_layers_have_weights(model: nn.Module, shape: Any, tmp_path: Path) -> None:
    torch.onnx.export(model.eval(), (torch.zeros(shape),), str(tmp_path / "n.onnx"), dynamo=False)
    assert inspect_onnx(tmp_path / "n.onnx").parameters == sum(each.numel() for each in model.parameters())


@pytest.mark.filterwarnings("ignore")
def test_the_older_exporter_folds_normalisation_which_is_said(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    torch.onnx.export(model, (torch.zeros(1, 3, 8, 8),), str(tmp_path / "n.onnx"), dynamo=False)
    report = inspect_onnx(tmp_path / "n.onnx")
    assert report.parameters == sum(each.numel() for each in model.parameters()) - 8
    assert report.notes == (
        "the exporter has folded a normalisation into 1 convolution: the parameters are those of the file, fewer than "
        "the model's",
    )
    torch.onnx.export(model[3], (torch.zeros(1, 8, 8, 8),), str(tmp_path / "n.onnx"), dynamo=False)
    assert not inspect_onnx(tmp_path / "n.onnx").notes


@pytest.mark.parametrize(
    ("rules", "called", "said"),
    [
        (
            "RemoveOptionalBiasFromConv, FuseBatchNormIntoConv, RemoveOptionalBiasFromConv",
            "%bn : call_function[target=torch.ops.aten._native_batch_norm_legit_no_training](args = (%a, %b, %c",
            "the exporter has folded a normalisation into 1 convolution: the parameters are those of the file, fewer",
        ),
        (
            "RemoveOptionalBiasFromConv",
            "%conv2d : call_function[target=torch.ops.aten.conv2d.default](args = (%x, %p_weight, %p_bias), kwargs",
            "the exporter has left 1 bias of zeros out: the model has more parameters",
        ),
        (
            "RemoveOptionalBiasFromConv",
            "%conv2d : call_function[target=torch.ops.aten.conv2d.default](args = (%x, %p_weight), kwargs",
            "",
        ),
    ],
)
def test_what_the_newer_exporter_notes_of_itself_is_said(rules: str, called: str, said: str, tmp_path: Path) -> None:
    one = node("Conv", ["x", "w"], ["y"])
    one.metadata_props.add(key="pkg.onnxscript.rewriter.rule_name", value=rules)
    one.metadata_props.add(key="pkg.torch.onnx.fx_node", value=called)
    notes = inspect_onnx(saved(tmp_path / "n.onnx", [one], [1, 3, 8, 8], {"w": floats(4, 3, 3, 3)})).notes
    assert [note.startswith(said) for note in notes] == [True] * bool(said)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_first_states_in_another_file(kind: str, learned: bool, tmp_path: Path) -> None:
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    stored = {"w": floats(1, gates * 32, 5), "r": floats(1, gates * 32, 32), "h": floats(1, 2, 32) * learned}
    inputs = ["x", "w", "r", "", "", "h", *(["h"] if kind == "LSTM" else [])]
    file = saved(tmp_path / "n.onnx", [node(kind, inputs, ["y"], hidden_size=32)], [7, 2, 5], stored)
    onnx.save(onnx.load(str(file)), str(file), save_as_external_data=True, location="n.data", size_threshold=0)
    assert inspect_onnx(file).parameters == gates * 32 * 37 + 64 * learned


def test_a_network_of_one_unit_comes_back(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w", "b"], ["c"]), node("Flatten", ["c"], ["f"]), node("Gemm", ["f", "g", "s"], ["y"])]
    stored = {"w": floats(1, 3, 3, 3), "b": floats(1), "g": floats(36, 1), "s": floats(1)}
    file = saved(tmp_path / "n.onnx", nodes, [1, 3, 8, 8], stored)
    assert str(network_of_onnx(file)) == "8x8x3: conv 1 3x3, flatten, dense 1"


ONE = {
    "dense": [node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])],
    "bias first": [node("MatMul", ["x", "w"], ["p"]), node("Add", ["b", "p"], ["y"])],
    "cast": [node("MatMul", ["x", "w"], ["p"]), node("Cast", ["p"], ["q"], to=1), node("Add", ["q", "b"], ["y"])],
    "both cast": [
        node("MatMul", ["x", "w"], ["p"]),
        node("Cast", ["p"], ["q"], to=10),
        node("Cast", ["b"], ["c"], to=10),
        node("Add", ["q", "c"], ["y"]),
    ],
    "turned": [node("MatMul", ["x", "w"], ["p"]), node("Transpose", ["p"], ["q"]), node("Add", ["q", "b"], ["y"])],
    "einsum": [node("Einsum", ["x", "w"], ["p"], equation="ni,io->no"), node("Add", ["p", "b"], ["y"])],
    "without": [node("Gemm", ["x", "w"], ["p"]), node("Cast", ["p"], ["q"], to=1), node("Add", ["q", "b"], ["y"])],
}


@pytest.mark.parametrize("name", ONE)
def test_the_bias_of_a_dense_layer_of_one_unit_counts_wherever_it_is_added(name: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "n.onnx", ONE[name], [2, 6], {"w": floats(6, 1), "b": floats(1)})
    assert inspect_onnx(file).parameters == 7


def test_so_does_that_of_a_filter_alone(tmp_path: Path) -> None:
    """Keras's convolutions: channels are brought to the end before the bias is added."""
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
        node("Add", ["t", "b"], ["y"]),
    ]
    file = saved(tmp_path / "n.onnx", nodes, [1, 3, 8, 8], {"w": floats(1, 3, 3, 3), "b": floats(1, 1, 1, 1)})
    assert inspect_onnx(file).parameters == 28


def test_so_does_that_of_a_quantised_one(tmp_path: Path) -> None:
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", "w", "z"], ["p"]),
        node("Cast", ["p"], ["f"], to=1),
        node("Mul", ["f", "s"], ["m"]),
        node("Add", ["m", "b"], ["y"]),
    ]
    file = saved(tmp_path / "n.onnx", nodes, [2, 6], {"w": np.ones((6, 1), np.int8), "b": floats(1)})
    assert inspect_onnx(file).parameters == 7


@pytest.mark.parametrize(
    ("nodes", "weight"),
    [
        ([node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])], (6, 4)),
        ([node("MatMul", ["x", "w"], ["p"]), node("Relu", ["p"], ["r"]), node("Add", ["r", "b"], ["y"])], (6, 1)),
        ([node("MatMul", ["x", "w"], ["p"]), node("Mul", ["p", "b"], ["y"])], (6, 1)),
        ([node("MatMul", ["x", "w"], ["p"]), node("Cast", ["p"], ["q"], to=1), node("Mul", ["q", "b"], ["y"])], (6, 1)),
    ],
    ids=["of many units", "after an activation", "factor", "factor after a cast"],
)
def test_one_number_elsewhere_is_no_weight(nodes: list[Any], weight: tuple[int, ...], tmp_path: Path) -> None:
    file = saved(tmp_path / "n.onnx", nodes, [2, 6], {"w": floats(*weight), "b": floats(1)})
    assert inspect_onnx(file).parameters == weight[0] * weight[1]
