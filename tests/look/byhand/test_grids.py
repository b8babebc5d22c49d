"""Grids of numbers: what people type, and what they read."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubel.base.numbers import exact_text
from hubel.look.byhand.grids import read_number, read_planes

SQUARE = (((1, -1), (1, 0)),)


@pytest.mark.parametrize(
    "text",
    [
        "1 -1 / 1 0",
        "1 −1 / 1 0",
        "1 –1/1 0",
        "1,-1/1,0",
        "1, -1/1, 0",
        "1, -1; 1, 0",
        "1 -1\n1 0\n",
        "1 -1;1 0;",
        "[[1, -1], [1, 0]]",
        "[[1 -1]\n [1 0]]",
        "1.0 -1e0 / +1 0.",
        "2/2 -3/3 / 1 0",
    ],
)
def test_ways_of_writing_a_grid(text):
    assert read_planes(text) == SQUARE


def test_fractions_and_channels():
    ninth = Fraction(1, 9)
    assert read_planes("1/9 1/9 | .5 2e-1") == (((ninth, ninth),), ((Fraction(1, 2), Fraction(1, 5)),))
    assert read_planes("1/2") == (((Fraction(1, 2),),),)
    assert read_planes("0, 1/9") == (((0, ninth),),)
    assert read_planes("1/9,1/9 / 1/9,1/9") == (((ninth, ninth),) * 2,)
    assert read_planes("0 1/9 0 1/9 0;") == (((0, ninth, 0, ninth, 0),),)
    assert read_planes("1/2/3") == (((1,), (2,), (3,)),)


@pytest.mark.parametrize(
    "text",
    [
        "1 2 / 3 4 | 5 6 / 7 8",
        "1 2/3 4//5 6/7 8",
        "\n1 2\n3 4\n\n5 6\n7 8\n\n",
        "[[[1,2],[3,4]],[[5,6],[7,8]]]",
        "[[[1 2]\n  [3 4]]\n\n [[5 6]\n  [7 8]]]",
    ],
)
def test_ways_of_writing_channels(text):
    assert read_planes(text) == (((1, 2), (3, 4)), ((5, 6), (7, 8)))


@pytest.mark.parametrize("text", ["1,2,3\n4,5,6", "1, 2, 3 / 4, 5, 6", "[[1,2,3],[4,5,6]]", "1.0,2,3 / 4,5,6"])
def test_commas_between_numbers(text):
    assert read_planes(text) == (((1, 2, 3), (4, 5, 6)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,5 0,5 / 0,5 0,5", "received '0,5'; write 0.5, or 0, 5"),
        ("1,5 2 / 3 4", "received '1,5'; write 1.5, or 1, 5"),
        ("0 1 / 2 12,5", "received '12,5'; write 12.5, or 12, 5"),
        ("0,5;1,5", "received '0,5'"),
        ("0,1/9", "received '0,1'; write 0.1, or 0, 1"),
        ("1e400 1 / 1 1", "received '1e400', whose exponent has more than two digits"),
        ("", "received none"),
        ("1 2 / 3", "received 2 numbers in row 0 and 1 in row 1: '3'"),
        ("1 2 3/4 5 6/7 8", r"in row 2: '7 8' \(a row of fractions ends with ';'\)"),
        ("1 2 | 3", "channels of one size, received 1×2, 1×1"),
        ("1 x", "received 'x'"),
        ("1/0", "divides by 0"),
        ("1e999999999", "expected a number"),
        ("9" * 100, "expected a number"),
        ("nan", "expected a number"),
        ("١", "expected a number"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(ValueError, match=message):
        read_planes(text)


def test_a_decimal_comma_of_one_number_is_told_how_to_write_it():
    with pytest.raises(ValueError, match=r"received '−1,5'; write −1\.5"):
        read_number("−1,5")
    assert read_number("–1.5") == Fraction(-3, 2)


@given(st.fractions(-1000, 1000, max_denominator=1000))
def test_what_is_written_exactly_is_read_back(value):
    assert read_number(exact_text(value)) == value
