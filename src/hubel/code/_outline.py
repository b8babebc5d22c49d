"""What a program says: the tree in one framework's words, before repeated parts become functions and classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import hubel.arch as arch
from hubel.arch import (
    Auxiliary,
    Chain,
    Concat,
    Layer,
    Network,
    Node,
    Product,
    Shape,
    Sum,
    assert_never,
    join_shape,
    ops,
)
from hubel.arch import named_children as named

LOOK_AHEAD = 8  # layers that a translation is shown of what follows


@dataclass(frozen=True)
class Reference:
    """A parameter of the function or class that is being written, perhaps times a number."""

    name: str
    factor: int = 1

    def __str__(self) -> str:
        return self.name if self.factor == 1 else f"{self.factor} * {self.name}"


@dataclass(eq=False)
class Leaf:
    """One call that makes or applies a layer. `target` is a framework's name, or a definition of the program itself."""

    target: Any
    arguments: dict[str, Any]
    output: Shape = ()
    name: str = ""


@dataclass(eq=False)
class Group:
    """Items one after another. An `implicit` one has been found, not written: a convolution with its normalisation."""

    items: list[Item]
    name: str = ""
    implicit: bool = False
    output: Shape = ()
    replaced: Leaf | None = None


@dataclass(eq=False)
class Join:
    """Branches from one input, then perhaps an activation.

    They are added ("sum"), laid side by side ("concat") or multiplied ("product"); `missing` are the axes of places
    that a product's branches lack, and are spread along.
    """

    kind: str
    branches: list[tuple[str, Group]]
    name: str = ""
    output: Shape = ()
    after: str | None = None
    replaced: Leaf | None = None
    optional: dict[int, str] = field(default_factory=dict)
    missing: tuple[int, ...] = ()


@dataclass(eq=False)
class Exit:
    """A side exit: a group whose output leaves the network in training."""

    body: Group
    name: str = ""
    output: Shape = ()


@dataclass(eq=False)
class Repeat:
    """Items that come several times over; the one argument is how often."""

    items: list[Item]
    arguments: dict[str, Any]
    output: Shape = ()
    target: str = "for"


Item: TypeAlias = "Leaf | Group | Join | Exit | Repeat"
# One step of a layer in a framework's words: what is called, and with what.
Step: TypeAlias = "tuple[str, Mapping[str, Any]]"
Translate: TypeAlias = "Callable[[Layer, Shape, Sequence[Layer]], list[Step]]"


@dataclass(frozen=True)
class Words:
    """What of a framework's words belongs together: a convolution, its normalisation, its activation."""

    translate: Translate
    convolutions: frozenset[str]
    normalizations: frozenset[str]
    activations: frozenset[str]


def outline(network: Network, words: Words) -> Group:
    """Say a network in a framework's words."""
    group, _ = _Outliner(words).group(network.body.nodes, network.input, "")
    return group


class _Outliner:
    def __init__(self, words: Words) -> None:
        self.words = words

    def group(self, nodes: Sequence[Node], shape: Shape, name: str) -> tuple[Group, Shape]:
        items: list[Item] = []
        scope = list(named(tuple(nodes)))
        for place, (own, node) in enumerate(scope):
            last = items[-1] if items else None
            if isinstance(last, Join) and last.after is None and (function := _function(node, shape)):
                last.after = function
                continue
            found, shape = self.node(node, own, shape, _leading(scope[place + 1 : place + 1 + LOOK_AHEAD]))
            items += found
        return Group(_gathered(items, self.words), name, output=shape), shape

    def node(self, node: Node, name: str, shape: Shape, following: Sequence[Layer]) -> tuple[list[Item], Shape]:
        match node:
            case Layer():
                steps = self.words.translate(node, shape, following)
                output = node.output_shape(shape)
                leaves = [Leaf(target, dict(arguments)) for target, arguments in steps]
                if leaves:
                    weighted = [leaf for leaf in leaves if leaf.target not in self.words.activations]
                    told = (weighted or leaves)[-1]
                    told.output, told.name = output, name
                return list(leaves), output
            case Chain():
                group, output = self.group(node.nodes, shape, name)
                return [_alone(group)], output
            case Sum() | Concat() | Product():
                return self.join(node, name, shape)
            case Auxiliary():
                body, output = self.group(node.nodes, shape, name)
                return [Exit(body, name, output)], shape
            case _:
                assert_never(node)

    def join(self, node: arch.Join, name: str, shape: Shape) -> tuple[list[Item], Shape]:
        branches, ends = [], []
        for own, branch in named(node.branches):
            inner = branch.nodes if isinstance(branch, Chain) else (branch,)
            group, end = self.group(inner, shape, own)
            branches.append((own, group))
            ends.append(end)
        output = join_shape(node, ends)
        missing = tuple(len(output) - len(end) for end in ends)
        return [Join(type(node).__name__.lower(), branches, name, output, missing=missing)], output


def _leading(scope: Sequence[tuple[str, Node]]) -> list[Layer]:
    """Return the layers at the start of a scope, up to the first node that is none."""
    found: list[Layer] = []
    for _, node in scope:
        if not isinstance(node, Layer):
            break
        found.append(node)
    return found


def _function(node: Node, shape: Shape) -> str | None:
    """Return the function that an unnamed layer applies to each number, where it is that and no more."""
    operation = node.lower(shape) if isinstance(node, Layer) and node.name is None else None
    if not isinstance(operation, ops.Activate) or operation.looks_at_channels or operation.constants:
        return None
    return operation.function


def _alone(group: Group) -> Group:
    """A named chain of one found group is that group."""
    only = group.items[0] if len(group.items) == 1 else None
    if isinstance(only, Group) and only.implicit:
        only.name = group.name
        return only
    return group


def _gathered(items: list[Item], words: Words) -> list[Item]:
    """Gather each convolution with the normalisation and the activation right after it."""
    found: list[Item] = []
    place = 0
    while place < len(items):
        if not _is(items, place, words.convolutions) or not _is(items, place + 1, words.normalizations):
            found.append(items[place])
            place += 1
            continue
        end = place + (3 if _is(items, place + 2, words.activations) else 2)
        first = items[place]
        found.append(Group(items[place:end], implicit=True, output=first.output))
        place = end
    return found


def _is(items: list[Item], place: int, targets: frozenset[str]) -> bool:
    item = items[place] if place < len(items) else None
    return isinstance(item, Leaf) and item.target in targets


def children(item: Item) -> Iterator[Item]:
    """Walk over what stands directly inside an item; a part that has become a definition shows as its call."""
    if isinstance(item, Exit):
        yield item.body
    elif isinstance(item, Join):
        yield from (group for _, group in item.branches)
    elif isinstance(item, Repeat):
        yield from item.items
    elif isinstance(item, Group):
        yield from contents(item)


def contents(group: Group) -> Iterator[Item]:
    """Walk over a group's items: definitions as calls, found groups that stay undefined melted in."""
    for item in group.items:
        if isinstance(item, (Group, Join)) and item.replaced is not None:
            yield item.replaced
        elif isinstance(item, Group) and item.implicit:
            yield from contents(item)
        else:
            yield item
