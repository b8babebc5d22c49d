"""What each thread has its own of, while several ask one module: attributes for the length of a call, and hooks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Here(threading.local):
    """The values of this thread, by a module's id and the attribute's name; none that is the usual one."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, str], Any] = {}


_here = _Here()


class Own(Generic[T]):
    """An attribute of modules that is another than usual only within a call, and only for the thread that set it.

    Who sets it puts it back to `usual`: values are kept by the module's id.
    """

    def __init__(self, usual: T) -> None:
        self.usual = usual

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, part: object, owner: type | None = None) -> T:
        found: T = _here.values.get((id(part), self._name), self.usual)
        return found

    def __set__(self, part: object, value: T) -> None:
        if value is self.usual:
            _here.values.pop((id(part), self._name), None)
        else:
            _here.values[id(part), self._name] = value


def own_hook(hook: Callable[..., Any]) -> Callable[..., Any]:
    """A forward hook that hears this thread alone: others may ask the same module meanwhile."""
    own = threading.get_ident()
    return lambda *given: hook(*given) if threading.get_ident() == own else None
