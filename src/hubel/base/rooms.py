"""What rooms share: names imported when they are first used, and calls by the verb that a room is named after."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any


def called(room: str, verb: Callable[..., Any]) -> None:
    """Let the module of that name be called, which calls `verb`; nothing else of it changes."""
    kind = type("Room", (ModuleType,), {"__call__": staticmethod(verb), "__doc__": sys.modules[room].__doc__})
    sys.modules[room].__class__ = kind


def later(room: str, homes: Mapping[str, str] | Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """Return the `__getattr__` of a room whose names are imported when they are first used.

    homes: the module of each name, or the names of each module.
    """
    named = {
        name: home
        for key, value in homes.items()
        for name, home in ([(key, value)] if isinstance(value, str) else [(name, key) for name in value])
    }

    def found(name: str) -> object:
        if name not in named:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(named[name]), name)

    return found
