"""What an error says would fit does fit: every suggestion, carried out, works under `strict` and gives what it said."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hubel.arch import Chain, Conv2D, Fit, MaxPooling2D, Network, ShapeError, analyse

LAYERS = st.sampled_from([Conv2D, MaxPooling2D])


def misfit(layer: Conv2D | MaxPooling2D, length: int) -> ShapeError | None:
    """Return what `strict` says of a layer on rows of `length`; its columns always fit."""
    try:
        analyse(Network((length, 1, 1), Chain(layer)), strict=True)
    except ShapeError as error:
        return error
    return None


def rows_of(fit: Fit, layer: Conv2D | MaxPooling2D, length: int) -> int:
    """Carry out a suggestion, and return how many rows come out; raise `ShapeError` where it does not fit after all."""
    numbers = [int(number) for number in re.findall(r"\d+", fit.value)]
    rows, sized = numbers[0], "kernel_size" if isinstance(layer, Conv2D) else "pool_size"
    if fit.argument == "strides":
        layer = replace(layer, strides=(rows, 1))
    elif fit.argument == "padding":
        layer = replace(layer, padding=((rows, numbers[-1]), (0, 0)))
    elif fit.argument == sized:
        layer = replace(layer, **{sized: (rows, 1)})
    else:
        assert fit.argument == "input height"
        length = rows
    return analyse(Network((length, 1, 1), Chain(layer)), strict=True).output_shape[0]


@given(LAYERS, st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2), st.integers(1, 3))
def test_every_suggestion_fits(
    kind: type[Conv2D] | type[MaxPooling2D], length: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    if kind is Conv2D:
        sides = ((padding, padding), (0, 0))
        layer = Conv2D(1, (kernel, 1), (stride, 1), sides, dilation_rate=(dilation, 1))
    else:
        layer = MaxPooling2D((kernel, 1), (stride, 1), ((min(padding, kernel // 2),) * 2, (0, 0)))
    error = misfit(layer, length)
    assume(error is not None)
    assert error is not None
    assert error.fits
    for fit in error.fits:
        if kind is MaxPooling2D and fit.argument == "padding" and int(re.findall(r"\d+", fit.value)[-1]) > kernel // 2:
            pytest.fail(f"{layer} on {length} rows: suggested {fit}, but a pool's padding is at most half its window")
        assert rows_of(fit, layer, length) == int(fit.result), (str(layer), length, str(fit))
