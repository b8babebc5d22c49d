"""Layers that act on channels: scaled, chosen, shuffled, padded."""

from __future__ import annotations

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError, need_groups
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, positive, size
from hubel.arch._window import need_picture
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.base.errors import SettingError


@register("scale")
class Scale(Layer):
    """Multiply each channel by a learned number, and add another: the shape stays.

    After average pooling it is LeNet-5's trainable pooling (LeCun et al. 1998); without bias, ConvNeXt's layer scale.
    """

    use_bias: bool = True

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return a factor, and a bias, for each channel."""
        channels = Quantity("channels", input[-1])
        figures = {"parameters": channels * 2 if self.use_bias else channels, "elementwise_operations": elements(input)}
        if self.use_bias:
            figures["bias_operations"] = elements(input)
        return figures

    def lower(self, input: Shape) -> ops.Operation:
        """Return the factor and the shift."""
        return ops.Affine(input, input, bias="bias" if self.use_bias else None)

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call("Scale", {"channels": input[-1], "bias": self.use_bias})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input. Products stand beside what comes of them, and backward are added up in 32 bits."""
        product = 4 * size(input)
        return Keeps(input=True, passing_bytes=product * self.use_bias, learning_bytes=product, widens="backward")


@register("shift")
class Shift(Layer):
    """Add a learned number to each channel: the shape stays."""

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return a bias for each channel."""
        return {"parameters": Quantity("channels", input[-1]), "bias_operations": elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the shift alone."""
        return ops.Affine(input, input, weight=None, bias="bias")

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call("Scale", {"channels": input[-1], "bias": True, "weight": False})


@register("shuffle", positional=("groups",))
class ChannelShuffle(Layer):
    """Deal the channels out anew among `groups`, which must divide them: Zhang et al., "ShuffleNet" (2017)."""

    groups: int

    def check(self) -> None:
        """Check the settings."""
        self._set(groups=positive(self.groups, "groups"))

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        need_picture("ChannelShuffle", input)
        need_groups("ChannelShuffle", input[-1], self.groups)
        return input

    def lower(self, input: Shape) -> ops.Operation:
        """Return the choice of channels that deals them out."""
        each = input[-1] // self.groups
        dealt = tuple(group * each + i for i in range(each) for group in range(self.groups))
        return ops.Select(input, self.output_shape(input), dealt, self.groups)

    def call(self, input: Shape) -> Call:
        """Return `ChannelShuffle`."""
        return Call("ChannelShuffle", {"groups": self.groups})


@register("select", positional=("channels*",))
class SelectChannels(Layer):
    """Pass on the listed channels only, counted from 0: H×W×C → H×W×len(channels).

    LeNet-5's third layer looks at chosen maps of the second (LeCun et al. 1998, table I).
    """

    channels: tuple[int, ...]

    def check(self) -> None:
        """Check the list."""
        given = (self.channels,) if isinstance(self.channels, int) else self.channels
        if not isinstance(given, (tuple, list)) or not given:
            raise SettingError(f"expected channels as one or more ints ≥ 0, received {given!r}")
        odd = next((channel for channel in given if type(channel) is not int or channel < 0), None)
        positive(max(given) if odd is None else odd, "channels", least=0)  # the largest stands for all
        self._set(channels=tuple(given))

    def output_shape(self, input: Shape) -> Shape:
        """Return H×W×len(channels)."""
        if max(self.channels) >= input[-1]:
            raise ShapeError(
                f"SelectChannels expected channels below {input[-1]}, received {max(self.channels)}",
                fits=(Fit("channels", f"0 … {input[-1] - 1}", "any of them"),),
            )
        return (*input[:-1], len(self.channels))

    def lower(self, input: Shape) -> ops.Operation:
        """Return the choice."""
        return ops.Select(input, self.output_shape(input), self.channels)

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call("SelectChannels", {"channels": self.channels})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the list (8 bytes each)."""
        return Keeps(batch_bytes=8 * len(self.channels))


@register("padchannels", positional=("before", "after"))
class ChannelPadding(Layer):
    """Put channels of zeros before and after the others: H×W×C → H×W×(before + C + after).

    The parameter-free shortcut where a residual network grows wider: He et al. (2015), option A.
    """

    before: int
    after: int

    def check(self) -> None:
        """Check the settings."""
        self._set(before=positive(self.before, "before", least=0), after=positive(self.after, "after", least=0))

    def output_shape(self, input: Shape) -> Shape:
        """Return H×W×(before + C + after)."""
        return (*input[:-1], input[-1] + self.before + self.after)

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the new number of channels."""
        channels: Expression = Quantity("channels", input[-1])
        return {"output_channels": Quantity("before", self.before) + channels + Quantity("after", self.after)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the padding."""
        sides = (*((0, 0),) * (len(input) - 1), (self.before, self.after))
        return ops.Pad(input, self.output_shape(input), sides)

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call("ChannelPadding", {"before": self.before, "after": self.after})
