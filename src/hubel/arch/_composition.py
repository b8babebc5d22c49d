"""Words of the text form that stand for several layers: written out where a network's shapes are known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from hubel.arch._cost import Call
from hubel.arch._errors import ShapeError
from hubel.arch._joins import join_shape
from hubel.arch._layer import Layer
from hubel.arch._shape import Shape
from hubel.arch._tree import Auxiliary, Chain, Concat, Node, Product, Sum, assert_never, children, named_children


class Composition(Layer):
    """A word for a composition of other layers: a `Network` has that in its place, and prints it by the word.

    `called`: what it is called where it is drawn. `older`: where weights stand that were its own in older files.
    """

    called: ClassVar[str]
    older: ClassVar[Mapping[str, str]] = {}
    is_short = True

    @abstractmethod
    def composed(self, input: Shape) -> Node:
        """Return the composition for an input, or raise `ShapeError`."""

    @classmethod
    @abstractmethod
    def of(cls, node: Product) -> Composition | None:
        """Return what a product is written as; None where it is no such composition."""

    def output_shape(self, input: Shape) -> Shape:
        """Return the composition's."""
        return _written_out(self.composed(input), input)[1] or input

    def call(self, input: Shape) -> Call:
        """Raise: a network has the composition in its place."""
        raise NotImplementedError(f"{self} is built as {self.composed(input)}")


def written_out(body: Chain, input: Shape) -> Chain:
    """Return a network's body with every composition written out, up to where shapes do not fit."""
    found, _ = _written_out(body, input)
    assert isinstance(found, Chain)
    return found


def _written_out(node: Node, shape: Shape | None) -> tuple[Node, Shape | None]:
    """Return a node for an input of that shape, and the output's; none of what is unknown, or does not fit."""
    if shape is None:
        return node, None
    try:
        match node:
            case Composition():
                return _written_out(node.composed(shape), shape)
            case Layer():
                return node, node.output_shape(shape)
            case Chain():
                nodes: list[Node] = []
                for inner in node.nodes:
                    made, shape = _written_out(inner, shape)
                    nodes.append(made)
                return Chain(*nodes, name=node.name), shape
            case Sum() | Concat() | Product():
                made_of = [_written_out(branch, shape) for branch in node.branches]
                ends = [end for _, end in made_of if end is not None]
                joined = type(node)(*(branch for branch, _ in made_of), name=node.name)
                return joined, join_shape(joined, ends) if len(ends) == len(made_of) else None
            case Auxiliary():
                inside, _ = _written_out(Chain(*node.nodes), shape)
                return Auxiliary(inside, name=node.name), shape
            case _:
                assert_never(node)
    except ShapeError:  # it is said, with its place, by whoever analyses the network
        return node, None


def older_paths(before: Node, body: Node, was: str = "", now: str = "") -> Iterator[tuple[str, str]]:
    """Give each layer's path, and the one that it had while compositions were layers with weights of their own.

    `before` is a body as it was read, with its compositions, and `body` the same written out.
    """
    for (old, node), (new, made) in zip(named_children(children(before)), named_children(children(body)), strict=True):
        if isinstance(node, Composition):
            yield from ((f"{now}{new}.{inner}", f"{was}{old}.{own}") for own, inner in node.older.items())
        elif isinstance(node, Layer):
            yield f"{now}{new}", f"{was}{old}"
        else:
            yield from older_paths(node, made, f"{was}{old}.", f"{now}{new}.")
