"""PyTorch's recurrent modules, and weights that a model works out when it runs, as trees with the same outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import analyse, parse
from hubel.nn import network_of, translate
from hubel.nn.reading.torch import TrainingAloneWarning

SHAPE = (9, 3)


class Own(nn.Module):
    """A convolution along steps, something recurrent, and what takes its answer."""

    def __init__(self, recurrent: nn.Module, takes: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.recurrent, self.takes = nn.Conv1d(3, 4, 3), recurrent, takes

    def forward(self, x: Tensor) -> Tensor:
        return self.takes(self.recurrent, self.conv(x))


def last(recurrent: Any, x: Tensor) -> Any:
    return recurrent(x.permute(0, 2, 1))[0][:, -1]


def carried(recurrent: Any, x: Tensor) -> Any:
    return recurrent(x.transpose(1, 2))[1]


def begun(recurrent: Any, x: Tensor) -> Any:
    return recurrent(x.transpose(1, 2), torch.zeros(1, len(x), 5))[0][:, -1, :]


@pytest.mark.filterwarnings("ignore::hubel.nn.reading.torch.TrainingAloneWarning")
@pytest.mark.parametrize(
    ("recurrent", "takes", "text"),
    [
        (nn.LSTM(4, 5, batch_first=True), last, "lstm 5"),
        (nn.LSTM(4, 5, 2, batch_first=True, dropout=0.2), last, "lstm 5 sequences, dropout 0.2, lstm 5"),
        (nn.LSTM(4, 5, batch_first=True), lambda r, x: carried(r, x)[0][-1], "lstm 5"),
        (nn.LSTM(4, 5, batch_first=True), lambda r, x: carried(r, x)[0].squeeze(0), "lstm 5"),
        (nn.LSTM(4, 5, batch_first=True, bias=False), last, "lstm 5 nobias"),
        (nn.LSTM(4, 5), lambda r, x: r(x.permute(2, 0, 1))[0][-1], "lstm 5"),
        (nn.LSTM(4, 5, batch_first=True, bidirectional=True),
         lambda r, x: (lambda h: torch.cat([h[-2], h[-1, :, :]], 1))(carried(r, x)[0]),
         "concat(lstm 5 | lstm 5 backwards)"),
        (nn.LSTM(4, 5, batch_first=True), lambda r, x: r(x.transpose(1, 2))[0].mean(1),
         "lstm 5 sequences, globalavgpool1d"),
        (nn.LSTM(4, 5, batch_first=True), lambda r, x: (lambda o: o.mean(1) + o[:, -1])(r(x.transpose(1, 2))[0]),
         "lstm 5 sequences, sum(globalavgpool1d | reshape 7x1x5, crop 6/0x0/0, reshape 1x5, flatten)"),
        (nn.GRU(4, 5, batch_first=True), last, "gru 5"),
        (nn.GRU(4, 5, 2, batch_first=True), lambda r, x: carried(r, x)[-1], "gru 5 sequences, gru 5"),
        (nn.GRU(4, 5, batch_first=True), begun, "gru 5"),
        (nn.RNN(4, 5, batch_first=True, nonlinearity="relu"), last, "rnn 5 relu"),
    ],
)  # fmt: skip
def test_the_tree_computes_the_same(recurrent: nn.Module, takes: Any, text: str) -> None:
    model = Own(recurrent, takes).eval()
    module = translate(model, SHAPE)
    assert module.network == parse(f"9x3: conv1d 4 3, {text}")
    x = torch.randn(2, 3, 9)
    torch.testing.assert_close(module(x), model(x))


@pytest.mark.parametrize(
    ("recurrent", "takes", "said"),
    [
        (nn.LSTM(4, 5, batch_first=True), lambda r, x: carried(r, x)[1][-1], "gives its state, not its cell"),
        (nn.LSTM(4, 5, batch_first=True, bidirectional=True), last, "no place for the states of both ways"),
        (nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True), last, "reads both ways in one layer"),
        (nn.LSTM(4, 5, batch_first=True, proj_size=2), last, "proj_size"),
        (nn.LSTM(4, 5), last, "its input, T×N×C"),
        (nn.GRU(4, 5, 2, batch_first=True), lambda r, x: carried(r, x).mean(0), "a tree takes one: h"),
        (nn.GRU(4, 5, batch_first=True), lambda r, x: r(x.mT, torch.ones(1, len(x), 5))[0][:, -1], "begin with zeros"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_named(recurrent: nn.Module, takes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_of(Own(recurrent, takes), SHAPE)


def test_two_biases_that_are_added_are_one_and_that_is_said() -> None:
    model = Own(nn.LSTM(4, 5, batch_first=True), last)
    with pytest.warns(TrainingAloneWarning, match=r"lstm1\.bias_ih_l0: worked out of the model's parameters"):
        module = translate(model, SHAPE)
    assert analyse(module.network).parameters == sum(p.numel() for p in model.parameters()) - 20
    added = model.recurrent.bias_ih_l0 + model.recurrent.bias_hh_l0  # type: ignore[union-attr, operator]
    torch.testing.assert_close(module.get_parameter("lstm1.bias_ih_l0"), added)


class Standardised(nn.Conv2d):
    """A convolution whose weights are standardised whenever it runs (Qiao et al., 2019), and scaled."""

    def __init__(self, *given: int) -> None:
        super().__init__(*given)
        self.gain = nn.Parameter(torch.full((given[1], 1, 1, 1), 0.7))

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = self.weight.mean((1, 2, 3), keepdim=True), self.weight.std((1, 2, 3), keepdim=True)
        return functional.conv2d(x, self.gain * (self.weight - mean) / (deviation + 1e-5), self.bias)


class ByBatchNorm(Standardised):
    """The same, by PyTorch's batch normalisation of the weights (timm)."""

    def forward(self, x: Tensor) -> Tensor:
        rows = self.weight.reshape(1, self.out_channels, -1)
        weight = functional.batch_norm(rows, None, None, self.gain.view(-1), training=True, momentum=0.0)
        return functional.conv2d(x, weight.reshape_as(self.weight), self.bias)


@pytest.mark.parametrize("kind", [Standardised, ByBatchNorm])
def test_weights_that_are_worked_out_are_folded_and_that_is_said(kind: type[Standardised]) -> None:
    model = nn.Sequential(kind(3, 4, 3), nn.ReLU(), kind(4, 2, 3)).eval()
    with pytest.warns(TrainingAloneWarning, match=r"conv1\.weight, conv2\.weight: worked out of the model's param"):
        module = translate(model, (8, 8, 3))
    assert str(module.network) == "8x8x3: conv 4 3x3, relu, conv 2 3x3"
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(module(x), model(x))
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_what_a_buffer_takes_part_in_is_refused() -> None:
    class Masked(nn.Conv2d):
        def __init__(self) -> None:
            super().__init__(3, 4, 3)
            self.register_buffer("mask", torch.ones(3, 3).triu())

        def forward(self, x: Tensor) -> Tensor:
            return functional.conv2d(x, self.weight * self.mask, self.bias)

    with pytest.raises(ValueError, match="worked out when it runs, not of parameters alone"):
        network_of(nn.Sequential(Masked()), (8, 8, 3))
