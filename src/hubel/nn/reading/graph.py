"""The graph of what a model does: its steps, where branches fork and meet, and how they are made to nest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import hubel.arch as arch
from hubel.arch import Concat, Join, Layer
from hubel.base.errors import NetworkError


@dataclass(frozen=True)
class Step:
    """An operation of the graph: a layer, or what joins branches; `inputs` are the places of what it takes.

    `weights` are the layer's tensors, by the names that the tree's module has for them; `shape` is its output's, as the
    tree has it; `call` says which call of the module of that name it is, where it is one's.
    """

    name: str
    what: Layer | arch.Chain | type[Join] | None
    inputs: tuple[int, ...]
    weights: Mapping[str, Any] = field(default_factory=dict)
    shape: arch.Shape = ()
    call: int | None = None


def does_not_nest(step: Step) -> NetworkError:
    """Return the error for a step whose output goes where no tree can bring it."""
    return NetworkError(
        f"{step.name}: its output goes into branches that do not nest; a tree is made of chains, and of "
        "sums, concatenations and products inside one another"
    )


def nested(steps: list[Step]) -> list[Step]:
    """Write concat(a, b, c) as concat(concat(a, b), c) where concat(a, b) is in the graph too, as in DenseNet."""
    known: dict[tuple[int, ...], int] = {}
    found = []
    for place, step in enumerate(steps):
        inputs = step.inputs
        if step.what is Concat:
            shorter = next((n for n in range(len(inputs) - 1, 1, -1) if inputs[:n] in known), 0)
            if shorter:
                inputs = (known[inputs[:shorter]], *inputs[shorter:])
            known[step.inputs] = place
        found.append(replace(step, inputs=inputs))
    return found


def dominators(inputs: Sequence[Sequence[int]]) -> list[int]:
    """Find for each step the last one before it through which every way from the first goes."""
    found = [0]
    for given in inputs[1:]:
        found.append(common(found, given))
    return found


def common(found: Sequence[int], steps: Sequence[int]) -> int:
    """Return the last step through which every way to all of these goes, given that of each."""
    candidates = set(steps)
    while len(candidates) > 1:  # the latest of them cannot be it
        latest = max(candidates)
        candidates = (candidates - {latest}) | {found[latest]}
    return candidates.pop()


def carried(steps: list[Step], shared: int) -> list[Step]:
    """Return a graph that does the same, in which a step that branches share is one of the channels that both get.

    Where the branches fork, its output is put beside what the other ways need (the fork's own output, or where that has
    another size what each way makes of it first); the branches then select their channels.
    """
    steps, shared = _alive(steps, shared)
    if isinstance(steps[shared].what, arch.SelectChannels):
        return _repeated(steps, shared)
    end = _meeting(steps, shared)
    fork = dominators([step.inputs for step in steps])[end]
    before, size = _ancestors(steps, shared), steps[shared].shape
    later = sorted(({*_ancestors(steps, end), end}) - before - {shared})
    cut = sorted({given for place in later for given in steps[place].inputs if fork <= given < shared} & before)
    if fork in cut and not _beside(steps[fork].shape, size):
        cut.remove(fork)
        for way in [place for place in later if fork in steps[place].inputs]:
            passed = _until(steps, way, size, end)
            cut.append(passed[-1])
            before |= {*passed[:-1]}
        cut = sorted({*cut} - {shared})
    if not cut or not all(_beside(steps[place].shape, size) for place in cut):
        raise does_not_nest(steps[shared])
    return _cut_through(steps, sorted([*cut, shared]), set(later) - before)


def _until(steps: list[Step], place: int, size: arch.Shape, end: int) -> list[int]:
    """Return the layers one after another from a step on, up to one that gives a picture of that size."""
    passed = [place]
    while not _beside(steps[passed[-1]].shape, size):
        takers = [number for number, step in enumerate(steps) if passed[-1] in step.inputs]
        if len(takers) != 1 or takers[0] >= end:
            raise does_not_nest(steps[passed[-1]])
        passed += takers
    if any(not isinstance(steps[number].what, Layer) for number in passed):
        raise does_not_nest(steps[place])
    return passed


def _repeated(steps: list[Step], shared: int) -> list[Step]:
    """Return a graph in which each step that takes a selection of channels has one of its own."""
    found, places, selected = list[Step](), dict[int, int](), steps[shared]
    assert isinstance(selected.what, arch.SelectChannels)
    for place, step in enumerate(steps):
        inputs = []
        for given in step.inputs:
            if given == shared:
                own = arch.SelectChannels(selected.what.channels)
                found.append(replace(selected, what=own, inputs=(places[selected.inputs[0]],)))
            inputs.append(len(found) - 1 if given == shared else places[given])
        if place != shared:
            places[place] = len(found)
            found.append(replace(step, inputs=tuple(inputs)))
    return found


def _beside(one: arch.Shape, other: arch.Shape) -> bool:
    """Whether two outputs can be put side by side."""
    return len(one) == len(other) > 0 and one[:-1] == other[:-1]


def _cut_through(steps: list[Step], cut: list[int], region: set[int]) -> list[Step]:
    """Put the outputs of the steps of a cut side by side, and let each step of the region select what it takes."""
    start = max(cut) + 1
    # what comes before the cut in order, but does not belong to it, is done after it
    early = [place for place in range(start) if place in region and place not in cut]
    order = [place for place in range(start) if place not in early]
    found = [steps[place] for place in order]
    places = {place: number for number, place in enumerate(order)}
    joined, first = len(found), dict[int, int]()
    channels = 0
    for place in cut:
        first[place] = channels
        channels += steps[place].shape[-1]
    inputs = tuple(places[place] for place in cut)
    shape = (*steps[cut[-1]].shape[:-1], channels)
    found = [replace(step, inputs=tuple(places[given] for given in step.inputs)) for step in found]
    found.append(Step(f"what {steps[cut[-1]].name} is carried with", Concat, inputs, shape=shape))
    for place in (*early, *range(start, len(steps))):
        step, taken = steps[place], []
        for given in step.inputs:
            if given in first and place in region:
                own = range(first[given], first[given] + steps[given].shape[-1])
                taken.append(len(found))
                found.append(
                    Step(steps[given].name, arch.SelectChannels(tuple(own)), (joined,), shape=steps[given].shape)
                )
            else:
                taken.append(places[given])
        places[place] = len(found)
        found.append(replace(step, inputs=tuple(taken)))
    return found


def _alive(steps: list[Step], shared: int) -> tuple[list[Step], int]:
    """Return the steps that the output needs, and where the shared one is among them."""
    needed = sorted({*_ancestors(steps, len(steps) - 1), len(steps) - 1})
    places = {place: number for number, place in enumerate(needed)}
    found = [replace(steps[place], inputs=tuple(places[given] for given in steps[place].inputs)) for place in needed]
    return found, places[shared]


def _ancestors(steps: list[Step], end: int) -> set[int]:
    """Return all steps before `end` that it needs."""
    found, waiting = set[int](), list(steps[end].inputs)
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting.extend(steps[place].inputs)
    return found


def _meeting(steps: list[Step], shared: int) -> int:
    """Return the first step through which all ways from the shared one to the output go."""
    last = len(steps) - 1
    consumers: list[list[int]] = [[] for _ in steps]
    for place, step in enumerate(steps):
        for given in step.inputs:
            consumers[last - given].append(last - place)  # counted from the end
    return last - dominators(consumers)[last - shared]
