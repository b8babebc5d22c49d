"""Parts of equal shapes: which of a file's goes where, by how its names lie together along the network.

What follows a part in the network lies near it in the file's tree of names (`layer1.0.conv1`, `layer1.0.bn1`), bears
its mark (`conv_dw`, `bn_dw`) or the next number. That is looked for along the network's own flow, branch by branch.
Where names say nothing, numbers and the file's order do; where these contradict each other, or none speaks, it is
asked. Of branches, which run side by side, numbers say little, and so what they alone tell is warned of.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

from torch import nn

from hubel.base.errors import WeightsError
from hubel.nn import modules
from hubel.nn.weights.paths import Pull, apart, beside, by_name, by_number, folder_of, near
from hubel.nn.weights.read import WeightsWarning

CLOSE = 1e-9
_BESIDE = 0.4  # what it counts that branches that begin together share a part of their path
_LONGEST = 4  # parts of a stretch that is tried beside the longest
_WHOLE = 32  # parts of the longest stretch
_NEAR = 16  # places between which stretches are tried that have others between their parts
_TURNS = 9  # for each part, exchanges that only numbers or the file's order ask for
_ACROSS = 0.75  # what it counts that what follows lies in another block of the tree
_ORDER, _NUMBERS = "the file's order alone", "numbers in their names alone"
_TREE = "how their names lie together, against their numbers"
Link = tuple[int, int, "Callable[[str, str], Pull]", float]


class _Move(NamedTuple):
    """Places with those whose parts they get, and the links that it changes."""

    sources: tuple[tuple[int, int], ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Part:
    """A module that bears weights: its path, the name of the tensor in each role, its shapes, whether it is an exit's.

    A last axis or two of one place do not count: a 1×1 convolution and a dense layer on channels are one thing.
    """

    path: str
    tensors: Mapping[str, str]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    exit: bool

    @property
    def text(self) -> str:
        """Write the path with its tensors' names and shapes."""
        shapes = ", ".join(
            f"{self.tensors[role].rpartition('.')[2]} {'×'.join(map(str, shape)) or '1'}" for role, shape in self.shapes
        )
        path = self.path.rstrip("'")
        return f"{path} ({shapes})" if path else shapes

    @property
    def kind(self) -> tuple[bool, tuple[tuple[str, tuple[int, ...]], ...]]:
        """What parts that can change places have in common."""
        return self.exit, self.shapes


class Ties:
    """The parts of a network that got one of a file each, and which of those could be exchanged.

    wanted: the network's, in order; module: theirs. order: the places of the file's paths, where it keeps its own
    order; None where it is sorted by name.
    """

    def __init__(self, module: nn.Module, wanted: Sequence[Part], order: Mapping[str, int] | None) -> None:
        self._wanted, self._order = list(wanted), order
        self._places = defaultdict[str, list[int]](list)
        for place, part in enumerate(self._wanted):
            self._places[part.path.rstrip("'")].append(place)
        self._links: dict[tuple[int, int, Callable[[str, str], Pull]], float] = {}  # of two places, and what it counts
        self._of: dict[int, list[Link]] = defaultdict(list)
        self._before: dict[int, set[int]] = defaultdict(set)
        self._after: dict[int, set[int]] = defaultdict(set)
        self._branches: dict[int, tuple[tuple[int, int], ...]] = {}  # joins that a place lies in, and its branch there
        self._joins: list[nn.Module] = []
        self._walk(module, "", [], ())
        self._link()
        self._groups: dict[object, list[int]] = defaultdict(list)
        for place, part in enumerate(self._wanted):
            self._groups[part.kind].append(place)
        kinds = {kind: number for number, kind in enumerate(self._groups)}
        self._kinds = [kinds[part.kind] for part in self._wanted]
        self._tried: list[_Move] = []  # what may be tried: what lies near first, so that blocks come right first
        self._judged: list[tuple[tuple[int, ...], _Move]] = []  # exchanges of what begins at two places; rows that turn
        for places in self._groups.values():
            self._think(places)

    def settled(self, given: Sequence[list[Part]]) -> list[Part]:
        """What goes where: of several ways to begin the one whose names lie together best, made better step by step."""
        first = self._better(list(given[0]))
        if self._order is not None and first == given[0]:  # the file's own order needs no better one
            return first
        ways = [first]
        ways += [
            self._better(list(taken)) for number, taken in enumerate(given) if taken not in given[:number] and number
        ]
        return min(ways, key=lambda taken: round(-self._together(taken), 6))  # the first of equal ones

    def check(self, taken: list[Part]) -> None:
        """Raise WeightsError where two could as well change places, or names and the file's order contradict each
        other; warn where the order alone tells.
        """
        alone: dict[str, list[tuple[int, int]]] = {_ORDER: [], _NUMBERS: [], _TREE: []}
        for places, move in self._judged:
            strong, weak = self._gain(taken, move, self._parted(places))
            if strong < -CLOSE and len(places) == 2 and self._fall(taken, *places):
                alone[_TREE].append((places[0], places[1]))
            if strong < -CLOSE or (len(places) == 2 and self._is_same(move)):
                continue
            if len(places) > 2 and strong + weak < -CLOSE:
                continue
            turned = self._turned(places, move)
            told = [self._said(taken, *pair) for pair in turned]
            sure = [*self._by_numbers(taken, turned, move), *(name for _, name, _ in told)]
            if strong + weak < -CLOSE:
                sure.append(True)  # marks and numbers along the network
            numbers, orders = [number for number, *_ in told], [order for *_, order in told]
            said = {*sure, *numbers, *orders} - {None}
            if said != {True}:
                raise WeightsError(self._question(taken, places[0], places[-1], said))
            if True not in sure and not self._is_counted(taken, places, True in numbers):
                alone[_NUMBERS if True in numbers else _ORDER].append((places[0], places[-1]))
        for what, pairs in alone.items():
            if pairs:
                self._warn(taken, pairs, what)

    def _warn(self, taken: list[Part], pairs: list[tuple[int, int]], what: str) -> None:
        one, other = pairs[0]
        more = f", and {len(pairs) - 1} more such pairs" if len(pairs) > 1 else ""
        beside = "" if self._is_one_way(one, other) else " (and branches run side by side)"
        warnings.warn(
            f"that {self._wanted[one].path} gets {taken[one].path} and {self._wanted[other].path} {taken[other].path}, "
            f"of equal shapes, is told by {what}{beside}{more}; compare the answers with the model's own",
            WeightsWarning,
            stacklevel=3,
        )

    def _question(self, taken: list[Part], one: int, other: int, said: set[bool | None]) -> str:
        mine, theirs = (
            [self._wanted[place].path for place in (one, other)],
            [taken[place].path for place in (one, other)],
        )
        why = "the file's order tells nothing of it" if self._order else "the file is sorted by name"
        if said:
            why = "its names and its order contradict each other" if len(said) > 1 else "its names tell otherwise"
        give = "" if self._order else "give a file in the model's own order (.pth), or "
        return (
            f"which weights belong to {mine[0]} and which to {mine[1]} cannot be told: {theirs[0]} and {theirs[1]} "
            f"have equal shapes and fit both, and {why}; {give}rename its tensors to the network's paths, or have the "
            "tree made of the model itself, weights and all (hubel.translate)"
        )

    def _fall(self, taken: list[Part], one: int, other: int) -> bool:
        """Whether numbers in names fall from a part to one that runs after it."""
        return self._is_one_way(one, other) and by_number(taken[one].path, taken[other].path) is False

    # the network's flow

    def _walk(self, module: nn.Module, path: str, ends: list[int], inside: tuple[tuple[int, int], ...]) -> list[int]:
        """Note what follows what in a module that comes after `ends`; return its own ends."""
        own = self._places.get(path, [])
        for place in own:
            self._branches[place] = inside
            for end in ends:
                self._follow(end, place)
            ends = [place]
        if isinstance(module, modules.Auxiliary):
            for name, child in module.named_children():
                ends = self._walk(child, _under(path, name), ends, inside)
            return []
        if isinstance(module, modules.Sum):
            join, found = len(self._joins), []
            self._joins.append(module)
            first: list[int] = []
            for number, names in enumerate(module.branches):
                last = ends
                for name in names:
                    last = self._walk(module.get_submodule(name), _under(path, name), last, (*inside, (join, number)))
                mine = [place for place, within in self._branches.items() if (join, number) in within]
                self._links |= {(one, other, beside): _BESIDE for one, other in zip(first, mine[:1], strict=False)}
                first = mine[:1] or first
                found += [end for end in last if end not in found and end not in ends]  # of an identity none
            return found or ends
        for name, child in module.named_children():
            after = self._walk(child, _under(path, name), ends, inside)
            ends = ends if isinstance(child, modules.Auxiliary) else after
        return ends

    def _follow(self, one: int, other: int) -> None:
        self._before[other].add(one)
        self._after[one].add(other)

    def _link(self) -> None:
        """Say which places pull at each other, and how strongly."""
        for one, after in self._after.items():
            for other in after:
                # where several begin or end, all count as one; what lies in one block of the tree counts more
                share = 1 / (len(after) * len(self._before[other]))
                together = folder_of(self._wanted[one].path) == folder_of(self._wanted[other].path)
                self._links[one, other, near] = share if together else _ACROSS * share
                self._links |= {(one, each, apart): 1.0 for each in self._after.get(other, ())}
        for (one, other, pull), share in self._links.items():
            for place in {one, other}:
                self._of[place].append((one, other, pull, share))

    # how well names lie together

    def _together(self, taken: list[Part]) -> float:
        return sum(
            share * sum(pull(taken[one].path, taken[other].path)) for (one, other, pull), share in self._links.items()
        )

    def _gain(self, taken: list[Part], move: _Move, join: int | None = None) -> Pull:
        """By how much more a move lets names lie together: in shared paths, and in marks and numbers, which count
        within a join alone where one is given.
        """
        strong = weak = 0.0
        change = {place: taken[source] for place, source in move.sources}
        for one, other, pull, share in move.links:
            before = pull(taken[one].path, taken[other].path)
            after = pull(change.get(one, taken[one]).path, change.get(other, taken[other]).path)
            strong += share * (after[0] - before[0])
            if join is None or all(join in dict(self._branches[place]) for place in (one, other)):
                weak += share * (after[1] - before[1])
        return strong, weak

    # what could be exchanged

    def _better(self, taken: list[Part]) -> list[Part]:
        better, turns = True, _TURNS * len(taken)
        while better:
            better = False
            for move in self._tried:
                gain = sum(self._gain(taken, move))
                turned = -CLOSE < gain < CLOSE and turns > 0 and self._is_turned(taken, move)
                if gain > CLOSE or turned:
                    change = {place: taken[source] for place, source in move.sources}
                    taken[:] = [change.get(place, part) for place, part in enumerate(taken)]
                    turns, better = turns - turned, True
        return taken

    def _is_turned(self, taken: list[Part], move: _Move) -> bool:
        """Whether all that speaks is against what stands, where a move exchanges two stretches or turns a row."""
        one = min(place for place, _ in move.sources)
        other = next(place for place, source in move.sources if source == one)
        return set(self._said(taken, one, other)) - {None} == {False}

    def _said(self, taken: list[Part], one: int, other: int) -> list[bool | None]:
        """Whether what two places have is right by numbers in names, the tree's own names, and the file's order."""
        return [
            by_number(taken[one].path, taken[other].path),
            by_name(*(self._wanted[place].path for place in (one, other)), *(taken[p].path for p in (one, other))),
            self._by_order(taken, one, other),
        ]

    def _think(self, places: list[int]) -> None:
        """Gather the moves of parts of one kind."""
        for window in zip(places, places[1:], places[2:], strict=False):  # stretches of three turn
            for length in range(1, _LONGEST + 1):
                a, b, c = (range(place, place + length) for place in window)
                if a.stop > b.start or b.stop > c.start or not self._form(a) == self._form(b) == self._form(c):
                    break
                for turned in ((*b, *c, *a), (*c, *a, *b)):
                    self._tried.append(self._move((*a, *b, *c), turned))
        for one, other in sorted(combinations(places, 2), key=lambda pair: pair[1] - pair[0]):
            length, most = 1, min(other - one, _WHOLE, len(self._kinds) - other)
            while length < most and self._is_like(one, other, length):
                length += 1
            steps = [tuple(range(each)) for each in sorted({1, min(length, 2), length})]
            if other - one <= _NEAR:  # what begins a block, and all in it that has its like, though not all between has
                like = [
                    step
                    for step in range(min(other - one, len(self._kinds) - other))
                    if self._is_like(one, other, step)
                ]
                steps += [tuple(like)] if len(like) > length else []
            for taken in steps:
                first, second = [one + step for step in taken], [other + step for step in taken]
                self._tried.append(self._move((*first, *second), (*second, *first)))
                self._judged.append(((one, other), self._tried[-1]))
        for start in range(len(places) - 2):  # one moves past several others
            for end in {*range(start + 3, min(len(places), start + _LONGEST) + 1), len(places)}:
                row = places[start:end]
                for turned in ((*row[1:], row[0]), (row[-1], *row[:-1])):
                    self._tried.append(self._move(row, turned))
                    self._judged.append((tuple(row), self._tried[-1]))

    def _is_like(self, one: int, other: int, step: int) -> bool:
        return self._kinds[one + step] == self._kinds[other + step]

    def _move(self, places: Sequence[int], sources: Sequence[int]) -> _Move:
        links = {link for place in places for link in self._of[place]}
        return _Move(tuple(zip(places, sources, strict=True)), tuple(links))

    def _form(self, stretch: range) -> tuple[int, ...]:
        return tuple(self._kinds[stretch.start : stretch.stop])

    def _is_same(self, move: _Move) -> bool:
        """Whether a move swaps two whole branches of a sum that are built alike, so that nothing else comes out."""
        places = sorted(place for place, _ in move.sources)
        found = [dict(self._branches.get(place, ())) for place in places]
        for join in found[0]:
            if type(self._joins[join]) is not modules.Sum or not all(join in each for each in found):
                continue
            branches = sorted({each[join] for each in found})
            whole = [place for place, inside in self._branches.items() if dict(inside).get(join) in branches]
            if len(branches) == 2 and sorted(whole) == places:
                module = self._joins[join]
                assert isinstance(module, modules.Sum)
                texts = [[repr(module.get_submodule(name)) for name in module.branches[number]] for number in branches]
                return texts[0] == texts[1]
        return False

    def _parted(self, places: Sequence[int]) -> int | None:
        """The join whose branches several places lie in, not all in the same; None where some lie outside of it."""
        found = [dict(self._branches.get(place, ())) for place in places]
        joins = [join for join in found[0] if all(join in each for each in found)]
        return next((join for join in joins if len({each[join] for each in found}) > 1), None)

    def _is_counted(self, taken: list[Part], places: Sequence[int], by_numbers: bool) -> bool:
        """Whether a file's numbers, or its order, follow the branches of a join: those of two or more others do that
        each are of a form of their own.
        """
        join = self._parted(places)
        if join is None:
            return False
        own = [dict(self._branches[place])[join] for place in places]
        sure = [place for place in self._only(join) if dict(self._branches[place])[join] not in own]
        rises = [by_number(taken[one].path, taken[other].path) for one, other in pairwise(sure)]
        return len(sure) > 1 and (not by_numbers or set(rises) == {True})

    def _only(self, join: int) -> list[int]:
        """Where those branches of a join begin that are like none of the others."""
        branches = defaultdict[int, list[int]](list)
        for place, inside in sorted(self._branches.items()):
            if join in dict(inside):
                branches[dict(inside)[join]].append(place)
        forms = {branch: tuple(self._kinds[place] for place in places) for branch, places in branches.items()}
        counted = Counter(forms.values())
        return [places[0] for branch, places in branches.items() if counted[forms[branch]] == 1]

    def _turned(self, places: Sequence[int], move: _Move) -> list[tuple[int, int]]:
        """Pairs of places whose parts a move puts the other way round."""
        to = {source: place for place, source in move.sources}
        return [(one, other) for one, other in combinations(places, 2) if to[one] > to[other]]

    def _by_numbers(self, taken: list[Part], turned: list[tuple[int, int]], move: _Move) -> list[bool | None]:
        """Whether numbers in names rise along the network where a move turns pairs round: of branches, which run side
        by side, they say nothing.
        """
        to = {source: place for place, source in move.sources}
        return [
            by_number(taken[one].path, taken[other].path)
            for one, other in turned
            if self._is_one_way(one, other) and self._is_one_way(to[one], to[other])
        ]

    def _is_one_way(self, one: int, other: int) -> bool:
        """Whether two places are none of different branches."""
        inside = dict(self._branches.get(one, ()))
        return all(inside.get(join, branch) == branch for join, branch in self._branches.get(other, ()))

    def _by_order(self, taken: list[Part], one: int, other: int) -> bool | None:
        """Whether the file has two parts in the network's order; None where its order says nothing of them.

        The order in which a folder has modules counts where they stand in the network's, and that of branches where one
        is of another form than the others and all stand in it.
        """
        if self._order is None:
            return None
        rises = self._order[taken[one].path] < self._order[taken[other].path]
        inside = dict(self._branches.get(one, ()))
        for join, branch in self._branches.get(other, ()):
            if inside.get(join, branch) != branch:
                places = [place for place, found in sorted(self._branches.items()) if join in dict(found)]
                numbers = [self._order[taken[place].path] for place in places]
                return rises if self._only(join) and numbers == sorted(numbers) else None
        for folder in {folder_of(taken[place].path) for place in (one, other)} if rises else ():
            numbers = [self._order[part.path] for part in taken if folder_of(part.path) == folder]
            if numbers != sorted(numbers):
                return None
        return rises


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
