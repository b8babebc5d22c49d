from fractions import Fraction

import pytest

from hubel.base.numbers import counted, exact_text, number_text, plural, rounded_text, short_text


def test_counts() -> None:
    assert [counted(n, "row") for n in (0, 1, 2, 12345)] == ["0 rows", "1 row", "2 rows", "12,345 rows"]
    assert [f"the last {plural(n, 'row')}" for n in (1, 3)] == ["the last row", "the last 3 rows"]


@pytest.mark.parametrize(
    ("value", "exactly", "short"),
    [
        (-4, "−4", "−4"),
        (Fraction(13, 4), "3.25", "3.25"),
        (Fraction(-1, 2), "−0.5", "−0.5"),
        (Fraction(-1, 16), "−0.0625", "−0.0625"),
        (Fraction(122, 9), "122/9", "13.56"),
        (Fraction(20000, 3), "20000/3", "6666.7"),
        (0.5, "0.5", "0.5"),
        (-1.5e-9, "−1.5·10⁻⁹", "−1.5·10⁻⁹"),
    ],
)
def test_exactly_and_in_few_characters(value: int | Fraction | float, exactly: str, short: str) -> None:
    assert (exact_text(value), rounded_text(value)) == (exactly, short)


def test_results_have_thousands() -> None:
    found = [number_text(value) for value in (608, 1000403, Fraction(7, 3), -0.5, 12345.67)]
    assert found == ["608", "1,000,403", "2.333", "-0.5", "1.235e+04"]


def test_captions_have_three_figures() -> None:
    values = (0, -0.5, 0.123456, 999.9, 9999.9, 12345.6, 123456.0, -1.5e-10)
    assert [short_text(value) for value in values] == [
        "0",
        "−0.5",
        "0.123",
        "1000",
        "10000",
        "12346",
        "1.23·10⁵",
        "−1.50·10⁻¹⁰",
    ]
