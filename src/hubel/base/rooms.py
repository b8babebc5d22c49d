"""Rooms that are called as the verb they are named after: `hubel.train("lenet5", "mnist")`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def called(room: str, verb: Callable[..., Any]) -> None:
    """Let the module of that name be called, which calls `verb`; nothing else of it changes."""
    kind = type("Room", (ModuleType,), {"__call__": staticmethod(verb), "__doc__": sys.modules[room].__doc__})
    sys.modules[room].__class__ = kind
