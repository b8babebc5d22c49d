"""The moving average looks back on the last tenth of the steps, statistics of normalisation included."""

from __future__ import annotations

import torch
from torch import nn

from hubel.arch import parse
from hubel.nn import build
from hubel.train.loop.ways.average import MovingAverage


def filled(module: nn.Module, value: float) -> nn.Module:
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.fill_(value)
    return module


def values(average: MovingAverage) -> set[float]:
    return {float(each) for tensor in average.module.state_dict().values() for each in tensor.flatten().double()}


def test_the_first_step_is_taken_over_and_later_ones_blend_in() -> None:
    network = build(parse("6x6x1: conv 2 3x3, norm, relu, flatten, dense 3"))
    average = MovingAverage(network, 0.99)
    filled(network, 8.0)
    average.update(average.share(0))
    assert values(average) == {8.0}
    filled(network, 19.0)
    average.update(average.share(1))  # 8 + 10/11 · 11; counts are not averaged
    assert {round(value, 4) for value in values(average)} == {18.0, 19.0}


def test_far_on_the_decay_decides() -> None:
    network = build(parse("6x6x1: conv 2 3x3, norm, flatten, dense 3"))
    average = MovingAverage(filled(network, 0.0), 0.99)
    filled(network, 100.0)
    average.update(average.share(5000))
    floats = {round(float(t.max()), 3) for t in average.module.state_dict().values() if t.is_floating_point()}
    assert floats == {1.0}


def test_it_is_better_than_the_weights_it_averages() -> None:
    torch.manual_seed(0)
    truth = torch.randn(20)
    network = nn.Linear(20, 1, bias=False)
    average = MovingAverage(network, 0.99)
    for step in range(400):  # each step sees noise, as each batch does
        with torch.no_grad():
            network.weight.copy_(truth + torch.randn(20))
        average.update(average.share(step))
    own, averaged = ((each - truth).norm().item() for each in (network.weight, average.module.weight))
    assert averaged < own / 4
