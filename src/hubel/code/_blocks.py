"""Parts of a network that are alike become one definition; what differs between them becomes its parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hubel.code._names import definition_names, parameter_names
from hubel.code._outline import Exit, Group, Item, Join, Leaf, Reference, Repeat, children, contents

FEWEST_FOUND = 3  # uses of a group that nobody named
FEWEST_NAMED = 2
LARGEST_FACTOR = 8
LONGEST_PATTERN = 12
INCOMING = ("in_channels", "in_features", "num_features", "num_channels", "normalized_shape")


class _Unset:
    def __repr__(self) -> str:
        return "—"


UNSET: Any = _Unset()


@dataclass
class Parameter:
    """What differs between the uses of a definition: the value in each use (UNSET where it plays no part)."""

    kind: str
    argument: str
    values: list[Any]
    where: str
    first: bool
    default: Any = UNSET
    name: str = ""

    @property
    def known(self) -> Any:
        """The first value that plays a part."""
        return next(value for value in self.values if value is not UNSET)


@dataclass(eq=False)
class Definition:
    """A function (of a chain) or a class (of branches): its parameters and its body in terms of them."""

    body: Group | Join
    parameters: list[Parameter] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    implicit: bool = False
    name: str = ""

    @property
    def defaults(self) -> dict[str, Any]:
        """The parameters that can be left out, with their values."""
        return {p.name: p.default for p in self.parameters if p.default is not UNSET}


@dataclass(frozen=True)
class _Draft:
    """A parameter that is to stand in a body, before it has its name."""

    parameter: Parameter
    factor: int = 1


@dataclass(frozen=True)
class Vocabulary:
    """What the search needs to know of a framework's arguments.

    `defaults` are those of each target; `channels` the arguments that count channels, which can stand for one another.
    """

    defaults: Mapping[str, Mapping[str, Any]]
    channels: frozenset[str]
    taken: frozenset[str]
    classes: bool = True  # branches become classes; else functions, defined from the second use on, without side exits


def find_blocks(root: Group, vocabulary: Vocabulary) -> list[Definition]:
    """Replace like parts by calls of definitions, and return these, each after those that it uses."""
    found: list[Definition] = []
    joins = 1 if vocabulary.classes else FEWEST_NAMED
    for level in _levels(root):
        for item in level:
            fold(item)
        for uses in _alike(level):
            least = joins if isinstance(uses[0], Join) else FEWEST_FOUND if uses[0].implicit else FEWEST_NAMED
            if len(uses) >= least and (vocabulary.classes or not _leads_out(uses[0])):
                found.append(_define(uses, vocabulary))
    fold(root)
    definition_names(found, vocabulary.taken, vocabulary.classes)
    return found


def _leads_out(item: Item) -> bool:
    return isinstance(item, Exit) or any(map(_leads_out, children(item)))


def _levels(root: Group) -> list[list[Group | Join]]:
    """What may become a definition, the innermost first."""
    levels: dict[int, list[Group | Join]] = defaultdict(list)

    def visit(item: Item, candidate: bool) -> int:
        if isinstance(item, Leaf):
            return 0
        inner: list[Item] = [item.body] if isinstance(item, Exit) else []
        if isinstance(item, Group):
            inner = item.items
        elif isinstance(item, Join):
            inner = [group for _, group in item.branches]
        elif isinstance(item, Repeat):
            inner = item.items
        height = max((visit(child, isinstance(item, Group)) for child in inner), default=0)
        if isinstance(item, Join) or (isinstance(item, Group) and candidate and len(item.items) > 1):
            height += 1
            levels[height].append(item)
        return height

    visit(root, False)
    return [levels[height] for height in sorted(levels)]


def fold(item: Item) -> None:
    """Write repeated items once, in a part whose own parts have been dealt with."""
    if isinstance(item, Group):
        inner = list(contents(item))
        for child in inner:
            fold(child)
        item.items = list(_folded(inner))
        return
    for child in children(item):
        fold(child)


def _folded(items: list[Item]) -> Iterator[Item]:
    keys = [_key(item) for item in items]
    place = 0
    while place < len(items):
        first = items[place]
        bare = isinstance(first, Leaf) and not first.arguments  # a pattern does not begin with an activation
        least = 2 if isinstance(first, Leaf) and isinstance(first.target, Definition) else 3
        count, width = (1, 1) if bare else _repeats(keys[place:], least)
        if count > 1:
            last = items[place + count * width - 1]
            yield Repeat(items[place : place + width], {"count": count}, last.output)
        else:
            yield items[place]
        place += count * width


def _repeats(keys: Sequence[object], least: int) -> tuple[int, int]:
    """Return how often the first items repeat, and how many they are; a single item must come `least` times."""
    for width in range(1, min(len(keys) // 2, LONGEST_PATTERN) + 1):
        count = 1
        while keys[count * width : (count + 1) * width] == keys[:width]:
            count += 1
        if count > 2 or (count == 2 and (width > 2 or least == width + 1)):
            return count, width
    return 1, 1


def _key(item: Item) -> tuple[object, ...]:
    """Return what is equal for equal items."""
    own: list[object] = [type(item).__name__]
    if isinstance(item, (Leaf, Repeat)):
        own.append(item.target if isinstance(item.target, str) else id(item.target))
        own += [(name, type(value).__name__, repr(value)) for name, value in item.arguments.items()]
    if isinstance(item, Join):
        own += [item.kind, item.after, item.missing]
    return (*own, *map(_key, children(item)))


def skeleton(item: Item) -> object:
    """Return what must agree between parts that are alike: all but the values of arguments."""
    if isinstance(item, Leaf):
        return item.target if isinstance(item.target, str) else id(item.target), tuple(item.arguments)
    if isinstance(item, Join):
        return (item.kind, item.after, item.missing), tuple((name, _inside(group)) for name, group in item.branches)
    return type(item).__name__, tuple(skeleton(child) for child in children(item))


def _inside(group: Group) -> tuple[object, ...]:
    return tuple(skeleton(child) for child in contents(group))


def _alike(level: list[Group | Join]) -> list[list[Group | Join]]:
    """Sort parts by what they look like; sums that differ by an identity in a branch count as alike."""
    kinds: dict[object, list[Group | Join]] = defaultdict(list)
    for item in level:
        key = skeleton(item)
        if isinstance(item, Join) and item.kind == "sum":
            key = next((other for other in kinds if _compatible(other, key)), key)
            merged = _merged(key, skeleton(item))
            kinds[merged] = kinds.pop(key, [])
            key = merged
        kinds[key].append(item)
    return list(kinds.values())


def _compatible(one: Any, other: Any) -> bool:
    if one[0] != other[0] or not isinstance(one[0], tuple) or len(one[1]) != len(other[1]):
        return False
    pairs = list(zip(one[1], other[1], strict=True))
    return all(a[0] == b[0] and (a[1] == b[1] or not a[1] or not b[1]) for a, b in pairs)


def _merged(one: Any, other: Any) -> object:
    return one[0], tuple((a[0], a[1] or b[1]) for a, b in zip(one[1], other[1], strict=True))


@dataclass
class _Slot:
    """One argument of one call inside a part, in the order of reading."""

    leaf: Leaf | Repeat
    argument: str
    where: str


def _slots(item: Item, where: str = "") -> Iterator[_Slot]:
    if isinstance(item, Leaf):
        yield from (_Slot(item, argument, where) for argument in item.arguments)
        return
    for child in children(item):
        yield from _slots(child, where)
    if isinstance(item, Repeat):
        yield _Slot(item, "count", where)


def _define(uses: list[Group | Join], vocabulary: Vocabulary) -> Definition:
    body, table, optional = _table(uses)
    definition = Definition(
        body, titles=[use.name for use in uses], implicit=isinstance(uses[0], Group) and uses[0].implicit
    )
    replaced: dict[int, dict[str, Any]] = defaultdict(dict)
    first_leaf = table[0][0].leaf if table else None
    for slot, values in table:
        replaced[id(slot.leaf)][slot.argument] = _value(definition, slot, values, first_leaf, vocabulary)
    for branch, values in optional.items():
        default = False if False in values else UNSET
        title = body.branches[branch][0] if isinstance(body, Join) else ""
        name = "project" if title == "shortcut" else f"with_{title}"
        definition.parameters.append(Parameter("optional", name, values, "", False, default))
    for parameter in definition.parameters:
        if (
            any(value is UNSET for value in parameter.values) and parameter.default is UNSET
        ):  # a branch that some uses lack has it alone
            parameter.default = 0 if parameter.kind == "channels" or type(parameter.known) is int else parameter.known
    parameter_names(definition.parameters)
    for parameter in definition.parameters:
        if parameter.kind == "optional" and isinstance(body, Join):
            branch = next(branch for branch, values in optional.items() if values is parameter.values)
            body.optional[branch] = parameter.name
    by_object = {id(parameter): parameter.name for parameter in definition.parameters}
    _rewrite(body, replaced, by_object)
    definition.parameters.sort(key=lambda parameter: parameter.default is not UNSET)
    for place, use in enumerate(uses):
        arguments = {p.name: p.values[place] for p in definition.parameters}
        use.replaced = Leaf(definition, arguments, use.output, use.name)
    return definition


def _table(uses: list[Group | Join]) -> tuple[Group | Join, list[tuple[_Slot, list[Any]]], dict[int, list[bool]]]:
    """Copy the fullest use as a body, and list each argument's values over all uses."""
    first = uses[0]
    if not isinstance(first, Join):
        body: Group | Join = _copied_group(first)
        columns = [list(_slots(use)) for use in uses]
        own = list(_slots(body))
        rows = [(slot, [c[i].leaf.arguments[slot.argument] for c in columns]) for i, slot in enumerate(own)]
        return body, rows, {}
    rows, optional, branches = [], {}, []
    for index, (name, _) in enumerate(first.branches):
        groups = [use.branches[index][1] for use in uses if isinstance(use, Join)]
        present = [any(True for _ in contents(group)) for group in groups]
        fullest = groups[present.index(True)] if True in present else groups[0]
        copied = _copied_group(fullest)
        branches.append((name, copied))
        if True in present and False in present:
            optional[index] = present
        columns = [list(_slots(group)) for group in groups]
        for i, slot in enumerate(_slots(copied, name)):
            values = [c[i].leaf.arguments[slot.argument] if c else UNSET for c in columns]
            rows.append((slot, values))
    return replace(first, branches=branches, replaced=None, optional={}), rows, optional


def _copied_group(group: Group) -> Group:
    return Group([_copied(child) for child in contents(group)], group.name, output=group.output)


def _copied(item: Item) -> Item:
    if isinstance(item, Leaf):
        return Leaf(item.target, dict(item.arguments), item.output, item.name)
    if isinstance(item, Repeat):
        return Repeat([_copied(child) for child in item.items], dict(item.arguments), item.output)
    if isinstance(item, Exit):
        return Exit(_copied_group(item.body), item.name, item.output)
    if isinstance(item, Join):
        branches = [(name, _copied_group(group)) for name, group in item.branches]
        return replace(item, branches=branches, replaced=None, optional={})
    return _copied_group(item)


def _value(
    definition: Definition, slot: _Slot, values: list[Any], first: Leaf | Repeat | None, words: Vocabulary
) -> Any:
    """Return what stands in the body: the value that all uses share, or a parameter that tells them apart."""
    known = [value for value in values if value is not UNSET]
    if not known:
        return UNSET
    if all(value == known[0] and type(value) is type(known[0]) for value in known):
        return known[0]
    kind = "channels" if slot.argument in words.channels else slot.argument
    same = [parameter for parameter in definition.parameters if parameter.kind == kind]
    for parameter in same:
        if _agree(parameter.values, values, 1):
            parameter.values = _filled(parameter.values, values)
            return _Draft(parameter)
    if kind == "channels":
        for parameter in same:
            factor = _factor(parameter.values, values)
            if factor:
                return _Draft(parameter, factor)
    defaults = slot.leaf.target.defaults if isinstance(slot.leaf.target, Definition) else None
    default = (words.defaults.get(slot.leaf.target, {}) if defaults is None else defaults).get(slot.argument, UNSET)
    usual = default if any(value == default and value is not UNSET for value in values) else UNSET
    starts = slot.leaf is first and slot.argument in INCOMING
    parameter = Parameter(kind, slot.argument, list(values), slot.where, starts, usual)
    definition.parameters.append(parameter)
    return _Draft(parameter)


def _agree(one: list[Any], other: list[Any], factor: int) -> bool:
    pairs = zip(one, other, strict=True)
    known = [(a, b) for a, b in pairs if a is not UNSET and b is not UNSET]
    return bool(known) and all(type(a) is type(b) and (a if factor == 1 else a * factor) == b for a, b in known)


def _filled(one: list[Any], other: list[Any]) -> list[Any]:
    return [b if a is UNSET else a for a, b in zip(one, other, strict=True)]


def _factor(base: list[Any], values: list[Any]) -> int:
    """Return the whole number that all values are times the base's, or 0."""
    known = [(a, b) for a, b in zip(base, values, strict=True) if a is not UNSET and b is not UNSET]
    if len({a for a, _ in known}) < 2 or any(b is not UNSET and a is UNSET for a, b in zip(base, values, strict=True)):
        return 0
    factor = known[0][1] // known[0][0]
    return factor if 1 < factor <= LARGEST_FACTOR and _agree(base, values, factor) else 0


def _rewrite(item: Item, replaced: Mapping[int, Mapping[str, Any]], names: Mapping[int, str]) -> None:
    if isinstance(item, (Leaf, Repeat)):
        for argument, value in replaced[id(item)].items():
            drafted = isinstance(value, _Draft)
            item.arguments[argument] = Reference(names[id(value.parameter)], value.factor) if drafted else value
    for child in children(item):
        _rewrite(child, replaced, names)
