"""Layers that do nothing to a picture or a sequence when the network predicts."""

from __future__ import annotations

from typing import ClassVar

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, size
from hubel.arch._window import need_axes
from hubel.base.errors import SettingError


@register("dropout", positional=("rate",))
class Dropout(Layer):
    """Set a share `rate` of the numbers to zero in training, and enlarge the rest: Srivastava et al. (2014)."""

    rate: float = 0.5

    def check(self) -> None:
        """Check the rate."""
        if not isinstance(self.rate, (int, float)) or isinstance(self.rate, bool) or not 0 <= self.rate < 1:
            raise SettingError(f"expected rate from 0 up to (not including) 1, received {self.rate!r}")
        self._set(rate=float(self.rate))

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def lower(self, input: Shape) -> ops.Operation:
        """Return what prediction does: nothing."""
        return ops.Pass(input, input, self.rate)

    def call(self, input: Shape) -> Call:
        """Return `Dropout`."""
        return Call("Dropout", {"p": self.rate})

    def keeps(self, input: Shape) -> Keeps:
        """Keep what was dropped: a factor for each number."""
        return Keeps(extra_bytes=4 * size(input)) if self.rate else Keeps()

    def shares_input(self) -> bool:
        """Tell whether nothing is dropped."""
        return self.rate == 0


class _SpatialDropout(Dropout):
    """Whole channels of an input with so many axes."""

    axes: ClassVar[int]

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        need_axes(type(self).__name__, input, self.axes)
        return input

    def lower(self, input: Shape) -> ops.Operation:
        """Return what prediction does: nothing."""
        return ops.Pass(input, input, self.rate, channels=True)

    def call(self, input: Shape) -> Call:
        """Return `Dropout1d` or `Dropout2d`."""
        return Call(f"Dropout{self.axes - 1}d", {"p": self.rate})

    def keeps(self, input: Shape) -> Keeps:
        """Keep what was dropped: a factor for each channel."""
        return Keeps(extra_bytes=4 * input[-1]) if self.rate else Keeps()


@register("spatialdropout", label="dropout", positional=("rate",))
class SpatialDropout2D(_SpatialDropout):
    """Set a share `rate` of the channels to zero in training, all places of each: Tompson et al. (2015)."""

    axes = 3


@register("spatialdropout1d", label="dropout", positional=("rate",))
class SpatialDropout1D(_SpatialDropout):
    """Set a share `rate` of the channels to zero in training, all steps of each: Gal, Ghahramani (2016)."""

    axes = 2


@register("identity")
class Identity(Layer):
    """Pass everything on unchanged: the shortcut of a residual block."""

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def lower(self, input: Shape) -> ops.Operation:
        """Return nothing done."""
        return ops.Pass(input, input)

    def call(self, input: Shape) -> Call:
        """Return `Identity`."""
        return Call("Identity")

    def shares_input(self) -> bool:
        """Return true."""
        return True
