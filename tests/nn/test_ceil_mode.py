"""Pools that round up, on maps down to smaller than their window: sizes and numbers as PyTorch has them."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from hubel.arch import AveragePooling2D, Chain, MaxPooling2D, Network, ShapeError, analyse, parse
from hubel.nn import build

SETTINGS = [(k, s, p) for k, s, p in product(range(1, 6), range(1, 5), range(3)) if p <= k // 2]


@pytest.mark.parametrize("size", range(1, 7))
@pytest.mark.parametrize("counted", [None, True, False])
def test_as_pytorch(size: int, counted: bool | None) -> None:
    image = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(size))
    for kernel, stride, padding in SETTINGS:
        if counted is None:
            theirs: nn.Module = nn.MaxPool2d(kernel, stride, padding, ceil_mode=True)
            ours: MaxPooling2D | AveragePooling2D = MaxPooling2D(kernel, stride, padding, ceil_mode=True)
        else:
            theirs = nn.AvgPool2d(kernel, stride, padding, ceil_mode=True, count_include_pad=counted)
            ours = AveragePooling2D(kernel, stride, padding, ceil_mode=True, count_padding=counted)
        network = Network((size, size, 2), Chain(ours))
        try:
            expected = theirs(image)
        except RuntimeError:  # "Output size is too small"
            with pytest.raises(ShapeError):
                analyse(network)
            continue
        assert analyse(network).rows[-1].output_shape == (*expected.shape[2:], 2)
        assert torch.equal(build(network)(image), expected)


def test_the_size_rule_is_explained() -> None:
    report = analyse(parse("2x2x3: maxpool 3/2 ceil_mode=true"))
    assert report.rows[0].output_shape == (1, 1, 3)
    assert not report.notes
    with pytest.raises(ShapeError, match="expected an input of at least 3×3"):
        analyse(parse("2x2x3: maxpool 3/2"))
