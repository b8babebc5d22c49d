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
    tree has it; `call` says which call of the module of that name it is, where it is one's. `beside` are multiply-adds
    for which the tree's layers have none: of fixed kernels that are pools in the tree.
    """

    name: str
    what: Layer | arch.Chain | type[Join] | None
    inputs: tuple[int, ...]
    weights: Mapping[str, Any] = field(default_factory=dict)
    shape: arch.Shape = ()
    call: int | None = None
    beside: int = 0


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
    another size what each way makes of it first); the branches then select their channels. A picture of more rows and
    columns is carried as channels, its blocks of places dealt out to them, and put together again (HRNet).
    """
    steps, shared = _alive(steps, shared)
    if isinstance(steps[shared].what, arch.SelectChannels):
        return _repeated(steps, shared)
    end = _meeting(steps, shared)
    fork = dominators([step.inputs for step in steps])[end]
    before, size = ancestors(steps, shared), steps[shared].shape
    later = sorted(({*ancestors(steps, end), end}) - before - {shared})
    cut = sorted({given for place in later for given in steps[place].inputs if fork <= given < shared} & before)
    if fork in cut and not _beside(steps[fork].shape, size):
        ways = [_until(steps, way, size, end) for way in later if fork in steps[way].inputs]
        passed = [way for way in ways if way]
        if len(passed) == len(ways):
            cut = sorted({*cut, *(way[-1] for way in passed)} - {fork, shared})
            before |= {place for way in passed for place in way[:-1]}
    if not cut or _factors([steps[place].shape for place in (*cut, shared)]) is None:
        raise does_not_nest(steps[shared])
    return _cut_through(steps, sorted([*cut, shared]), set(later) - before)


def _until(steps: list[Step], place: int, size: arch.Shape, end: int) -> list[int]:
    """Return the layers one after another from a step on, up to one that gives a picture of that size; [] for none."""
    passed = [place]
    while not _beside(steps[passed[-1]].shape, size):
        takers = [number for number, step in enumerate(steps) if passed[-1] in step.inputs]
        if len(takers) != 1 or takers[0] >= end:
            return []
        passed += takers
    return passed if all(isinstance(steps[number].what, Layer) for number in passed) else []


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


def _factors(shapes: Sequence[arch.Shape]) -> list[int] | None:
    """Return by how much each picture's blocks are larger than the smallest's places; None where no whole number is."""
    if any(len(shape) != len(shapes[0]) or not shape for shape in shapes):
        return None
    smallest = min(shapes)
    if all(_beside(shape, smallest) for shape in shapes):
        return [1] * len(shapes)
    found = [shape[0] // smallest[0] for shape in shapes]
    whole = all(
        len(shape) == 3 and shape[:2] == (smallest[0] * factor, smallest[1] * factor)
        for shape, factor in zip(shapes, found, strict=True)
    )
    return found if whole else None


def _cut_through(steps: list[Step], cut: list[int], region: set[int]) -> list[Step]:
    """Put the outputs of the steps of a cut side by side, and let each step of the region select what it takes."""
    start = max(cut) + 1
    # what comes before the cut in order, but does not belong to it, is done after it
    early = [place for place in range(start) if place in region and place not in cut]
    order = [place for place in range(start) if place not in early]
    found = [steps[place] for place in order]
    places = {place: number for number, place in enumerate(order)}
    found = [replace(step, inputs=tuple(places[given] for given in step.inputs)) for step in found]
    factors = _factors([steps[place].shape for place in cut])
    assert factors is not None
    first, inputs, channels = dict[int, tuple[int, int]](), list[int](), 0
    for place, factor in zip(cut, factors, strict=True):
        first[place] = channels, factor
        rows, columns, own = (*(1, 1), *steps[place].shape)[-3:]
        channels += own * factor**2
        inputs.append(places[place])
        if factor > 1:
            shape = (rows // factor, columns // factor, own * factor**2)
            inputs[-1] = len(found)
            found.append(Step(steps[place].name, arch.PixelUnshuffle(factor), (places[place],), shape=shape))
    joined, smallest = len(found), min(steps[place].shape for place in cut)[:-1]
    found.append(
        Step(f"what {steps[cut[-1]].name} is carried with", Concat, tuple(inputs), shape=(*smallest, channels))
    )
    for place in (*early, *range(start, len(steps))):
        step, taken = steps[place], []
        for given in step.inputs:
            if given in first and place in region:
                found += _selected(steps[given], joined, *first[given], len(found))
                taken.append(len(found) - 1)
            else:
                taken.append(places[given])
        places[place] = len(found)
        found.append(replace(step, inputs=tuple(taken)))
    return found


def _selected(step: Step, joined: int, start: int, factor: int, place: int) -> list[Step]:
    """Return what takes a step's output out of the channels it is carried in, beginning at `place`."""
    own = range(start, start + step.shape[-1] * factor**2)
    selected = arch.SelectChannels(tuple(own))
    if factor == 1:
        return [Step(step.name, selected, (joined,), shape=step.shape)]
    rows, columns, _ = step.shape
    shape = (rows // factor, columns // factor, len(own))
    return [
        Step(step.name, selected, (joined,), shape=shape),
        Step(step.name, arch.PixelShuffle(factor), (place,), shape=step.shape),
    ]


def _alive(steps: list[Step], shared: int) -> tuple[list[Step], int]:
    """Return the steps that the output needs, and where the shared one is among them."""
    needed = sorted({*ancestors(steps, len(steps) - 1), len(steps) - 1})
    places = {place: number for number, place in enumerate(needed)}
    found = [replace(steps[place], inputs=tuple(places[given] for given in steps[place].inputs)) for place in needed]
    return found, places[shared]


def ancestors(steps: list[Step], end: int) -> set[int]:
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
