"""Convolution and pooling by hand: the course's figures, a naive definition, and PyTorch."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from hubel.arch import ShapeError
from hubel.arch.ops import FUNCTIONS
from hubel.look.byhand.convolve import ACTIVATIONS, convolve, pool
from hubel.look.byhand.kernels import KERNELS
from tests.work import examples

PHOTO = "122 134 124 25 45 / 153 210 112 47 96 / 66 48 68 45 45 / 11 123 45 78 128"
BITS = "1 1 1 0 0 / 0 1 1 1 0 / 0 0 1 1 1 / 0 0 1 1 0 / 0 1 1 0 0"
SIXTEEN = "1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4"


@pytest.mark.parametrize(
    ("image", "kernel", "output"),
    [
        (PHOTO, "1 −1 / 1 0", ((141, 220, 211, 27), (9, 146, 133, -4), (29, 103, 68, 78))),
        (BITS, "1 0 1 / 0 1 0 / 1 0 1", ((4, 3, 4), (2, 4, 3), (2, 3, 4))),
    ],
)
def test_the_courses_convolutions(image, kernel, output):
    walk = convolve(image, kernel)
    assert walk.output == output
    assert all(type(number) is int for row in walk.output for number in row)


def test_the_courses_first_cell_product_by_product():
    terms = convolve(BITS, "1 0 1 / 0 1 0 / 1 0 1").step(0, 0).terms
    written = "+".join(f"{term.value}·{term.weight}" for term in terms)
    assert written == "1·1+1·0+1·1+0·0+1·1+1·0+0·1+0·0+1·1"
    assert [term.sum for term in terms] == [1, 1, 2, 2, 3, 3, 3, 3, 4]


def test_running_sums():
    step = convolve(PHOTO, "1 -1 / 1 0").step(0, 0)
    assert [(t.product, t.sum) for t in step.terms] == [(122, 122), (-134, -12), (153, 141), (0, 141)]
    assert (step.sum, step.value, list(step.rows), list(step.columns)) == (141, 141, [0, 1], [0, 1])


def test_the_courses_pooling():
    assert pool(SIXTEEN, "max").output == ((6, 8), (3, 4))
    assert pool(SIXTEEN, "average").output == ((Fraction(13, 4), Fraction(21, 4)), (2, 2))


def test_padding_does_not_count_in_pooling():
    assert pool("-3 -5 / -1 -7", "max", padding=1).output == ((-3, -5), (-1, -7))
    assert pool("-3 -5 / -1 -7", "average", padding=((1, 0), (0, 1)), strides=1).output == (
        (-4, -5),
        (-4, -6),
    )


def test_the_courses_kernels():
    assert KERNELS["edge"].grid == ((0, 1, 0), (1, -4, 1), (0, 1, 0))
    assert KERNELS["emboss"].grid == ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))


def test_kernels_of_averages_add_up_to_one_and_those_of_edges_to_nothing():
    totals = {name: sum(map(sum, kernel.grid)) for name, kernel in KERNELS.items()}
    assert {name for name, total in totals.items() if total == 1} == {
        "identity", "emboss", "sharpen", "blur", "gaussian",
    }  # fmt: skip
    assert set(totals.values()) == {0, 1}


def test_a_dot_of_75_numbers_and_a_bias():
    walk = convolve([[[1] * 32] * 32] * 3, [[[1] * 5] * 5] * 3, bias=1)
    assert walk.output_size == (28, 28)
    assert len(walk.step(27, 27).terms) == 75
    assert walk.output[27][27] == 76


def test_exact_arithmetic():
    assert convolve([[0.1, 0.2]], [[1, 1]]).output == ((Fraction(3, 10),),)
    assert convolve("1 1 1 / 1 1 1 / 1 1 1", "blur").output == ((1,),)


def test_bias_and_activation():
    walk = convolve(PHOTO, "1 -1 / 1 0", bias=-30, activation="relu")
    assert walk.output == ((111, 190, 181, 0), (0, 116, 103, 0), (0, 73, 38, 48))
    step = walk.step(1, 0)
    assert (step.sum, step.value) == (9, 0)


def test_flip_makes_it_the_convolution_of_mathematics():
    image, kernel = "0 0 0 / 0 1 0 / 0 0 0", "1 2 3 / 4 5 6 / 7 8 9"
    same = {"padding": "same"}
    assert convolve(image, kernel, **same).output == ((9, 8, 7), (6, 5, 4), (3, 2, 1))
    assert convolve(image, kernel, flip=True, **same).output == ((1, 2, 3), (4, 5, 6), (7, 8, 9))


@pytest.mark.parametrize(
    ("how", "rule", "size"),
    [
        ({}, "(7 − 3)/1 + 1 = 5", 5),
        ({"strides": 2}, "(7 − 3)/2 + 1 = 3", 3),
        ({"padding": 1}, "(7 + 2·1 − 3)/1 + 1 = 7", 7),
        ({"dilation": 2}, "(7 − ((3 − 1)·2 + 1))/1 + 1 = 3", 3),
    ],
)
def test_the_size_rule(how, rule, size):
    walk = convolve([[0] * 7] * 7, "edge", **how)
    assert walk.rules == (rule, rule)
    assert walk.output_size == (size, size)


def test_what_leaves_a_row_uncovered_is_noted_and_refused_on_demand():
    walk = convolve([[0] * 7] * 7, "edge", strides=3)
    assert walk.notes[0] == "(7 − 3)/3 + 1 = 2.33: the last row of 7 not covered, dropped"
    assert "strides 2 → 3" in walk.notes[-1]
    with pytest.raises(ShapeError, match=r"received \(7 − 3\)/3 \+ 1 = 2\.33"):
        walk.check_strictly()
    convolve([[0] * 7] * 7, "edge", strides=2).check_strictly()


def test_what_does_not_fit_says_what_would():
    with pytest.raises(ShapeError, match="expected an input of at least 3×3, received 2×2") as caught:
        convolve("1 2 / 3 4", "edge")
    assert "padding 1 → 2" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: convolve(PHOTO, "egde"), "did you mean 'edge'"),
        (lambda: convolve(PHOTO, "1 | 2"), "as many channels as the image has, 1, received 2"),
        (lambda: convolve(PHOTO, "1", activation="softmax"), "softmax compares several channels"),
        (lambda: convolve(PHOTO, "1").step(4, 0), "row of the output from 0 to 3, received 4"),
        (lambda: convolve(PHOTO, "1").step(0, -1), "column of the output from 0 to 4, received -1"),
        (lambda: convolve([[1, 2], [3]], "1"), "rows of equal length, received 2, 1"),
        (lambda: convolve([[[1, 2]], [[3]]], "1 | 1"), "channels of one size, received 1×2, 1×1"),
        (lambda: convolve([[math.nan]], "1"), "finite number"),
        (lambda: pool("1 | 2", "max", size=1), "one channel"),
        (lambda: pool("1", "least"), "'max' or 'average', received 'least'"),
        (lambda: pool(SIXTEEN, "max", padding=2), "at most half of pool_size"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


small = st.fractions(-9, 9, max_denominator=4)


def grids(rows, columns):
    row = st.lists(small, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows)


@st.composite
def walks(draw):
    height, width = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    how = {
        "strides": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "padding": ((draw(st.integers(0, 2)), draw(st.integers(0, 2))), (draw(st.integers(0, 2)), 0)),
        "dilation": (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
    }
    channels = draw(st.integers(1, 2))
    image = [draw(grids(height, width)) for _ in range(channels)]
    weights = [draw(grids(*kernel)) for _ in range(channels)]
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, how["dilation"], strict=True)]
    room = [n + sum(p) for n, p in zip((height, width), how["padding"], strict=True)]
    assume(all(e <= r for e, r in zip(extents, room, strict=True)))
    return image, weights, how, draw(small)


@settings(max_examples=examples(25))
@given(walks())
def test_against_the_definition(case):
    image, weights, how, bias = case
    walk = convolve(image, weights, bias=bias, **how)
    (top, _), (left, _) = how["padding"]
    (down, across), (apart, aside) = how["strides"], how["dilation"]

    def at(plane, i, j):
        return plane[i][j] if 0 <= i < len(plane) and 0 <= j < len(plane[0]) else 0

    for r, row in enumerate(walk.output):
        for c, value in enumerate(row):
            total = bias + sum(
                at(plane, r * down - top + i * apart, c * across - left + j * aside) * weight
                for plane, grid in zip(image, weights, strict=True)
                for i, line in enumerate(grid)
                for j, weight in enumerate(line)
            )
            step = walk.step(r, c)
            assert value == total == step.value
            assert step.terms[-1].sum == step.sum == sum(term.product for term in step.terms)
    assert len(list(walk.steps())) == math.prod(walk.output_size)


@settings(max_examples=examples(30))
@given(walks(), st.sampled_from([None, *ACTIVATIONS]))
def test_against_conv2d(case, activation):
    image, weights, how, bias = case
    walk = convolve(image, weights, bias=bias, activation=activation, **how)
    (top, bottom), (left, right) = how["padding"]
    tensors = [
        torch.tensor([[[float(x) for x in row] for row in grid] for grid in grids]) for grids in (image, weights)
    ]
    padded = functional.pad(tensors[0][None].double(), (left, right, top, bottom))
    expected = functional.conv2d(
        padded,
        tensors[1][None].double(),
        torch.tensor([float(bias)]).double(),
        how["strides"],
        dilation=how["dilation"],
    )
    if activation:
        expected = getattr(torch.nn, FUNCTIONS[activation].torch)()(expected)
    found = torch.tensor([[float(x) for x in row] for row in walk.output]).double()
    torch.testing.assert_close(found, expected[0, 0], rtol=1e-5, atol=1e-5)


@settings(max_examples=examples(30))
@given(
    st.tuples(st.integers(3, 8), st.integers(3, 8)).flatmap(lambda size: grids(*size)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.booleans(),
)
def test_against_max_pool2d_and_avg_pool2d(image, size, strides, padded):
    padding = tuple(side // 2 for side in size) if padded else (0, 0)
    tensor = torch.tensor([[[float(x) for x in row] for row in image]]).double()
    how = {"size": size, "strides": strides, "padding": padding}
    largest = functional.max_pool2d(tensor, size, strides, padding)
    average = functional.avg_pool2d(tensor, size, strides, padding, count_include_pad=False)
    for kind, expected in (("max", largest), ("average", average)):
        walk = pool(image, kind, **how)
        found = torch.tensor([[float(x) for x in row] for row in walk.output]).double()
        torch.testing.assert_close(found, expected[0], rtol=1e-6, atol=1e-6)
