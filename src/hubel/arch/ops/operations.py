"""The operations: frozen data, each with the shapes of what it is given and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias

from hubel.arch._shape import Shape
from hubel.arch._window import Window
from hubel.arch.ops.spans import Stretch

Weight: TypeAlias = "str | None"


@dataclass(frozen=True)
class Operation:
    """What a layer computes for one image of shape `input`; what comes out has the shape `output`."""

    input: Shape
    output: Shape

    arrays: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__

    @property
    def weights(self) -> dict[str, str]:
        """The arrays that it needs: their roles (the fields that name them), and their names in the state dict."""
        named = {role: getattr(self, role) for role in self.arrays}
        return {role: name for role, name in named.items() if name is not None}

    def inside(self) -> Iterator[Operation]:
        """Walk over the operations that this one is made of: itself, or all of its branches'."""
        yield self

    def data(self) -> dict[str, Any]:
        """Return it as JSON-able data: its kind, and its fields by their names."""
        return {"kind": self.kind, **{f.name: _plain(getattr(self, f.name)) for f in fields(self)}}


@dataclass(frozen=True)
class WindowedSum(Operation):
    """Weigh what a window sees, for each filter: ordinary, grouped and depthwise convolutions.

    weight: filters × channels of a group × kernel rows × kernel columns (of a sequence: × kernel steps).
    bias: one a filter. windows: one an axis, laid over the input.
    """

    windows: tuple[Window, ...]
    groups: int = 1
    weight: Weight = "weight"
    bias: Weight = None
    arrays = ("weight", "bias")

    @property
    def is_depthwise(self) -> bool:
        """Whether each filter looks at one channel alone, where there are several."""
        return self.groups == self.input[-1] > 1

    @property
    def is_causal(self) -> bool:
        """Whether all padding of a sequence's window stands before it, so that no output sees a later step."""
        return len(self.windows) == 1 and all(w.before == w.extent - 1 > w.after == 0 for w in self.windows)


@dataclass(frozen=True)
class LocalSum(Operation):
    """Weigh what a window sees, by weights of its own at each place.

    weight: places × filters × (channels·kernel rows·kernel columns). bias: places × filters.
    """

    windows: tuple[Window, ...]
    weight: Weight = "weight"
    bias: Weight = None
    arrays = ("weight", "bias")


@dataclass(frozen=True)
class TransposedSum(Operation):
    """Spread each number over a window of the output: transposed convolutions.

    weight: channels × filters of a group × kernel rows × kernel columns. windows: laid over the output, `before` and
    `after` being what is cut off there; less than zero adds rows, which hold the bias alone.
    """

    windows: tuple[Window, ...]
    groups: int = 1
    weight: Weight = "weight"
    bias: Weight = None
    arrays = ("weight", "bias")


@dataclass(frozen=True)
class DenseSum(Operation):
    """Weigh all numbers of the last axis, for each unit; other axes stay. weight: units × inputs (× 1 × 1)."""

    weight: Weight = "weight"
    bias: Weight = None
    arrays = ("weight", "bias")


@dataclass(frozen=True)
class RadialSum(Operation):
    """Minus half the squared distance to each unit's code. weight: units × inputs."""

    weight: Weight = "weight"
    arrays = ("weight",)


@dataclass(frozen=True)
class Span(Operation):
    """The largest ("max") or the mean of stretches along each axis before the channels: every pool.

    windows: those that the stretches come from; none where they are bins or the whole. Without `keepdims`, the output
    of a whole is a vector.
    """

    how: Literal["max", "mean"]
    spans: tuple[tuple[Stretch, ...], ...]
    windows: tuple[Window, ...] = ()
    counts_padding: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it is one stretch over each axis."""
        return not self.windows and all(
            axis == ((0, length, length),) for axis, length in zip(self.spans, self.input[:-1], strict=True)
        )


@dataclass(frozen=True)
class Affine(Operation):
    """Multiply each channel by a number, and add one. weight, bias: one a channel, or none."""

    weight: Weight = "weight"
    bias: Weight = None
    arrays = ("weight", "bias")


@dataclass(frozen=True)
class Normalise(Operation):
    """(x − mean)/√(variance + epsilon)·weight + bias, with a weight and a bias for each channel.

    over: whose mean and variance. "batch": each channel's, as training left them in the arrays `mean` and `variance`,
    where each batch left a share `momentum` of what had been. "place": that of the channels of each place. "groups":
    that of each of `groups` groups of channels over the whole picture.
    """

    over: Literal["batch", "place", "groups"]
    epsilon: float
    weight: Weight = None
    bias: Weight = None
    mean: Weight = None
    variance: Weight = None
    groups: int = 1
    momentum: float = 0.0
    arrays = ("weight", "bias", "mean", "variance")


@dataclass(frozen=True)
class Respond(Operation):
    """x/(k + alpha/size·Σx²)^beta, over `size` neighbouring channels, size // 2 of them before."""

    size: int
    alpha: float
    beta: float
    k: float


@dataclass(frozen=True)
class Compete(Operation):
    """x·(1 + weight·n) + bias, where n is √Σx² over all places of a channel, divided by the mean of that of all
    channels, and epsilon. weight, bias: one a channel.
    """

    epsilon: float
    weight: Weight = "weight"
    bias: Weight = "bias"
    arrays = ("weight", "bias")


@dataclass(frozen=True)
class Activate(Operation):
    """Apply a function of `FUNCTIONS` to each number; "softmax" and "log_softmax" to the channels of each place."""

    function: str
    constants: Mapping[str, float] = field(default_factory=dict)

    @property
    def looks_at_channels(self) -> bool:
        """Whether a number depends on the others of its place."""
        return self.function in ("softmax", "log_softmax")


@dataclass(frozen=True)
class Slope(Operation):
    """Multiply what is below zero by a learned number. weight: one a channel, or `shared` one for all."""

    shared: bool = False
    weight: Weight = "weight"
    arrays = ("weight",)


@dataclass(frozen=True)
class Pad(Operation):
    """Put numbers before and after, along each axis, channels too; less than zero cuts.

    fill: "zeros"; "reflect", the picture mirrored at its edge, the edge itself once; "edge", the edge repeated; "wrap",
    the picture again, from its other edge.
    """

    sides: tuple[tuple[int, int], ...]
    fill: Literal["zeros", "reflect", "edge", "wrap"] = "zeros"

    def sources(self, axis: int) -> tuple[int | None, ...]:
        """Return for each place along an axis of the output the input's that it takes; None for zero."""
        length, before = self.input[axis], self.sides[axis][0]
        places = range(-before, self.output[axis] - before)
        if self.fill == "reflect":
            return tuple(length - 1 - abs(length - 1 - abs(place)) for place in places)
        if self.fill == "edge":
            return tuple(min(max(place, 0), length - 1) for place in places)
        if self.fill == "wrap":
            return tuple(place % length for place in places)
        return tuple(place if 0 <= place < length else None for place in places)


@dataclass(frozen=True)
class Upsample(Operation):
    """Enlarge or shrink each axis before the channels: "nearest" repeats, "bilinear" mixes neighbours.

    Pixels' centres lie half a pixel from the edge, or `aligned` the first and the last on those of the input; "nearest"
    takes the place before.
    """

    interpolation: Literal["nearest", "bilinear"] = "nearest"
    aligned: bool = False

    @property
    def factors(self) -> tuple[int, ...] | None:
        """How many times larger each axis becomes; None where that is no whole number."""
        found = [*map(divmod, self.output[:-1], self.input[:-1])]
        return None if any(rest for _, rest in found) else tuple(whole for whole, _ in found)

    def nearest(self, axis: int) -> tuple[int, ...]:
        """Return for each place along an axis of the output the input's that "nearest" takes."""
        return tuple(place * self.input[axis] // self.output[axis] for place in range(self.output[axis]))


@dataclass(frozen=True)
class Blocks(Operation):
    """Move numbers between channels and blocks of `size`×`size` places, as PyTorch orders them.

    "spread": size² channels that follow each other become the places of a block, row by row; "gather": back.
    """

    size: int
    how: Literal["spread", "gather"]

    def source(self, row: int, column: int, channel: int) -> tuple[int, int, int]:
        """Return where in the input the number of a place of the output stands."""
        size = self.size
        if self.how == "spread":
            within = row % size * size + column % size
            return row // size, column // size, channel * size**2 + within
        channel, within = divmod(channel, size**2)
        return row * size + within // size, column * size + within % size, channel


@dataclass(frozen=True)
class Select(Operation):
    """Pass on these channels, in this order. dealt: among how many groups they are dealt out anew, where they are."""

    channels: tuple[int, ...]
    dealt: int = 0


@dataclass(frozen=True)
class View(Operation):
    """The same numbers in another shape, read channel after channel, each row by row, as PyTorch keeps them."""


@dataclass(frozen=True)
class Pass(Operation):
    """Hand everything on as it is. rate: the share that training drops, of numbers or of whole `channels`. changes: the
    layer of Keras's that changes them in training, where it is another, with its settings.
    """

    rate: float = 0.0
    channels: bool = False
    changes: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Join(Operation):
    """Run branches on the same input, and "add" or "multiply" what they give (a missing axis is spread), or "concat"
    its channels. Each branch is a chain of operations; an empty one passes its input on.
    """

    how: Literal["add", "concat", "multiply"]
    branches: tuple[tuple[Operation, ...], ...]

    @property
    def weights(self) -> dict[str, str]:
        """All arrays of the branches, by their names."""
        names = [name for part in self.inside() if part is not self for name in part.weights.values()]
        return dict(zip(names, names, strict=True))

    def inside(self) -> Iterator[Operation]:
        """Walk over the branches' operations."""
        yield self
        for branch in self.branches:
            for operation in branch:
                yield from operation.inside()

    def data(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {**super().data(), "branches": [[part.data() for part in branch] for branch in self.branches]}


@dataclass(frozen=True)
class Embed(Operation):
    """Look up the row of each whole number below `numbers`: (T,) → T×C. weight: numbers × features."""

    numbers: int
    weight: Weight = "weight"
    arrays = ("weight",)


@dataclass(frozen=True)
class Recur(Operation):
    """Carry a state along the steps of a sequence: T×C → the last state (units,), or with `sequences` all of them.
    `backwards` reads the last step first, and gives all in that order.

    cell "simple": h′ = function(W·x + b + U·h + c). "lstm" and "gru": their gates stand one after the other in the
    arrays' first axis, in PyTorch's order: input, forget, new, output; reset, update, new. weight: gates·units ×
    features; recurrent: gates·units × units; bias and recurrent_bias: gates·units each.
    """

    cell: Literal["simple", "lstm", "gru"]
    units: int
    sequences: bool = False
    function: str = "tanh"
    backwards: bool = False
    weight: Weight = "weight_ih_l0"
    recurrent: Weight = "weight_hh_l0"
    bias: Weight = None
    recurrent_bias: Weight = None
    arrays = ("weight", "recurrent", "bias", "recurrent_bias")


@dataclass(frozen=True)
class Write(Operation):
    """Write a sentence: (features,) → steps×words, scores of each next word. A state is carried as `Recur` carries it,
    whose first step is given the features, and each later one the row of `table` of the word that was likeliest before.

    table: words × features. weight, recurrent, bias, recurrent_bias: as `Recur` has them. next, next_bias: what makes
    scores of a state, words × units, and one a word.
    """

    cell: Literal["lstm", "gru"]
    units: int
    table: Weight = "look_up.weight"
    weight: Weight = "recurrent.weight_ih_l0"
    recurrent: Weight = "recurrent.weight_hh_l0"
    bias: Weight = "recurrent.bias_ih_l0"
    recurrent_bias: Weight = None
    next: Weight = "next.weight"
    next_bias: Weight = "next.bias"
    arrays = ("table", "weight", "recurrent", "bias", "recurrent_bias", "next", "next_bias")

    @property
    def recurs(self) -> Recur:
        """What carries the state, all of it."""
        steps = self.output[0]
        return Recur((steps, *self.input), (steps, self.units), self.cell, self.units, sequences=True)


@dataclass(frozen=True)
class Opaque(Operation):
    """What a layer of a user's own computes that does not say it."""

    layer: str

    def refusal(self, what: str) -> str:
        """Say why something cannot be done: `what` is how the sentence goes on after the layer."""
        return f"{self.layer} does not say what it computes (it has no `lower`), so {what}"


def _plain(value: Any) -> Any:
    if isinstance(value, Window):
        return {name: getattr(value, name) for name in ("length", "kernel", "stride", "dilation", "before", "after")}
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return dict(value) if isinstance(value, Mapping) else value
