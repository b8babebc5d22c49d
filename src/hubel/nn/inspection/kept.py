"""What a model's code keeps from one call to the next, on its modules and elsewhere: put back as it was."""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any
from weakref import ReferenceType

from torch import Tensor, nn

_OF_THEIR_OWN = {"torch", "numpy", "hubel", "builtins", *sys.stdlib_module_names} - {"__main__"}
_CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)
_CACHE = type(lru_cache(int))
MOST_SPACES = 2000  # modules and classes of a large library
DEEPEST = 6


class Kept:
    """What lies on a model's modules when this is made: attributes, containers in containers, objects, NumPy arrays."""

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
        self.restores = [pair for value in values for pair in _restores(value, seen, DEEPEST - 1)]
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

    def clear(self, made: Iterable[ReferenceType[Tensor]]) -> list[Tensor]:
        """Take tensors without numbers, that a run has made, out of all that; return those that are still held."""
        if all(tensor() is None for tensor in made):
            return []
        for cache, misses in self.caches:
            if cache.cache_info().misses > misses:
                cache.cache_clear()
        for container, restore in self.restores:
            if _holds(container):
                restore()
        for space, names in self.spaces:
            _restore_names(space, names)
        gc.collect()
        return [tensor for each in made if (tensor := each()) is not None]


def _names(space: Any) -> dict[str, Any]:
    """What a module of code or a class holds, without Python's own, such as the builtins."""
    return {name: value for name, value in vars(space).items() if not (name.startswith("__") and name.endswith("__"))}


def _restore_names(space: Any, names: dict[str, Any]) -> None:
    """Give names back the values that they had, where a tensor without numbers, or what holds one, is there now."""
    for name, value in list(vars(space).items()):
        if _holds(value) and names.get(name) is not value:
            if name in names:
                setattr(space, name, names[name])
            else:
                delattr(space, name)


def _holds(value: Any, depth: int = 0) -> bool:
    """Whether a tensor without numbers lies in a value."""
    if isinstance(value, Tensor):
        return value.is_meta
    if depth > DEEPEST or isinstance(value, str):
        return False
    if isinstance(value, dict):
        return any(_holds(item, depth + 1) for item in list(value.values()))
    if isinstance(value, (*_CONTAINERS, tuple)):
        return any(_holds(item, depth + 1) for item in list(value))
    return _plain(value) and _holds(vars(value), depth + 1)


def _restores(value: Any, seen: set[int], depth: int = 0) -> Iterator[tuple[Any, Callable[[], None]]]:
    """Yield what holds others in a value, with what puts its contents back: the value, and all that lies in it."""
    if id(value) in seen or depth > DEEPEST:
        return
    if type(value) in _CONTAINERS:
        seen.add(id(value))
        copy = value.copy()
        yield value, lambda: _refill(value, copy)
        inside = copy.values() if isinstance(copy, dict) else copy
    elif type(value).__name__ == "ndarray":
        seen.add(id(value))
        numbers = value.copy()
        yield value, lambda: value.__setitem__(..., numbers)
        return
    elif _plain(value):
        seen.add(id(value))
        attributes = dict(vars(value))
        yield value, lambda: _refill(vars(value), attributes)
        inside = attributes.values()
    else:
        inside = value if isinstance(value, tuple) else ()
    for item in list(inside):
        yield from _restores(item, seen, depth + 1)


def _plain(value: Any) -> bool:
    """Whether a value is an object of somebody's own class, with attributes."""
    if isinstance(value, (Tensor, nn.Module, type, ModuleType, FunctionType)) or _known(type(value).__module__):
        return False
    return isinstance(getattr(value, "__dict__", None), dict)


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
