"""What of a network is drawn: its tree with activations folded into layers, and repeats folded into one.

One walk over the tree; both styles of drawing are made from its outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from hubel.arch import Auxiliary, Chain, Concat, Layer, Node, Report, Row, Shape, Sum, assert_never, named_children
from hubel.draw._words import kind

# kinds that are drawn as a thin cap on the layer they follow
CAPS = ("normalization", "activation", "regularization")


@dataclass(frozen=True, slots=True)
class Box:
    """A layer, and the normalisation, activation and dropout that follow it. `times` equal ones stand in a row."""

    path: str
    rows: tuple[Row, ...]
    kind: str
    times: int = 1
    more: tuple[Row, ...] = ()

    @property
    def layer(self) -> Layer:
        """The layer itself."""
        assert isinstance(self.rows[0].node, Layer)
        return self.rows[0].node

    @property
    def caps(self) -> tuple[str, ...]:
        """The kinds of what is folded into it."""
        return _cap_kinds((*self.layer.steps()[1:], *_layers_of(self.rows[1:])))

    @property
    def input_shape(self) -> Shape:
        """What it reads."""
        return self.rows[0].input_shape

    @property
    def output_shape(self) -> Shape:
        """What it gives, the first one of its repeats; a flattening after it is left to whoever reads it."""
        return next((row for row in reversed(self.rows) if row.type != "Flatten"), self.rows[-1]).output_shape


@dataclass(frozen=True, slots=True)
class Series:
    """A part with a name, its items one after the other."""

    path: str
    items: tuple[Item, ...]
    times: int = 1
    more: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """Branches side by side, and where they meet again. `rows` are the meeting and what is folded into it."""

    path: str
    branches: tuple[tuple[Item, ...], ...]
    rows: tuple[Row, ...]
    times: int = 1
    more: tuple[Row, ...] = ()

    @property
    def adds(self) -> bool:
        """Whether branches are added, not put side by side."""
        return isinstance(self.rows[0].node, Sum)

    @property
    def caps(self) -> tuple[str, ...]:
        """The kinds of what is folded into it."""
        return _cap_kinds(_layers_of(self.rows[1:]))

    @property
    def named(self) -> bool:
        """Whether it has a name of its own."""
        return getattr(self.rows[0].node, "name", None) is not None


@dataclass(frozen=True, slots=True)
class Exit:
    """A side exit that takes part in training alone."""

    path: str
    items: tuple[Item, ...]
    times: int = 1
    more: tuple[Row, ...] = ()


Item: TypeAlias = "Box | Series | Split | Exit"


def outline(report: Report) -> tuple[Item, ...]:
    """Return what is to be drawn of a network, from its input's side to its output's (the input itself left out)."""
    rows = {row.path: row for row in report.rows}
    return tuple(_items(report.network.body.nodes, "", rows))


def _items(nodes: tuple[Node, ...], scope: str, rows: dict[str, Row]) -> list[Item]:
    found: list[Item] = []
    for name, node in named_children(nodes):
        _add(found, node, scope + name, rows)
    return _fold(found)


def _add(found: list[Item], node: Node, path: str, rows: dict[str, Row]) -> None:
    """Add a node after the items found so far."""
    match node:
        case Layer():
            _add_layer(found, rows[path], kind(node))
        case Chain():
            inner = _items(node.nodes, path + ".", rows)
            if len(inner) > 1:
                found.append(Series(path, tuple(inner)))
            else:
                found.extend(inner)
        case Sum() | Concat():
            branches = tuple(_branch(branch, f"{path}.{name}", rows) for name, branch in named_children(node.branches))
            found.append(Split(path, branches, (rows[path],)))
        case Auxiliary():
            found.append(Exit(path, tuple(_items(node.nodes, path + ".", rows))))
        case _:
            assert_never(node)


def _branch(branch: Node, path: str, rows: dict[str, Row]) -> tuple[Item, ...]:
    """Return a branch's items: a chain as a branch is not a part of its own."""
    if isinstance(branch, Chain):
        return tuple(_items(branch.nodes, path + ".", rows))
    found: list[Item] = []
    _add(found, branch, path, rows)
    return tuple(found)


def _add_layer(found: list[Item], row: Row, its_kind: str) -> None:
    """Add a layer, folded into what stands before it where it is only a cap, a flattening or nothing at all."""
    silent = row.type in ("Flatten", "Identity")
    if (silent or its_kind in CAPS) and found and _takes_caps(found[-1]):
        found[-1] = _capped(found[-1], row)
    elif row.type != "Identity":
        found.append(Box(row.path, (row,), its_kind))


def _takes_caps(item: Item) -> bool:
    """Whether what follows an item can be folded into it: not into one of many, nor into a side exit."""
    if isinstance(item, Exit) or item.times > 1:
        return False
    return _takes_caps(item.items[-1]) if isinstance(item, Series) else True


def _capped(item: Item, row: Row) -> Item:
    if isinstance(item, (Box, Split)):
        return replace(item, rows=(*item.rows, row))
    return replace(item, items=(*item.items[:-1], _capped(item.items[-1], row)))


def _layers_of(rows: tuple[Row, ...]) -> tuple[Layer, ...]:
    return tuple(row.node for row in rows if isinstance(row.node, Layer))


def _cap_kinds(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    """Name the kinds of caps, neighbours of one kind once."""
    return tuple(found for found, _ in groupby(kind(layer) for layer in layers) if found in CAPS)


def rows_of(items: Sequence[Item]) -> tuple[Row, ...]:
    """Return every row inside, those of folded repeats too."""
    found: list[Row] = []
    for item in items:
        if isinstance(item, Split):
            for branch in item.branches:
                found.extend(rows_of(branch))
        if isinstance(item, (Box, Split)):
            found.extend(item.rows)
        else:
            found.extend(rows_of(item.items))
        found.extend(item.more)
    return tuple(found)


def _fold(items: list[Item]) -> list[Item]:
    """Fold equal neighbours into one that knows how many there are."""
    found: list[Item] = []
    for item in items:
        if found and _key(found[-1]) == _key(item):
            first = found[-1]
            found[-1] = replace(first, times=first.times + 1, more=(*first.more, *rows_of([item])))
        else:
            found.append(item)
    return found


def _key(item: Item) -> tuple[object, ...]:
    """Say what makes two items equal: all but names. Blocks may differ in shape (DenseNet's do), layers may not."""
    if isinstance(item, Box):
        return (*_layers(item.rows), item.input_shape, item.times)
    if isinstance(item, Split):
        return (type(item.rows[0].node), *_layers(item.rows[1:]), *(tuple(map(_shapeless, b)) for b in item.branches))
    return (type(item), *map(_shapeless, item.items))


def _shapeless(item: Item) -> tuple[object, ...]:
    return (*_layers(item.rows), item.times) if isinstance(item, Box) else _key(item)


def _layers(rows: tuple[Row, ...]) -> tuple[object, ...]:
    return tuple(row.node.text() if isinstance(row.node, Layer) else row.type for row in rows)
