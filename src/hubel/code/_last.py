"""What frameworks that keep channels last have in common: padding, windows, and the order of numbers in a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hubel.arch import Layer, Shape, Window, ops
from hubel.base.errors import NetworkError
from hubel.code._outline import Step

Windows = tuple[Window, ...]
Sides = tuple[tuple[int, int], ...]
# how each operation is said, of a layer that others follow
Words = Mapping[type[ops.Operation], Callable[[Any, Sequence[Layer]], list[Step]]]


class UnsaidError(ValueError):
    """Raised for what a framework cannot say: how the sentence goes on after the layer."""


def say(words: Words, operation: ops.Operation, layer: Layer, following: Sequence[Layer], framework: str) -> list[Step]:
    """Say an operation; raise `ValueError` that names the layer where there are no words for it."""
    if isinstance(operation, ops.Opaque):
        raise NetworkError(operation.refusal(f"it cannot be written for {framework}; the PyTorch program has it"))
    try:
        if type(operation) not in words:
            raise UnsaidError
        return words[type(operation)](operation, following)
    except UnsaidError as error:
        said = f"{framework} has no layer for {layer!r}{error}; the PyTorch program has it"
        raise NetworkError(said) from None


def one(write: Callable[[Any], Step]) -> Callable[[Any, Sequence[Layer]], list[Step]]:
    """A row of a table of words for an operation that is always one step, whatever follows."""
    return lambda operation, following: [write(operation)]


def responded(word: str) -> Callable[[Any, Sequence[Layer]], list[Step]]:
    """The row for local response normalisation, which is a function of the program's own in every framework."""
    return one(lambda op: (word, {"size": op.size, "alpha": op.alpha, "beta": op.beta, "k": op.k}))


def sides(windows: Windows) -> Sides:
    """Return padding before and after along each axis, with the rows that hang over in ceil mode."""
    found = []
    for window in windows:
        needed = (window.count - 1) * window.stride + window.extent - window.length - window.before
        found.append((window.before, max(window.after, needed) if window.ceil else window.after))
    return tuple(found)


def own_sides(windows: Windows) -> Sides:
    """Return padding before and after along each axis, without the rows that hang over in ceil mode."""
    return tuple((window.before, window.after) for window in windows)


def same_sides(windows: Windows) -> Sides:
    """Return what "same" padding is for windows: ⌈size/stride⌉ of them, the odd row below and to the right."""
    found = []
    for window in windows:
        total = max((-(-window.length // window.stride) - 1) * window.stride + window.extent - window.length, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def each(windows: Windows, name: str) -> tuple[int, ...]:
    """Return a setting of all windows: kernel, stride, dilation."""
    return tuple(getattr(window, name) for window in windows)


def cut_sides(operation: ops.TransposedSum) -> Sides:
    """Return what is cut off all that a transposed convolution gives; less than zero adds."""
    found = []
    for window, length in zip(operation.windows, operation.input, strict=False):
        whole = (length - 1) * window.stride + window.extent
        found.append((window.before, whole - window.before - window.length))
    return tuple(found)


def order_matters(following: Sequence[Layer], input: Shape) -> bool:
    """Whether the order in which a picture is written as a vector can be told: not where a dense layer comes next."""
    places = 1
    for length in input[:-1]:
        places *= length
    if len(input) == 1 or places == 1 or input[-1] == 1:
        return False
    shape: Shape = (places * input[-1],)
    for layer in following:
        for operation in layer.operations(shape):
            if isinstance(operation, ops.DenseSum):
                return False
            softmax = isinstance(operation, ops.Activate) and operation.looks_at_channels
            if softmax or not isinstance(operation, (ops.Activate, ops.Pass)):
                return True
            shape = operation.output
    return True
