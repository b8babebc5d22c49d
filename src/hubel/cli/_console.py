"""The terminal, as commands see it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

if TYPE_CHECKING:
    from hubel.base.download import Progress

PIPED_WIDTH = 160
T = TypeVar("T")


def console(stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; piped output is wide, so that nothing is folded."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(stderr=stderr, width=width, soft_wrap=False)


def with_progress(what: str, work: Callable[[Progress | None], T]) -> T:
    """Return what `work` gives, with a line in the terminal of how far it is; where none looks, it is given None."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        return work(None)
    with screen.status(what) as status:
        return work(lambda what, done, whole: status.update(f"{what} {done:,}" + (f" of {whole:,}" if whole else "")))
