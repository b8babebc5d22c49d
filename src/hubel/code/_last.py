"""What frameworks that keep channels last have in common: padding, windows, and the order of numbers in a vector."""

from __future__ import annotations

from collections.abc import Sequence

from hubel.arch import Activation, Dense, Dropout, Identity, Layer, LeakyReLU, Shape, Windowed

Sides = tuple[tuple[int, int], tuple[int, int]]


def sides(layer: Windowed, input: Shape) -> Sides:
    """Return a layer's padding as ((top, bottom), (left, right)), with the rows that hang over in ceil mode."""
    found = []
    for window in layer.windows(input).both():
        needed = (window.count - 1) * window.stride + window.extent - window.length - window.before
        found.append((window.before, max(window.after, needed) if window.ceil else window.after))
    return found[0], found[1]


def same_sides(layer: Windowed, input: Shape) -> Sides:
    """Return what "same" padding is for a layer: ⌈size/stride⌉ windows, the odd row below and to the right."""
    found = []
    for window in layer.windows(input).both():
        total = max((-(-window.length // window.stride) - 1) * window.stride + window.extent - window.length, 0)
        found.append((total // 2, total - total // 2))
    return found[0], found[1]


def order_matters(following: Sequence[Layer], input: Shape) -> bool:
    """Whether the order in which a picture is written as a vector can be told: not where a dense layer comes next."""
    if len(input) == 1 or input[0] * input[1] == 1 or input[2] == 1:
        return False
    for layer in following:
        if isinstance(layer, Dense):
            return False
        elementwise = isinstance(layer, Activation) and layer.function != "softmax"
        if not (elementwise or isinstance(layer, (Dropout, Identity, LeakyReLU))):
            return True
    return True


def unsaid(layer: Layer, framework: str, what: str = "") -> ValueError:
    """Return the error for a layer that cannot be said."""
    return ValueError(f"{framework} has no layer for {layer!r}{what}; the PyTorch program has it")
