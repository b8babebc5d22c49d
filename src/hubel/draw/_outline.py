"""What of a network is drawn: its tree with activations folded into layers, and repeats folded into one.

One walk over the tree; both styles of drawing are made from its outcome.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias, TypeGuard

from hubel.arch import (
    Auxiliary,
    Chain,
    Concat,
    Layer,
    Node,
    Product,
    Report,
    Row,
    Shape,
    Sum,
    assert_never,
    named_children,
    ops,
)
from hubel.draw._words import kind, words

# kinds that are drawn as a thin cap on the layer they follow
CAPS = ("normalization", "activation", "regularization")


@dataclass(frozen=True, slots=True)
class Box:
    """A layer, and the normalisation, activation and dropout that follow it.

    `times` equal ones stand in a row, up to the one at the path `last`; `more` are all rows of these others. `alike`
    are the rows of all that this one stands for, its likes in repeats of a block around it too.
    """

    path: str
    rows: tuple[Row, ...]
    kind: str
    times: int = 1
    last: str = ""
    more: tuple[Row, ...] = ()
    alike: tuple[Row, ...] = ()
    detail: int = 2

    @property
    def layer(self) -> Layer:
        """The layer itself."""
        assert isinstance(self.rows[0].node, Layer)
        return self.rows[0].node

    @property
    def caps(self) -> tuple[str, ...]:
        """The kinds of what is folded into it."""
        return _cap_kinds(operations_of(self.rows)[1:])

    @property
    def words(self) -> str:
        """What it does, in a few words."""
        return words(self.layer, self.rows[0].operation)

    @property
    def input_shape(self) -> Shape:
        """What it reads."""
        return self.rows[0].input_shape

    @property
    def output_shape(self) -> Shape:
        """What it gives, the first one of its repeats; a flattening after it is left to whoever reads it."""
        return next(
            (row for row in reversed(self.rows) if not isinstance(row.operation, ops.View)), self.rows[-1]
        ).output_shape


@dataclass(frozen=True, slots=True)
class Closed(Box):
    """A part of which the inside is not drawn: what it reads, gives and costs."""

    name: str = ""

    @property
    def caps(self) -> tuple[str, ...]:
        """None: they are inside."""
        return ()

    @property
    def words(self) -> str:
        """What it is called, and how many layers are in it."""
        layers = sum(row.is_layer for row in self.rows)
        return f"{self.name}: {layers} {'layer' if layers == 1 else 'layers'}"

    @property
    def output_shape(self) -> Shape:
        """What it gives."""
        return self.rows[-1].output_shape


@dataclass(frozen=True, slots=True)
class Series:
    """A part with a name, its items one after the other."""

    path: str
    items: tuple[Item, ...]
    times: int = 1
    last: str = ""
    more: tuple[Row, ...] = ()
    detail: int = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Branches side by side, and where they meet again. `rows` are the meeting and what is folded into it. `within` is
    the path of a part that is nothing but these, and `last_within` that of the last of its repeats.
    """

    path: str
    branches: tuple[tuple[Item, ...], ...]
    rows: tuple[Row, ...]
    times: int = 1
    last: str = ""
    more: tuple[Row, ...] = ()
    alike: tuple[Row, ...] = ()
    within: str = ""
    last_within: str = ""
    detail: int = 2

    @property
    def sign(self) -> str:
        """What branches meet in: "plus", "times", or nothing where they are put side by side."""
        node = self.rows[0].node
        return "plus" if isinstance(node, Sum) else "times" if isinstance(node, Product) else ""

    @property
    def called(self) -> str:
        """What it is called as a whole: squeeze-and-excitation."""
        return self.rows[0].called

    @property
    def caps(self) -> tuple[str, ...]:
        """The kinds of what is folded into it."""
        return _cap_kinds(operations_of(self.rows[1:]))

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
    last: str = ""
    more: tuple[Row, ...] = ()
    detail: int = 2


Item: TypeAlias = "Box | Series | Split | Exit"


def outline(report: Report) -> tuple[Item, ...]:
    """Return what there is to draw of a network, from its input's side to its output's (the input itself left out)."""
    rows = {row.path: row for row in report.rows}
    return tuple(_items(report.network.body.nodes, "", rows))


def thinned(items: Sequence[Item], detail: int, closed: Collection[str] = ()) -> tuple[Item, ...]:
    """Return what of them is drawn.

    detail: what stands in it: 2, what layers do, give and cost; 1, what they do and give; 0, what they do. closed:
    paths of parts of which the inside is not drawn.
    """
    told = tuple(items) if detail == 2 else _told(items, detail)
    return _shut(told, frozenset(closed)) if closed else told


def _shut(items: Sequence[Item], closed: frozenset[str]) -> tuple[Item, ...]:
    found: list[Item] = []
    for item in items:
        if isinstance(item, Box):
            found.append(item)
        elif part_of(item) in closed:
            found.append(_closed(item))
        elif isinstance(item, Split):
            found.append(replace(item, branches=tuple(_shut(each, closed) for each in item.branches)))
        else:
            found.append(replace(item, items=_shut(item.items, closed)))
    return tuple(found)


def part_of(item: Series | Split | Exit) -> str:
    """The path by which a part is opened and closed."""
    return (item.within if isinstance(item, Split) else "") or item.path


def _closed(item: Series | Split | Exit) -> Closed:
    """A part, or all of its repeats as one, which may each give another shape than the one before."""
    path = part_of(item)
    name = (item.called if isinstance(item, Split) else "") or path.rpartition(".")[2]
    if item.times > 1:
        last = (item.last_within if isinstance(item, Split) else "") or item.last
        name = f"{path} … {last.rpartition('.')[2]}"
    return Closed(path, rows_of([item]), "band", detail=item.detail, name=name)


def _told(items: Sequence[Item], detail: int) -> tuple[Item, ...]:
    found: list[Item] = []
    for item in items:
        if isinstance(item, Split):
            found.append(replace(item, branches=tuple(_told(each, detail) for each in item.branches), detail=detail))
        elif isinstance(item, Box):
            found.append(replace(item, detail=detail))
        else:
            found.append(replace(item, items=_told(item.items, detail), detail=detail))
    return tuple(found)


def _items(nodes: tuple[Node, ...], scope: str, rows: dict[str, Row]) -> list[Item]:
    found: list[Item] = []
    for name, node in named_children(nodes):
        _add(found, node, scope + name, rows)
    return _fold(found)


def _add(found: list[Item], node: Node, path: str, rows: dict[str, Row]) -> None:
    """Add a node after the items found so far."""
    match node:
        case Layer():
            _add_layer(found, rows[path], kind(rows[path].operation))
        case Chain():
            inner = _items(node.nodes, path + ".", rows)
            if len(inner) > 1:
                found.append(Series(path, tuple(inner)))
            else:
                found.extend(replace(one, within=path) if _is_bare(one) else one for one in inner)
        case Sum() | Concat() | Product():
            branches = tuple(_branch(branch, f"{path}.{name}", rows) for name, branch in named_children(node.branches))
            found.append(Split(path, branches, (rows[path],)))
        case Auxiliary():
            found.append(Exit(path, tuple(_items(node.nodes, path + ".", rows))))
        case _:
            assert_never(node)


def _is_bare(item: Item) -> TypeGuard[Split]:
    """Whether these are branches that have no name but their place's."""
    return isinstance(item, Split) and item.times == 1 and not item.within


def _branch(branch: Node, path: str, rows: dict[str, Row]) -> tuple[Item, ...]:
    """Return a branch's items: a chain as a branch is not a part of its own."""
    if isinstance(branch, Chain):
        return tuple(_items(branch.nodes, path + ".", rows))
    found: list[Item] = []
    _add(found, branch, path, rows)
    return tuple(found)


def _add_layer(found: list[Item], row: Row, its_kind: str) -> None:
    """Add a layer, folded into what stands before it where it is only a cap, a flattening or nothing at all."""
    nothing = isinstance(row.operation, ops.Pass) and not row.operation.rate
    silent = nothing or (isinstance(row.operation, ops.View) and len(row.output_shape) == 1)
    if (silent or its_kind in CAPS) and found and _takes_caps(found[-1]):
        found[-1] = _capped(found[-1], row)
    elif not nothing:
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


def operations_of(rows: Sequence[Row]) -> tuple[ops.Operation, ...]:
    """Return all that rows compute, in order; places where branches meet left out."""
    return tuple(one for row in rows if isinstance(row.node, Layer) for one in row.node.operations(row.input_shape))


def _cap_kinds(operations: Sequence[ops.Operation]) -> tuple[str, ...]:
    """Name the kinds of caps, neighbours of one kind once."""
    return tuple(found for found, _ in groupby(map(kind, operations)) if found in CAPS)


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
    """Fold equal neighbours into one that knows how many there are, and the path of the last."""
    runs: list[tuple[tuple[object, ...], list[Item]]] = []
    for item in items:
        alike, after = _apart(runs[-1][1][0], item) if runs else (item, None)
        if runs and runs[-1][0] == _key(alike):
            runs[-1][1].append(alike)
            runs += [(_key(after), [after])] if after else []
        else:
            runs.append((_key(item), [item]))
    return [_together(first, others) if others else first for _, (first, *others) in runs]


def _together(first: Item, others: list[Item]) -> Item:
    found = _merged(first, others)
    if isinstance(found, Split) and isinstance(others[-1], Split):
        found = replace(found, last_within=others[-1].within)
    times, more = sum(item.times for item in (first, *others)), (*first.more, *rows_of(others))
    return replace(found, times=times, last=others[-1].last or others[-1].path, more=more)


def _apart(before: Item, item: Item) -> tuple[Item, Box | None]:
    """Take what is folded into a block off it again, where the block before it is equal but for that."""
    if not isinstance(before, Split) or not isinstance(item, Split) or len(item.rows) <= len(before.rows):
        return item, None
    rest = item.rows[len(before.rows) :]
    if not isinstance(rest[0].node, Layer):
        return item, None
    return replace(item, rows=item.rows[: len(before.rows)]), Box(rest[0].path, rest, kind(rest[0].operation))


def _merged(first: Item, others: Sequence[Item]) -> Item:
    """Add the rows of equal items, each where its like is."""
    if isinstance(first, Box):
        return replace(first, alike=(*first.alike, *_own_rows(others)))
    if isinstance(first, Split):
        branches = zip(*(item.branches for item in others if isinstance(item, Split)), strict=True)
        merged = tuple(_all_merged(mine, its) for mine, its in zip(first.branches, branches, strict=True))
        return replace(first, branches=merged, alike=(*first.alike, *_own_rows(others)))
    return replace(
        first, items=_all_merged(first.items, [item.items for item in others if isinstance(item, (Series, Exit))])
    )


def _own_rows(items: Sequence[Item]) -> Iterator[Row]:
    for item in items:
        if isinstance(item, (Box, Split)):
            yield from (*item.rows, *item.alike)


def _all_merged(first: Sequence[Item], others: Sequence[Sequence[Item]]) -> tuple[Item, ...]:
    return tuple(_merged(mine, its) for mine, its in zip(first, zip(*others, strict=True), strict=True))


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
