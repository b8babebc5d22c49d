"""Recurrent layers and embeddings in ONNX files of PyTorch's exporter by tracing and of hubel come back as trees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from hubel.arch import parse
from hubel.base.errors import NetworkError
from hubel.nn import inspect_onnx, network_of_onnx
from tests.nn.inspection.test_onnx_odd import floats, node, saved
from tests.nn.reading.test_onnx_exporters import written

TEXTS = [
    "9x5: lstm 4 sequences, conv1d 3 1",
    "9x5: gru 4 sequences, lstm 6, dense 3",
    "9x5: rnn 4 backwards, dense 2",
    "9x5: rnn 4 relu sequences, gru 3 nobias",
    "9x5: concat(lstm 4 | lstm 3 backwards), dense 3",
    "9x5: conv1d 6 3, relu, lstm 4 backwards sequences, gru 2",
    "9x5: lstm 4 nobias sequences, globalavgpool1d, dense 2",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["torch", "hubel"])
@pytest.mark.parametrize("text", TEXTS)
def test_they_come_back(text: str, way: str, tmp_path: Path) -> None:
    network = parse(text)
    found = network_of_onnx(written(network, way, tmp_path / "n.onnx"), network.input)
    assert str(found).replace(" keepdims=true, flatten", "") == str(network)


@pytest.mark.filterwarnings("ignore")
def test_embeddings_come_back(tmp_path: Path) -> None:
    network = parse("12: embed 30 5, lstm 4, dense 3")
    assert str(network_of_onnx(written(network, "hubel", tmp_path / "n.onnx"), (12,))) == str(network)


class Own(nn.Module):
    def __init__(self, cell: Any, takes: Callable[[Any], Tensor], reads: nn.Module) -> None:
        super().__init__()
        self.cell, self.takes, self.reads = cell, takes, reads
        self.out = nn.Linear(cell.hidden_size * (1 + cell.bidirectional), 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.takes(self.cell(self.reads(x))))


def both(given: Any) -> Tensor:
    return torch.cat([given[1][0][-2], given[1][0][-1]], 1)


MODELS: list[tuple[str, Any, Callable[[Any], Tensor], str]] = [
    ("the last step", nn.LSTM(5, 4, batch_first=True), lambda given: given[0][:, -1], "lstm 4"),
    ("the state", nn.LSTM(5, 4, batch_first=True), lambda given: given[1][0][0], "lstm 4"),
    ("a run of one step", nn.GRU(5, 4, batch_first=True), lambda given: given[0][:, -1:].flatten(1), "gru 4"),
    ("two layers", nn.GRU(5, 4, 2, batch_first=True), lambda given: given[1][-1], "gru 4 sequences, gru 4"),
    ("the first of two", nn.GRU(5, 4, 2, batch_first=True), lambda given: given[1][0], "gru 4"),
    ("both ways", nn.LSTM(5, 4, batch_first=True, bidirectional=True), both, "concat(lstm 4 | lstm 4 backwards)"),
    ("all", nn.RNN(5, 4, nonlinearity="relu", batch_first=True), lambda given: given[0], "rnn 4 sequences relu"),
    ("no biases", nn.LSTM(5, 4, bias=False, batch_first=True), lambda given: given[0][:, 8], "lstm 4 nobias"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize(("what", "cell", "takes", "text"), MODELS, ids=[model[0] for model in MODELS])
def test_pytorchs_own(
    what: str, cell: Any, takes: Callable[[Any], Tensor], text: str, table: bool, tmp_path: Path
) -> None:
    model = Own(cell, takes, nn.Embedding(30, 5) if table else nn.Identity()).eval()
    example = torch.zeros(1, 9, dtype=torch.long) if table else torch.zeros(1, 9, 5)
    torch.onnx.export(model, (example,), str(tmp_path / "n.onnx"), dynamo=False)
    if what == "the first of two":  # the second layer runs, and is in no tree
        with pytest.raises(NetworkError, match="the file as a tree would have"):
            network_of_onnx(tmp_path / "n.onnx")
    else:
        expected = f"9: embed 30 5, {text}, dense 3" if table else f"9x5: {text}, dense 3"
        assert str(network_of_onnx(tmp_path / "n.onnx")) == expected


STORED = {
    "w": floats(1, 12, 5),
    "r": floats(1, 12, 3),
    "b": floats(1, 24),
    "first": np.array([0]),
    "h": floats(1, 1, 3),
}
STEPS = node("Transpose", ["x"], ["t"], perm=[1, 0, 2])


@pytest.mark.parametrize(
    ("inputs", "outputs", "settings", "said"),
    [
        (["t", "w", "r", "b", "", "h"], ["", "s"], {}, "states begin with zeros, here with others"),
        (["t", "w", "r"], ["", "s"], {"activations": ["Sigmoid", "Tanh", "Relu"]}, "has no Sigmoid, Tanh, Relu"),
        (["t", "w", "r"], ["", "s"], {"clip": 3.0}, "no limits, coupled gates or peepholes"),
        (["t", "w", "r"], ["", "", "s"], {}, "of an LSTM's, GRU's or RNN's cells a tree has no Squeeze"),
        (["t", "w", "r"], ["s"], {"direction": "reverse"}, "states at all steps a tree has no Squeeze"),
    ],
)
def test_what_a_tree_has_not_is_said(
    inputs: list[str], outputs: list[str], settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    one = node("LSTM", inputs, outputs, hidden_size=3, **settings)
    squeezed = node("Squeeze", ["s", "axis"], ["y"])
    stored = {**STORED, "axis": np.array([1 if outputs[0] else 0])}
    with pytest.raises(NetworkError, match=said):
        network_of_onnx(saved(tmp_path / "n.onnx", [STEPS, one, squeezed], [1, 9, 5], stored))


def test_a_gru_that_resets_the_state_itself_is_another(tmp_path: Path) -> None:
    stored = {"w": floats(1, 9, 5), "r": floats(1, 9, 3), "axis": np.array([0])}
    squeezed = node("Squeeze", ["s", "axis"], ["y"])
    for before, said in ((0, "linear_before_reset=1"), (1, "")):
        one = node("GRU", ["t", "w", "r"], ["", "s"], hidden_size=3, linear_before_reset=before)
        file = saved(tmp_path / "g.onnx", [STEPS, one, squeezed], [1, 9, 5], stored)
        if said:
            with pytest.raises(NetworkError, match=said):
                network_of_onnx(file)
        else:
            assert str(network_of_onnx(file)) == "9x5: gru 3 nobias"


def test_a_table_of_rows_is_an_embedding_where_it_stands_first(tmp_path: Path) -> None:
    file = saved(tmp_path / "e.onnx", [node("Gather", ["table", "x"], ["y"])], [1, 6], {"table": floats(30, 4)})
    model = onnx.load(str(file))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.INT64, ["N", 6]))
    onnx.save(model, str(file))
    assert str(network_of_onnx(file)) == "6: embed 30 4"
    assert inspect_onnx(file).parameters == 120
