"""What a model's code keeps from one call to the next, on its modules and elsewhere: put back as it was."""

from __future__ import annotations

import gc
import random
import sys
from argparse import Namespace
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache, partial
from queue import Queue
from threading import local
from types import CellType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, WeakValueDictionary

import torch
from torch import Tensor, nn

_OF_THEIR_OWN = {"torch", "numpy", "hubel", "builtins", *sys.stdlib_module_names} - {"__main__"}
_CONTAINERS = (dict, OrderedDict, defaultdict, Counter, list, set, deque, WeakKeyDictionary, WeakValueDictionary)
_CALLED = (FunctionType, MethodType, partial, CellType)
_CACHE = type(lru_cache(int))
MOST_SPACES = 2000  # modules and classes of a large library
DEEPEST = 6


class Kept:
    """What lies on a model's modules when this is made: attributes, containers in containers, objects, NumPy arrays,
    sources of random numbers, what functions hold outside of themselves.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules = [(module, dict(module.__dict__)) for module in model.modules()]
        seen: set[int] = {id(module) for module, _ in self.modules}
        inside = (value for _, attributes in self.modules for value in attributes.values())
        self.inside = [restore for value in inside for _, restore in _restores(value, seen)]

    def put_back(self) -> None:
        """Restore the modules, whatever happened to them."""
        for module, attributes in self.modules:
            module.__dict__.clear()
            module.__dict__.update(attributes)
        for restore in self.inside:
            restore()


class Around:
    """What the code of a model keeps elsewhere when this is made: globals, attributes of classes, caches."""

    def __init__(self, model: nn.Module) -> None:
        seen: set[int] = set()
        self.spaces = [(space, _names(space)) for space in _spaces(model)]
        values = [value for _, names in self.spaces for value in names.values()]
        self.restores = [pair for value in values for pair in _restores(value, seen)]
        self.caches = [(value, value.cache_info().misses) for value in values if isinstance(value, _CACHE)]

    def put_back(self) -> None:
        """Restore all of it, as is needed after a run with numbers that are not the user's."""
        for cache, misses in self.caches:
            if cache.cache_info().misses > misses:
                cache.cache_clear()
        for _, restore in self.restores:
            restore()
        for space, names in self.spaces:
            for name, value in _names(space).items():
                if name not in names:
                    if not isinstance(value, ModuleType):  # imported meanwhile
                        delattr(space, name)
                elif names[name] is not value:
                    setattr(space, name, names[name])

    def clear(self, made: Iterable[ReferenceType[Tensor]], look: bool = True) -> list[Tensor]:
        """Take tensors without numbers, that a run has made, out of all that; return those that are still held.

        To `look` for those takes some tenths of a second.
        """
        if all(tensor() is None for tensor in made):
            return []
        for cache, misses in self.caches:
            if cache.cache_info().misses > misses:
                cache.cache_clear()
        known: dict[int, bool] = {}
        for container, restore in self.restores:
            if _holds(container, known):
                restore()
        known = {}
        for space, names in self.spaces:
            _restore_names(space, names, known)
        if not look:
            return []
        gc.collect()
        return [tensor for each in made if (tensor := each()) is not None]


def _names(space: Any) -> dict[str, Any]:
    """What a module of code or a class holds, without Python's own, such as the builtins."""
    return {name: value for name, value in vars(space).items() if not (name.startswith("__") and name.endswith("__"))}


def _restore_names(space: Any, names: dict[str, Any], known: dict[int, bool]) -> None:
    """Give names back the values that they had, where a tensor without numbers, or what holds one, is there now."""
    for name, value in list(vars(space).items()):
        if _holds(value, known) and names.get(name) is not value:
            if name in names:
                setattr(space, name, names[name])
            else:
                delattr(space, name)


def _holds(value: Any, known: dict[int, bool], depth: int = 0) -> bool:
    """Whether a tensor without numbers lies in a value; `known` is what was found of others, by their id."""
    if isinstance(value, Tensor):
        return value.is_meta
    if depth > DEEPEST or isinstance(value, str):
        return False
    if id(value) not in known:
        known[id(value)] = False  # until it is known, for what holds itself
        known[id(value)] = any(_holds(item, known, depth + 1) for item in _inside(value))
    return known[id(value)]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):  # as it is, where its own `values` makes them first (transformers' tables of models)
        return list(dict.values(value))
    if isinstance(value, WeakValueDictionary):
        return list(value.values())
    if isinstance(value, (*_CONTAINERS, tuple)):
        return list(value)
    if isinstance(value, CellType):
        return _filled(value)
    return list(_attributes(value).values()) if _plain(value) else ()


def _restores(value: Any, seen: set[int], depth: int = 0) -> Iterator[tuple[Any, Callable[[], None]]]:
    """Yield what holds others in a value, with what puts its contents back: the value, and all that lies in it."""
    if id(value) in seen or depth > DEEPEST:
        return
    seen.add(id(value))
    put_back, inside = _contents(value)
    if put_back is not None:
        yield value, put_back
    deeper = depth + (not isinstance(value, _CALLED))
    for item in list(inside):
        yield from _restores(item, seen, deeper)


def _contents(value: Any) -> tuple[Callable[[], None] | None, Iterable[Any]]:
    """Return what puts a value's contents back as they are now, and those of them that may hold others."""
    if type(value) is dict and "__spec__" in value and "__name__" in value:
        return None, ()  # a module of code's own names, such as the builtins, without which nothing runs
    if type(value) in _CONTAINERS:
        copy = value.copy()
        return lambda: _refill(value, copy), copy.values() if isinstance(copy, Mapping) else copy
    if isinstance(value, CellType):  # what a function's own variables outside of it hold
        filled = _filled(value)
        return lambda: _fill(value, filled), filled
    if (generator := _generator(value)) is not None:
        return generator, ()
    if _plain(value):
        attributes = _attributes(value)
        return lambda: _set_attributes(value, attributes), attributes.values()
    if isinstance(value, FunctionType) and not _known(value.__module__ or ""):
        named = (value.__kwdefaults__ or {}).values()
        return None, (vars(value), *(value.__closure__ or ()), *(value.__defaults__ or ()), *named)
    if isinstance(value, MethodType):
        return None, (value.__func__, value.__self__)
    if isinstance(value, partial):
        return None, (value.func, *value.args, *value.keywords.values())
    if isinstance(value, ContextVar):
        return None, (value.get(None),)  # what it is set to stays in the context of the run
    return None, value.maps if isinstance(value, ChainMap) else value if isinstance(value, tuple) else ()


def _generator(value: Any) -> Callable[[], None] | None:
    """Return what puts the numbers of an array, or a source of random numbers, back; None for anything else."""
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: _set_state(value, state)
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if isinstance(value, (bytearray, array)):
        return partial(value.__setitem__, slice(None), value[:])
    kind = type(value).__name__
    if kind == "ndarray":
        return partial(value.__setitem__, ..., value.copy())
    if kind == "RandomState":
        return partial(value.set_state, value.get_state())
    if kind == "Generator" and hasattr(value, "bit_generator"):
        return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    return None


def _set_state(generator: torch.Generator, state: Tensor) -> None:
    generator.set_state(state)


def _filled(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # nothing yet
        return ()


def _fill(cell: CellType, contents: tuple[Any, ...]) -> None:
    if contents:
        cell.cell_contents = contents[0]
    elif _filled(cell):
        del cell.cell_contents


def _attributes(value: Any) -> dict[str, Any]:
    """An object's attributes, those in slots too."""
    return {**getattr(value, "__dict__", {}), **_in_slots(value)}


def _set_attributes(value: Any, attributes: dict[str, Any]) -> None:
    named = {name for kind in type(value).__mro__ for name in _slots(kind)}
    for name in _in_slots(value).keys() - attributes.keys():
        object.__delattr__(value, name)
    for name in named & attributes.keys():
        object.__setattr__(value, name, attributes[name])
    if hasattr(value, "__dict__"):
        _refill(vars(value), {name: item for name, item in attributes.items() if name not in named})


def _in_slots(value: Any) -> dict[str, Any]:
    named = (name for kind in type(value).__mro__ for name in _slots(kind))
    return {name: getattr(value, name) for name in named if hasattr(value, name)}


def _slots(kind: type) -> tuple[str, ...]:
    found = vars(kind).get("__slots__", ())
    return (found,) if isinstance(found, str) else tuple(name for name in found if not name.startswith("__"))


def _plain(value: Any) -> bool:
    """Whether a value is an object of somebody's own class, with attributes; or a module, which may be in no model."""
    if isinstance(value, (nn.Module, SimpleNamespace, Namespace, local, UserDict, UserList, Queue)):
        return True
    if isinstance(value, (Tensor, type, ModuleType, FunctionType)) or _known(type(value).__module__):
        return False
    return isinstance(getattr(value, "__dict__", None), dict) or any(map(_slots, type(value).__mro__))


def _refill(container: Any, contents: Any) -> None:
    container.clear()
    if isinstance(container, (list, deque)):
        container.extend(contents)
    else:
        container.update(contents)


def _known(name: str) -> bool:
    return name.partition(".")[0] in _OF_THEIR_OWN


def _spaces(model: nn.Module) -> list[Any]:
    """Return the modules of code, and the classes, in which a model's code may keep something.

    Its own packages, and files that are no library's.
    """
    kinds = {kind for part in model.modules() for kind in type(part).__mro__ if not _known(kind.__module__)}
    packages = {kind.__module__.partition(".")[0] for kind in kinds}
    waiting: list[Any] = [*kinds, *(sys.modules.get(kind.__module__) for kind in kinds)]
    found: dict[int, Any] = {}
    while waiting and len(found) < MOST_SPACES:
        space = waiting.pop()
        if space is None or id(space) in found or not _followed(space, packages):
            continue
        found[id(space)] = space
        if isinstance(space, ModuleType):
            values = list(vars(space).values())
            waiting += [value for value in values if isinstance(value, type)]
            homes = {home for value in values if isinstance(home := getattr(value, "__module__", None), str)}
            waiting += [sys.modules[home] for home in homes & sys.modules.keys()]
    return list(found.values())


def _followed(space: Any, packages: set[str]) -> bool:
    name = _home(space)
    if _known(name):
        return False
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return name.partition(".")[0] in packages or "site-packages" not in file


def _home(space: Any) -> str:
    return space.__name__ if isinstance(space, ModuleType) else str(space.__module__)
