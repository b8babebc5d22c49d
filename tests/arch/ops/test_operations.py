"""What layers say that they compute: shapes, arrays and functions as PyTorch has them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
import torch

from hubel.arch import Call, Layer, Shape, ops
from hubel.arch.ops.functions import FUNCTIONS
from hubel.nn._build import run_call
from tests.trees import LAYERS


def test_all_layers_say_what_they_compute() -> None:
    assert [kind.__name__ for kind in LAYERS if kind.lower is Layer.lower] == []


class Own(Layer):
    """A layer of a user's own, which does not say what it computes."""

    def output_shape(self, input: Shape) -> Shape:
        return input

    def call(self, input: Shape) -> Any:
        raise NotImplementedError


def test_a_layer_that_says_nothing_is_opaque_and_refused_in_words() -> None:
    operation = Own().lower((3,))
    assert isinstance(operation, ops.Opaque)
    said = operation.refusal("it cannot run in a page")
    assert said == "Own does not say what it computes (it has no `lower`), so it cannot run in a page"


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function.arithmetic])
def test_a_function_is_what_pytorch_computes(name: str) -> None:
    function = FUNCTIONS[name]
    xs = [-800.0, -30.0, -3.5, -3.0, -1.0, -0.25, 0.0, 0.5, 2.0, 3.0, 6.5, 30.0, 800.0]
    module = run_call(Call(function.torch, {**function.constants, **function.torch_arguments}))
    wanted = module(torch.tensor(xs, dtype=torch.float64)).tolist()
    found = [float(function.at(x, **function.constants)) for x in xs]
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert all(function.bounds[0] <= value <= function.bounds[1] for value in found)
    cloned = dict.fromkeys(("linear", "rescale", "clip"), "torch.clone")
    torch_function = cloned.get(name, function.function)
    called = eval(torch_function, {"torch": torch, "functional": torch.nn.functional})
    assert called(torch.tensor(xs, dtype=torch.float64), **function.torch_arguments).tolist() == wanted


def test_whole_numbers_and_fractions_stay_exact_where_a_function_only_adds_and_multiplies() -> None:
    assert FUNCTIONS["hardswish"].at(1) == Fraction(2, 3)
    assert FUNCTIONS["relu6"].at(Fraction(13, 2)) == 6


def test_a_pool_that_rounds_up_counts_padding_as_pytorch_does() -> None:
    from hubel.arch import AveragePooling2D

    layer = AveragePooling2D((3, 2), (2, 2), padding=((1, 1), (1, 1)), ceil_mode=True, count_padding=True)
    for shape in ((6, 5, 1), (7, 4, 1), (4, 7, 1)):
        operation = layer.lower(shape)
        assert isinstance(operation, ops.Span)
        ones = torch.ones(1, 1, *shape[:2])
        shares = run_call(layer.call(shape))(ones)[0, 0]
        counted = [
            [math.prod(stretch.end - stretch.first for stretch in pair) / math.prod(s.divisor for s in pair)
             for pair in ((rows, columns) for columns in operation.spans[1])]
            for rows in operation.spans[0]
        ]  # fmt: skip
        assert torch.allclose(shares, torch.tensor(counted))
