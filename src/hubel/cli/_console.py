"""The terminal, as commands see it."""

from __future__ import annotations

import os
import sys

from rich.console import Console

PIPED_WIDTH = 160


def console(stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; piped output is wide, so that nothing is folded."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(stderr=stderr, width=width, soft_wrap=False)
