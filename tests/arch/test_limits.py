"""Short texts that mean endless work are refused in words, with the place and the setting that would allow them."""

from __future__ import annotations

import pytest

from hubel.arch import ShapeError, analyse, parse
from hubel.base.errors import LimitError

MANY = ", ".join(f"conv 1 {kernel}x1 same" for kernel in range(1, 60))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8x8x3: conv 8 30000000", "kernel_size: expected at most 262,144"),
        ("8x8x3: conv 8 3 dilation=30000000", "dilation_rate: expected at most"),
        ("8x8x3: conv 8 3/30000000", "strides: expected at most"),
        ("8x8x3: conv 8 3 padding=30000000", "padding"),
        ("8x8x3: adaptiveavgpool 30000000", "output_size: expected at most"),
        ("8x8x3: upsample 30000000", "size: expected at most"),
        ("8x8x3: relu, upsample 40000", "upsample1: 320000×320000×3: expected at most"),
        ("1024x8x3: upsample 256, upsample 2", "upsample2: 524288×4096×3: expected"),
        ("8x8x3: 20 * upsample 2", "upsample16: 524288×524288×3: expected at most"),
        ("30000000x8x3: relu", "30000000×8×3: expected at most"),
        ("8x8x30000000: relu", "8×8×30000000: expected at most 1,048,576 (channels"),
        ("8x8x3: conv 30000000 1x1", "conv1: 8×8×30000000: expected at most 1,048,576 (channels"),
        ("8x8x3: flatten, dense 9999999999999", "units: expected at most"),
        ("8x8x3: 20001 * relu", "column 8: the network: expected at most 20,000 (layers"),
        (f"100x100x1: upsample 2600, {MANY}", "expected at most 16,777,216 (rows and columns worked through"),
    ],
)
def test_what_would_never_end_is_refused_at_its_place(text, words):
    with pytest.raises(ValueError, match="HUBEL_MOST_") as refused:
        analyse(parse(text))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "200000x200000x1: conv 1 3 dilation=90000, conv 1 3 dilation=999",
        "262144x4x1: conv 1 100000x1 dilation=2",
        "4096x4096x1: conv 1 3/4001 dilation=2000",
        "2000x1x3: concat(" + "|".join(f"upsample {n}x1, conv 3 3x1/{n}x1 same" for n in (2, 3, 5, 7, 11, 13)) + ")",
        "2x2x3: deconv 3 200000/200000 padding=99000",
        "8x8x3: 10000 * relu",
    ],
)
def test_large_numbers_that_can_be_worked_out_are(text):
    analyse(parse(text))


@pytest.mark.parametrize("text", ["8x8x3: conv 8 200000/100000", "8x8x3: conv 7919 1x1, conv 7919 1x1, shuffle 7907"])
def test_what_would_fit_instead_of_a_large_number_is_found(text):
    with pytest.raises(ShapeError, match="what would fit"):
        analyse(parse(text))


def test_a_setting_allows_what_is_meant(monkeypatch):
    text = "1000000x1x1: conv 8 9x1/4 same, globalavgpool, dense 2"
    with pytest.raises(LimitError, match="HUBEL_MOST_ROWS=1000000"):
        analyse(parse(text))
    monkeypatch.setenv("HUBEL_MOST_ROWS", "1000000")
    assert analyse(parse(text)).output_shape == (2,)
