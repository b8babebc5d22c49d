"""One layer's arithmetic for one of its numbers: what came in, the products, the running sum, what followed.

Places are (row, column, channel) of a picture, (number,) of a vector. All arithmetic is in 64 bits, from the numbers
that the network held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hubel.arch import Node, Shape

Place: TypeAlias = tuple[int, ...]
Array: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.int64]
Arrays: TypeAlias = Mapping[str, Any]  # an operation's arrays (tensors) by their roles
How: TypeAlias = Literal["sum", "largest", "product", "taken"]


@dataclass(frozen=True, slots=True)
class Finish:
    """One thing done to the sum: what it is called, written out with its numbers, and what comes of it."""

    name: str
    text: str
    value: float


@dataclass(frozen=True, slots=True)
class Term:
    """One number that came in: where it stands, its weight, the product, and the sum (or the largest) so far.

    `source` is the path of the layer that made it, "" for the network's input.
    """

    source: str
    place: Place
    value: float
    weight: float
    product: float
    sum: float


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """How a number comes from those that a layer was given.

    places: n×3 (row, column, channel) or n×1, of the numbers that came in; values, weights, products: n each, in the
    order in which they are added. how: "sum" of the products, the "largest", the "product" of the values, or one number
    that is "taken" over.
    own: which of the terms is carried through where the others only set a scale (normalisation, softmax).
    padding: how many of a window's places lie outside, where the number is zero (or does not count).
    finish: what is done afterwards, in order.
    """

    places: Places
    values: Array = field(repr=False)
    weights: Array = field(repr=False)
    products: Array = field(repr=False)
    how: How = "sum"
    own: int | None = None
    padding: int = 0
    finish: tuple[Finish, ...] = ()

    @property
    def running(self) -> Array:
        """The sum (or the largest, or the product) so far, after each term."""
        if self.how == "largest":
            return np.maximum.accumulate(self.products)
        found: Array = np.cumsum(self.products)
        if self.how == "product":
            found = np.asarray(np.cumprod(self.products), np.float64)
        return found

    @property
    def total(self) -> float:
        """The sum, the largest or the product of all; zero where none came in."""
        return float(self.running[-1]) if len(self.products) else 0.0

    @property
    def value(self) -> float:
        """The number in the end."""
        return self.finish[-1].value if self.finish else self.total


@dataclass(frozen=True, eq=False)
class UnitStep:
    """One number of one layer: the arithmetic behind it, and what PyTorch computed.

    path: the layer, "" for the network's input. place: where the number stands in its output of `shape`.
    sources: the paths of the layers that made what came in: one, or one a term where branches meet.
    computed: PyTorch's own number. field: ((first row, last row), (first column, last column)) of the input that it
    can see, not clipped to the picture; None for what is no picture.
    """

    path: str
    node: Node | None
    place: Place
    shape: Shape
    arithmetic: Arithmetic
    sources: tuple[str, ...]
    computed: float
    field: tuple[tuple[int, int], tuple[int, int]] | None

    @property
    def value(self) -> float:
        """The number as this arithmetic gives it."""
        return self.arithmetic.value

    @property
    def rounding(self) -> float:
        """How far PyTorch's 32-bit number lies from this one."""
        return self.computed - self.value

    def term(self, number: int) -> Term:
        """Return one of the numbers that came in, in the order in which they are added."""
        found = self.arithmetic
        source = self.sources[number if len(self.sources) > 1 else 0]
        parts = (found.values[number], found.weights[number], found.products[number], found.running[number])
        return Term(source, tuple(found.places[number].tolist()), *map(float, parts))

    def terms(self) -> Iterator[Term]:
        """Give every number that came in."""
        running = self.arithmetic.running
        for number in range(len(running)):
            yield self.term(number)

    def strongest(self, most: int | None = None) -> tuple[int, ...]:
        """Return which terms matter most, the strongest first; those that add nothing are left out.

        Of the largest it is the winner alone, of a normalisation the number that is normalised.
        """
        found = self.arithmetic
        if found.own is not None:
            return (found.own,)
        if found.how == "product":
            return tuple(range(len(found.values)))[:most]
        if found.how != "sum":
            return (int(np.argmax(found.products)),) if len(found.products) else ()
        order = np.argsort(-np.abs(found.products), kind="stable")[:most]
        return tuple(int(number) for number in order if found.products[number] != 0)


def taken(place: Place | None, value: float, finish: tuple[Finish, ...] = ()) -> Arithmetic:
    """Take one number over as it is; None where there is none, which gives zero."""
    if place is None:
        nothing = np.zeros(0)
        return Arithmetic(np.zeros((0, 1), np.int64), nothing, nothing, nothing, "taken", None, 1, finish)
    values = np.array([value])
    return Arithmetic(np.array([place], np.int64), values, np.ones(1), values, "taken", None, 0, finish)


def weighed(places: Places, values: Array, weights: Array, padding: int = 0) -> Arithmetic:
    """Add up products."""
    return Arithmetic(places, values, weights, values * weights, "sum", None, padding)


def grid(*axes: npt.ArrayLike) -> Places:
    """Return all places of some rows, columns and channels, channel after channel, each read like words."""
    *places, deep = (np.asarray(axis) for axis in axes)
    found = np.meshgrid(deep, *places, indexing="ij")
    return np.stack([part.ravel() for part in (*found[1:], found[0])], axis=1).astype(np.int64)


def at(tensor: Array, places: Places) -> Array:
    """Return the numbers that stand at places of C×H×W, of C×T, or of a vector."""
    index = (places[:, -1], *places[:, :-1].T)
    return np.asarray(tensor[index])


def read(parameter: Any) -> Array:
    """Return a parameter or a buffer in 64 bits."""
    found: Array = parameter.detach().cpu().double().numpy()
    return found
