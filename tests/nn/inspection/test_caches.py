"""Models that keep tensors from one call to the next compute afterwards as if nobody had asked what they cost."""

from __future__ import annotations

import builtins
import functools
import random
import threading
from array import array
from collections import UserDict, UserList, deque
from collections.abc import Callable
from contextvars import ContextVar
from queue import Queue, SimpleQueue
from types import SimpleNamespace
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hubel.nn import inspect, network_of
from hubel.nn.inspection import kept

GRIDS: dict[Any, Any] = {}
DEEP: dict[str, Any] = {"a": {"b": {"c": [None]}}}
NAMESPACE, LOCAL = SimpleNamespace(), threading.local()
LAST: Tensor | None = None
HISTORY: deque[Tensor] = deque(maxlen=3)
STRONG: list[Tensor] = []
WEAK: WeakValueDictionary[str, Tensor] = WeakValueDictionary()


@functools.lru_cache
def small_grid(rows: int, columns: int, device: Any) -> Tensor:
    return torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")).to(device)


@functools.cache
def large_grid(rows: int, columns: int, device: Any) -> Tensor:
    return torch.zeros(rows * 64, columns * 64, 64, device=device) + 1


NOW = ContextVar[Tensor | None]("NOW", default=None)
PAST = ContextVar[list[Tensor]]("PAST")


class Remembers:
    grid: Tensor | None = None


class Keeps(nn.Module):
    kinds: ClassVar[dict[str, Tensor]] = {}

    def __init__(self, keep: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.keep = nn.Conv2d(3, 4, 1), keep
        self.nested: dict[str, Any] = {"a": {"b": []}}
        self.queue: deque[Tensor] = deque([torch.zeros(1)], maxlen=2)
        self.counts, self.other = np.zeros(2), Remembers()
        self.pair = ([], {})  # type: ignore[var-annotated]
        self.slotted, self.beside = Slotted(), [nn.Conv2d(3, 3, 1).requires_grad_(False)]
        self.bytes, self.numbers = bytearray(2), array("d", [0, 0])
        self.users, self.waiting = (UserDict[str, Tensor](), UserList[Tensor]()), Queue[Tensor]()
        self.drawn = torch.Generator().manual_seed(1), np.random.default_rng(1), random.Random(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.keep(self, x))


def by_global(model: Keeps, x: Tensor) -> Tensor:
    global LAST
    if LAST is None:
        LAST = x.detach() * 0 + 1
    return x + LAST


def by_dictionary(model: Keeps, x: Tensor) -> Tensor:
    if x.shape not in GRIDS:
        GRIDS[x.shape] = {"of": [torch.zeros_like(x) + 1]}
    return x + GRIDS[x.shape]["of"][0]


def by_class(model: Keeps, x: Tensor) -> Tensor:
    return x + Keeps.kinds.setdefault("one", x.detach() * 0 + 1)


def by_attribute_of_class(model: Keeps, x: Tensor) -> Tensor:
    if Remembers.grid is None:
        Remembers.grid = x.detach() * 0 + 1
    return x + Remembers.grid


def by_deep_dictionary(model: Keeps, x: Tensor) -> Tensor:
    deepest = DEEP["a"]["b"]["c"]
    if deepest[0] is None:
        deepest[0] = x.detach() * 0 + 1
    return x + deepest[0]


def by_namespace(model: Keeps, x: Tensor) -> Tensor:
    for held in (NAMESPACE, LOCAL):
        held.last = getattr(held, "last", None) if isinstance(getattr(held, "last", None), Tensor) else x.detach() * 0
    return x + NAMESPACE.last + LOCAL.last


def by_queue(model: Keeps, x: Tensor) -> Tensor:
    model.queue.append(x.detach())
    HISTORY.append(x.detach())
    return x + len(model.queue) + len(HISTORY)


def by_nested(model: Keeps, x: Tensor) -> Tensor:
    model.nested["a"]["b"].append(x)
    model.pair[0].append(x)
    return x * len(model.nested["a"]["b"]) * len(model.pair[0])


def by_array(model: Keeps, x: Tensor) -> Tensor:
    model.counts[0] += 1
    return x * float(model.counts[0])


def by_object(model: Keeps, x: Tensor) -> Tensor:
    if model.other.grid is None:
        model.other.grid = torch.ones_like(x)
    return x + model.other.grid


class Slotted:
    __slots__ = ("grid",)

    def __init__(self) -> None:
        self.grid: Tensor | None = None


def by_closure() -> Callable[[Any, Tensor], Tensor]:
    counts, grid = [0], None

    def keep(model: Keeps, x: Tensor, seen: dict[str, int] = {}) -> Tensor:  # noqa: B006 (as people write it)
        nonlocal grid
        if grid is None:
            grid = x.detach() * 0 + 1
        counts[0] += 1
        seen["times"] = seen.get("times", 0) + 1
        keep.times = getattr(keep, "times", 0) + 1  # type: ignore[attr-defined]
        return x + grid * counts[0] * seen["times"] * keep.times  # type: ignore[attr-defined]

    return keep


def by_slots(model: Keeps, x: Tensor) -> Tensor:
    if model.slotted.grid is None:
        model.slotted.grid = torch.ones_like(x)
    return x + model.slotted.grid


def by_drawing(model: Keeps, x: Tensor) -> Tensor:
    own = torch.rand((), generator=model.drawn[0]), model.drawn[1].random(), model.drawn[2].random()
    return x + sum(map(float, own))


def by_part(model: Keeps, x: Tensor) -> Tensor:
    model.beside[0].times = getattr(model.beside[0], "times", 0) + 1  # type: ignore[assignment]
    return model.beside[0](x) * model.beside[0].times


def by_weak_reference(model: Keeps, x: Tensor) -> Tensor:
    if "one" not in WEAK:
        STRONG.append(x.detach() * 0 + 1)
        WEAK["one"] = STRONG[-1]
    return x + WEAK["one"]


def by_context(model: Keeps, x: Tensor) -> Tensor:
    if NOW.get() is None:
        NOW.set(x.detach() * 0 + 1)
    PAST.get().append(x.detach())
    return x + NOW.get() + len(PAST.get())


def by_bytes(model: Keeps, x: Tensor) -> Tensor:
    model.bytes[0] += 1
    model.numbers.append(1)
    return x + model.bytes[0] + len(model.numbers)


def by_users_containers(model: Keeps, x: Tensor) -> Tensor:
    model.users[0].setdefault("grid", x.detach() * 0 + 1)
    model.users[1].append(x.detach())
    model.waiting.put(x.detach())
    return x + model.users[0]["grid"] + len(model.users[1]) + model.waiting.qsize()


KEEP: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "lru_cache": lambda model, x: x + small_grid(*x.shape[2:], x.device).sum(0),
    "cache of much": lambda model, x: x + large_grid(*x.shape[2:], x.device).mean(),
    "global": by_global,
    "dictionary": by_dictionary,
    "class": by_class,
    "attribute of a class": by_attribute_of_class,
    "dictionaries in dictionaries": by_deep_dictionary,
    "namespaces": by_namespace,
    "queue": by_queue,
    "nested": by_nested,
    "array": by_array,
    "object": by_object,
    "slots": by_slots,
    "own source of numbers": by_drawing,
    "part that is none": by_part,
    "weak reference": by_weak_reference,
    "variables of a context": by_context,
    "bytes": by_bytes,
    "containers of classes": by_users_containers,
}


@pytest.mark.parametrize("name", KEEP)
@pytest.mark.parametrize("ask", [lambda m: inspect(m, (8, 8, 3), batch=2), lambda m: network_of(m, (8, 8, 3))])
def test_computes_as_if_never_asked(name: str, ask: Callable[[nn.Module], Any]) -> None:
    _forget()
    torch.manual_seed(1)
    model, image = Keeps(KEEP[name]).eval(), torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        expected = model(image)
    _forget()
    torch.manual_seed(1)
    again = Keeps(KEEP[name]).eval()
    try:
        report = ask(again)
    except ValueError:
        pass  # no tree; but that is no reason to break it
    else:
        said = [note for note in report.notes if "is no registered part of the model" not in note]
        assert not said
        assert not report.notes or name == "part that is none"
    with torch.no_grad():
        torch.testing.assert_close(again(image), expected)
    _forget()


def test_what_functions_keep_is_put_back() -> None:
    image = torch.rand(2, 3, 8, 8)
    torch.manual_seed(1)
    expected = Keeps(by_closure()).eval()(image)
    torch.manual_seed(1)
    again = Keeps(by_closure()).eval()
    inspect(again, (8, 8, 3))
    torch.testing.assert_close(again(image), expected)


def _forget() -> None:
    global LAST
    LAST = Remembers.grid = None
    GRIDS.clear()
    DEEP["a"]["b"]["c"][0] = None
    vars(NAMESPACE).clear()
    vars(LOCAL).clear()
    HISTORY.clear()
    STRONG.clear()
    NOW.set(None)
    PAST.set([])
    Keeps.kinds.clear()
    small_grid.cache_clear()
    large_grid.cache_clear()


def test_what_cannot_be_taken_out_is_said() -> None:
    held = SimpleQueue[Tensor]()

    class Hides(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            held.put(x * 2)
            return super().forward(x)

    report = inspect(Hides(3, 4, 1), (8, 8, 3))
    assert held.get().is_meta
    assert report.notes == (
        "the model's code keeps 1 tensors without numbers (1×3×8×8 …) where they could not be taken out: start anew "
        "before it computes",
    )
    assert report.to_dict()["notes"] == list(report.notes)
    assert str(report).endswith(f"note        {report.notes[0]}")
    with pytest.warns(UserWarning, match="the model's code keeps 1 tensors without numbers"):
        network_of(Hides(3, 4, 1), (8, 8, 3))


def test_an_input_that_is_written_into_is_kept_by_nobody() -> None:
    class Writes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu_(x) + x

    assert inspect(Writes(), (8, 8, 3)).notes == ()
    assert str(network_of(Writes(), (8, 8, 3))) == "8x8x3: relu, sum(identity | identity)"


NAMESPACES = {"all": vars(builtins), "here": globals()}


class Names(nn.Module):
    """Its code holds the names of modules of code, as tracers and plug-ins do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert NAMESPACES["all"]["len"] is len
        return self.layer(x)


def test_names_of_modules_of_code_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied, real = list[Any](), kept._refill

    def refill(container: Any, contents: Any) -> None:
        emptied.append(container)
        if all(container is not names for names in NAMESPACES.values()):  # which would be away for a moment
            real(container, contents)

    monkeypatch.setattr(kept, "_refill", refill)
    assert str(network_of(Names(), (4,))) == "4: dense 2"
    assert not any(container is names for container in emptied for names in NAMESPACES.values())
    assert any(container is NAMESPACES for container in emptied)


class Beside(nn.Module):
    """Puts something of its own beside what it is given, made to lie and count as that does."""

    def __init__(self, brought: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.brought = nn.Conv2d(4, 2, 1), brought

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(torch.cat((x, self.brought(torch.ones(1, 1, 4, 4), x)), 1))
        return found


@pytest.mark.parametrize(
    "brought",
    [
        lambda own, x: own.type_as(x),
        lambda own, x: own.to(x),
        lambda own, x: own.to(x.device),
        lambda own, x: own.type(x.type()),
        lambda own, x: own.to(x.dtype).to(device=x.device),
        lambda own, x: own.double().to(x),
    ],
    ids=["type_as", "to", "device", "type", "dtype", "double"],
)
def test_what_a_model_makes_beside_its_input_is_no_tensor_that_it_keeps(brought: Any) -> None:
    model = Beside(brought)
    report = inspect(model, (4, 4, 3))
    assert report.notes == ()
    assert report.macs == 4 * 2 * 16
    assert model(torch.zeros(1, 3, 4, 4)).shape == (1, 2, 4, 4)
