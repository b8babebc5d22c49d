"""What a layer is: a frozen description that answers four questions about itself.

`output_shape(input)`, `cost(input)`, `explain(input)` and `call(input)`. The formulas behind the second and the third
are one set of expressions (`figures`), so the explanation cannot disagree with the count.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, MISSING, FrozenInstanceError, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from hubel.arch._cost import COUNTED, Call, Cost, Formula, Keeps
from hubel.arch._errors import ShapeError
from hubel.arch._shape import Shape, checked_shape, positions, size
from hubel.arch.figures.expression import Expression, elements
from hubel.arch.figures.field import Field
from hubel.arch.text.printing import WORDS, list_texts, setting_text, value_text
from hubel.base.errors import NetworkError, SettingError

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    from hubel.arch.ops.operations import Operation
else:

    def dataclass_transform(**_):
        """Do nothing: type checkers alone read it (`typing` has it from Python 3.11)."""
        return lambda kind: kind


_KEPT = ("_hash", "_text", "_compared_by")  # what a layer has worked out about itself


@dataclass_transform()
@dataclass(repr=False, eq=False, kw_only=True)
class Layer(ABC):
    """A leaf of the tree. A subclass is one frozen dataclass, made known to the text form by `register`.

    Subclassing makes the dataclass; freezing, comparing and printing are written once, here, rather than compiled for
    each class, which would triple the time that `import hubel.arch` takes.

    A class with `reads_whole_numbers` looks its input up in a table, and so has to be given the network's own.
    `name` is the layer's own name in its chain. `input_shape` is what Keras lets one write on a first layer; only
    `hubel.Sequential` reads it, and it is no part of the tree.
    """

    name: str | None = None
    input_shape: Shape | None = None

    reads_whole_numbers: ClassVar[bool] = False
    is_short: ClassVar[bool] = False  # whether it stands for a composition
    word: ClassVar[str]
    label: ClassVar[str]
    positional: ClassVar[tuple[str, ...]]
    _compared: ClassVar[tuple[str, ...]]
    _flags: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(repr=False, eq=False)(cls)
        cls._compared = tuple(f.name for f in fields(cls) if f.name != "input_shape")
        cls._flags = tuple(f.name for f in fields(cls) if f.type in ("bool", bool))

    def __post_init__(self) -> None:
        checked_name(self.name)
        if self.input_shape is not None:
            self._set(input_shape=checked_shape(self.input_shape))
        for flag in self._flags:
            if not isinstance(value := getattr(self, flag), bool):
                raise SettingError(f"expected {flag} as True or False, received {value!r}")
        self.check()
        self._set(_frozen=True)

    def __setattr__(self, name: str, value: object) -> None:
        if "_frozen" in self.__dict__:
            raise FrozenInstanceError(
                f"a {type(self).__name__} cannot be changed: make another with dataclasses.replace"
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"a {type(self).__name__} cannot be changed: make another with dataclasses.replace")

    def _key(self) -> tuple[object, ...]:
        found: tuple[object, ...] | None = self.__dict__.get("_compared_by")
        if found is None:
            found = (type(self), *map(self.__dict__.__getitem__, self._compared))
            object.__setattr__(self, "_compared_by", found)
        return found

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Layer) and self._key() == other._key())

    def __hash__(self) -> int:
        found: int | None = self.__dict__.get("_hash")
        if found is None:
            found = hash(self._key())
            object.__setattr__(self, "_hash", found)
        return found

    def __getstate__(self) -> dict[str, object]:
        # strings hash anew each run
        return {name: value for name, value in self.__dict__.items() if name not in _KEPT}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in self.settings().items()]
        settings += [f"name={self.name!r}"] if self.name is not None else []
        return f"{type(self).__name__}({', '.join(settings)})"

    def check(self) -> None:
        """Check and normalise the settings; raise `ValueError` that says what was expected. Runs once, at the start."""

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @abstractmethod
    def output_shape(self, input: Shape) -> Shape:
        """Return the output's shape for one image, or raise `ShapeError`."""

    @abstractmethod
    def call(self, input: Shape) -> Call:
        """Return how a framework builds the layer (without its activation, which is a step of its own)."""

    def lower(self, input: Shape) -> Operation:
        """Return what the layer computes, as data (without its activation): see `hubel.arch.ops`.

        A layer that does not say it cannot be shown at work, nor written for another framework.
        """
        from hubel.arch.ops import Opaque

        return Opaque(input, self.output_shape(input), type(self).__name__)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of every figure that is not zero: the names of `Cost`, and others worth telling."""
        return {}

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of the output's height and width, where there is any."""
        return {}

    def keeps(self, input: Shape) -> Keeps:
        """Return what the backward pass needs of the forward pass."""
        return Keeps()

    def shares_input(self) -> bool:
        """Whether the output is the input's own memory: passed on, or seen in another shape."""
        return False

    def backward_macs(self, input: Shape, macs: int, wanted: bool) -> int:
        """Return the MACs of the backward pass beside those of the weights' gradients: they give the gradients of what
        the weights were multiplied by, of the input where that is `wanted`. `macs` are those of the forward pass.
        """
        return macs if wanted else 0

    def seen_through(self, input: Shape, field: Field) -> Field:
        """Return the receptive field of the output's positions, given that of the input's."""
        return field

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return (positions of the input that outputs read, positions that one output sends its gradient to)."""
        return positions(input), 1

    def notes(self, input: Shape) -> tuple[str, ...]:
        """Return remarks: rows that are dropped, and the like."""
        return ()

    def strict_error(self, input: Shape) -> ShapeError | None:
        """Return the error that `strict` raises for this input, where rows or columns would be dropped."""
        return None

    def operations(self, input: Shape) -> tuple[Operation, ...]:
        """Return all that the layer computes, in order: its own operation, then an activation written with it."""
        found = []
        for step in self.steps():
            found.append(step.lower(input))
            input = found[-1].output
        return tuple(found)

    def steps(self) -> tuple[Layer, ...]:
        """Return the plain layers that this one stands for: itself, and an activation written with it."""
        return (self,)

    def cost(self, input: Shape) -> Cost:
        """Count what the layer costs for one image of shape `input` (without an activation written with it)."""
        figures = self.figures(input)
        counts = {name: int(figures[name].value) for name in COUNTED if name in figures}
        return Cost(**counts, activations=size(self.output_shape(input)), keeps=self.keeps(input))

    def explain(self, input: Shape) -> tuple[Formula, ...]:
        """Return the formula of every figure, in the order in which one reads them."""
        own = [*self.shape_figures(input).items(), *self.figures(input).items()]
        own.append(("activations", elements(self.output_shape(input))))
        return tuple(Formula(figure, expression) for figure, expression in own)

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, by name."""
        return {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in ("name", "input_shape") and (f.default is MISSING or getattr(self, f.name) != f.default)
        }

    def text(self) -> str:
        """Write the layer as the text form has it, without its name: `conv 6 5x5/2 same relu`."""
        found: str | None = self.__dict__.get("_text")
        if found is None:
            found = self._written()
            object.__setattr__(self, "_text", found)
        return found

    def _written(self) -> str:
        settings, words = self.settings(), [self.word]
        for name in self.positional:
            value = getattr(self, name.rstrip("*"))
            settings.pop(name.rstrip("*"), None)
            sized = name in ("kernel_size", "target_shape")
            words.extend(list_texts(value) if name.endswith("*") else [value_text(value, always_pair=sized)])
        if "strides" in settings:
            words[-1] += "/" + value_text(settings.pop("strides"))
        closing = [settings.pop("activation")] if "activation" in settings else []
        words += [setting_text(name, value) for name, value in settings.items()]
        return " ".join(words + closing)

    def __str__(self) -> str:
        return f"{self.name}={self.text()}" if self.name is not None else self.text()


class Weighted(Layer):
    """A layer of weights: an activation can be written with it, and its bias left out."""

    _: KW_ONLY
    activation: str | None = None
    use_bias: bool = True

    def __post_init__(self) -> None:
        if self.activation is not None:
            REGISTRY["activation"](self.activation)  # says what activations there are
        if self.activation == "linear":
            self._set(activation=None)
        super().__post_init__()

    def steps(self) -> tuple[Layer, ...]:
        """Return the layer without its activation, then the activation."""
        if self.activation is None:
            return (self,)
        return replace(self, activation=None), REGISTRY["activation"](self.activation)


REGISTRY: dict[str, type[Any]] = {}
GROUP = "hubel.layers"  # of entry points, by which other packages bring theirs
WAITING: dict[str, str] = {}  # words whose layers stand in modules that are imported when one of them is first used
T = TypeVar("T", bound=type[Layer])


def register(word: str, *, label: str = "", positional: tuple[str, ...] = ()) -> Callable[[T], T]:
    """Make a layer class known: `word` is what it is called in the text form, where `positional` settings follow it.

    `label` is what an unnamed one is called in a table and in a state dict, with a number (by default the word).
    Raises `ValueError` where the word is taken, and where a class says `positional` itself.
    """

    def remember(layer: T) -> T:
        known = REGISTRY.get(word) if WAITING.get(word) == layer.__module__ else layer_named(word)
        if known is not None and (known.__module__, known.__qualname__) != (layer.__module__, layer.__qualname__):
            raise SettingError(
                f"the word {word!r} is taken by {known.__qualname__}; choose another for {layer.__qualname__}"
            )
        if not word.isidentifier() or word in RESERVED:
            raise SettingError(
                f"expected a word of letters that is not one of {', '.join(RESERVED)}, received {word!r}"
            )
        if "positional" in vars(layer) and layer not in REGISTRY.values():
            raise SettingError(
                f"{layer.__qualname__} says positional in the class; it is an argument: "
                f"@register({word!r}, positional=…)"
            )
        layer.word, layer.label, layer.positional = word, label or word, positional
        REGISTRY[word] = layer
        return layer

    return remember


RESERVED = ("sum", "concat", "product", "aux", "true", "false", *WORDS)


def layer_named(word: str) -> type[Any] | None:
    """Return the layer that a word of the text form stands for, None where there is none."""
    if word not in REGISTRY and word in WAITING:
        importlib.import_module(WAITING[word])
    return REGISTRY.get(word)


def brought(word: str) -> type[Any] | None:
    """Return the layer that another package brings by an entry point of this name in the group `hubel.layers`, which is
    imported then; None where there is none.

    Raises `NetworkError` where it cannot be imported, or registers no such word.
    """
    from importlib.metadata import entry_points  # here: only a word that is not hubel's own asks for it

    for point in entry_points(group=GROUP, name=word):
        try:
            point.load()
        except Exception as error:  # another's code
            raise NetworkError(
                f"the layer {word!r} of {point.value} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        if word not in REGISTRY:
            raise NetworkError(f"expected {point.value} to register a layer called {word!r}, and it does not")
        return REGISTRY[word]
    return None


def checked_name(name: str | None) -> None:
    """Raise `ValueError` unless a node's name can stand in a path: letters, digits, underscores."""
    if name is not None and (not isinstance(name, str) or not name.isascii() or not name.isidentifier()):
        raise SettingError(f"expected a name of letters, digits and underscores, received {name!r}")
