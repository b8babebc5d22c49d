"""What the size rule says where windows do not fit."""

from __future__ import annotations

import pytest

from hubel.arch import ShapeError, analyse, parse


@pytest.mark.parametrize(
    ("network", "shown"),
    [
        ("3x3x1: conv 1 5x5", "(3 − 5)/1 + 1 = −1"),
        ("3x3x1: conv 1 6x6/2", "(3 − 6)/2 + 1 = −0.5"),
        ("7x7x1: conv 1 3x3/3", "(7 − 3)/3 + 1 = 2.33"),
        ("224x224x3: conv 96 11x11/4", "(224 − 11)/4 + 1 = 54.25"),
        ("200002x3x1: conv 1 3x3/2", "(200002 − 3)/2 + 1 = 100,000.5"),
    ],
)
def test_size_before_rounding(network, shown):
    with pytest.raises(ShapeError) as refused:
        analyse(parse(network), strict=True)
    assert refused.value.values == shown
    assert "-" not in str(refused.value)
