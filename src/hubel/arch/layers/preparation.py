"""Layers that prepare numbers inside a network: standardised by fixed numbers, or changed at random in training."""

from __future__ import annotations

from typing import Any, ClassVar

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, size
from hubel.arch._window import need_picture
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean

FILLS = ("reflect", "nearest", "constant")
FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
SIDES = ("height", "width")
HOME = "hubel.nn.preparation"  # where their modules are


def _number(layer: Layer, name: str, least: float | None = None) -> float:
    value = getattr(layer, name)
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
    if not fits or (least is not None and value < least):
        limit = "" if least is None else f" from {least:g} on"
        raise SettingError(f"expected {name} as a number{limit}, received {value!r}")
    return float(value)


@register("standardise", label="norm")
class Normalization(Layer):
    """Subtract a mean and divide by a deviation that are fixed, of each channel: x − mean, over √variance.

    Both are measured on data once (`adapt` in `hubel.model`), and are kept with the weights.
    """

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return a mean and a variance for each channel, two operations for each number."""
        return {"buffers": Quantity("channels", input[-1]) * 2, "normalization_operations": 2 * elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the normalisation by what was measured."""
        return ops.Normalise(input, input, "batch", 0.0, None, None, "running_mean", "running_var")

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call(f"{HOME}.Standardised", {"channels": input[-1]})


class _Random(Layer):
    """What changes pictures in training and passes them on when the network predicts."""

    module: ClassVar[str]

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        need_picture(type(self).__name__, input)
        return input

    def lower(self, input: Shape) -> ops.Operation:
        """Return what prediction does: nothing."""
        return ops.Pass(input, input, changes=type(self).__name__, settings=self.in_keras())

    def in_keras(self) -> dict[str, Any]:
        """Return the settings as Keras's layer of the same name has them."""
        raise NotImplementedError

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        arguments = {name: getattr(self, name) for name in self._compared if name != "name"}
        return Call(f"{HOME}.{self.module}", arguments)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the places that are looked at, two numbers for each."""
        return Keeps(extra_bytes=4 * 2 * size(input) // input[-1])


@register("randomflip", positional=())
class RandomFlip(_Random):
    """Mirror each picture or not, in training: `mode` is "horizontal", "vertical" or "horizontal_and_vertical"."""

    mode: str = "horizontal_and_vertical"
    module = "RandomFlip"

    def check(self) -> None:
        """Check the mode."""
        if self.mode not in FLIPS:
            raise SettingError(
                f"expected mode of {', '.join(FLIPS)}, received {self.mode!r}{did_you_mean(str(self.mode), FLIPS)}"
            )

    def in_keras(self) -> dict[str, Any]:
        """Return the mode."""
        return {"mode": self.mode}

    def keeps(self, input: Shape) -> Keeps:
        """Keep which are mirrored."""
        return Keeps(extra_bytes=4)


class _Moved(_Random):
    """What looks at other places of the picture. `fill_mode` says what lies outside: the picture mirrored ("reflect"),
    its nearest edge ("nearest"), or `fill_value` everywhere ("constant").
    """

    fill_mode: str = "reflect"
    fill_value: float = 0.0

    ranges: ClassVar[tuple[str, ...]]

    def outside(self) -> dict[str, Any]:
        """Return what lies outside, by Keras's names."""
        return {"fill_mode": self.fill_mode, "fill_value": self.fill_value}

    def check(self) -> None:
        """Check ranges and fill."""
        for name in (*self.ranges, "fill_value"):
            self._set(**{name: _number(self, name)})
        for low, high in zip(self.ranges[::2], self.ranges[1::2], strict=True):
            if getattr(self, low) > getattr(self, high):
                values = f"{getattr(self, low):g} and {getattr(self, high):g}"
                raise SettingError(f"expected {low} of at most {high}, received {values}")
        if self.fill_mode not in FILLS:
            hint = did_you_mean(str(self.fill_mode), FILLS)
            raise SettingError(f"expected fill_mode of {', '.join(FILLS)}, received {self.fill_mode!r}{hint}")


class _TwoWays(_Moved):
    def in_keras(self) -> dict[str, Any]:
        """Return both ranges, and what lies outside."""
        own: Any = self
        factors = {f"{side}_factor": (getattr(own, f"{side}_low"), getattr(own, f"{side}_high")) for side in SIDES}
        if getattr(own, "same", False):
            del factors["width_factor"]
        return {**factors, **self.outside()}


@register("randomrotation", positional=())
class RandomRotation(_Moved):
    """Turn each picture about its centre in training, by `low` to `high` of a full turn."""

    low: float = -0.1
    high: float = 0.1
    module = "RandomRotation"
    ranges = ("low", "high")

    def in_keras(self) -> dict[str, Any]:
        """Return the range, and what lies outside."""
        return {"factor": (self.low, self.high), **self.outside()}


@register("randomzoom", positional=())
class RandomZoom(_TwoWays):
    """Show more (above 0) or less (below 0) of each picture in training: 0.2 shows a fifth more of its height.

    Height and width differ only where `same` is off.
    """

    height_low: float = -0.1
    height_high: float = 0.1
    width_low: float = -0.1
    width_high: float = 0.1
    same: bool = True
    module = "RandomZoom"
    ranges = ("height_low", "height_high", "width_low", "width_high")

    def check(self) -> None:
        """Check the ranges."""
        super().check()
        if min(self.height_low, self.width_low) <= -1:
            raise SettingError("expected RandomZoom to show some of the picture: more than -1, received less")


@register("randomtranslation", positional=())
class RandomTranslation(_TwoWays):
    """Move each picture in training, by shares of its height (down) and width (right)."""

    height_low: float = -0.1
    height_high: float = 0.1
    width_low: float = -0.1
    width_high: float = 0.1
    module = "RandomTranslation"
    ranges = ("height_low", "height_high", "width_low", "width_high")


class _Shaded(_Random):
    """What changes the shades, and keeps them from `least` to `most`."""

    low: float = 0.1
    high: float = 0.1
    least: float = 0.0
    most: float = 255.0

    def check(self) -> None:
        """Check the numbers."""
        for name in ("low", "high", "least", "most"):
            self._set(**{name: _number(self, name)})
        if self.least >= self.most:
            raise SettingError(f"expected least below most, received {self.least:g} and {self.most:g}")

    def in_keras(self) -> dict[str, Any]:
        """Return the range, and that of shades."""
        return {"factor": (self.low, self.high), "value_range": (self.least, self.most)}

    def keeps(self, input: Shape) -> Keeps:
        """Keep the factor, and what was cut."""
        return Keeps(extra_bytes=4 + size(input))


@register("randomcontrast", positional=())
class RandomContrast(_Shaded):
    """Draw each picture's shades towards their channel's mean or away from it in training: times 1 − `low` to
    1 + `high`.
    """

    module = "RandomContrast"


@register("randombrightness", positional=())
class RandomBrightness(_Shaded):
    """Add to each picture's shades in training: `low` to `high` of their range."""

    low: float = -0.1
    module = "RandomBrightness"


@register("noise", positional=("stddev",))
class GaussianNoise(Layer):
    """Add normal numbers of deviation `stddev` in training."""

    stddev: float

    def check(self) -> None:
        """Check the deviation."""
        self._set(stddev=_number(self, "stddev", 0.0))

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def lower(self, input: Shape) -> ops.Operation:
        """Return what prediction does: nothing."""
        return ops.Pass(input, input, changes="GaussianNoise", settings={"stddev": self.stddev})

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call(f"{HOME}.GaussianNoise", {"stddev": self.stddev})
