"""Pooling along the steps of a sequence."""

from __future__ import annotations

from hubel.arch._layer import register
from hubel.arch.layers.pooling import AveragePooling, GlobalPooling, MaxPooling


@register("maxpool1d", label="pool", positional=("pool_size",))
class MaxPooling1D(MaxPooling):
    """Keep the largest number of each window of steps: T×C → T′×C. Settings as in `MaxPooling2D`, ints."""

    pool_size: int = 2
    strides: int | None = None

    axes = 1


@register("avgpool1d", label="pool", positional=("pool_size",))
class AveragePooling1D(AveragePooling):
    """Average each window of steps: T×C → T′×C. Settings as in `AveragePooling2D`, ints."""

    pool_size: int = 2
    strides: int | None = None

    axes = 1


@register("globalavgpool1d", label="pool")
class GlobalAveragePooling1D(GlobalPooling):
    """Average each channel over all steps: T×C → (C,)."""

    axes = 1
    how = "mean"


@register("globalmaxpool1d", label="pool")
class GlobalMaxPooling1D(GlobalPooling):
    """Keep each channel's largest number over all steps: T×C → (C,)."""

    axes = 1
    how = "max"
