"""Numbers on the command line: each option says from where to where."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable

SEEDS = 2**63 - 1


def whole(least: int = 1, most: int = 1_000_000) -> Callable[[str], int]:
    """Read a whole number from `least` to `most`."""

    def read(text: str) -> int:
        try:
            number = int(text) if len(text) <= 30 else None
        except ValueError:
            number = None
        if number is None or not least <= number <= most:
            raise ArgumentTypeError(f"expected a whole number from {least:,} to {most:,}, received {text[:30]!r}")
        return number

    return read


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"expected a number above 0, received {text[:30]!r}")
    return number


def real(least: float, most: float) -> Callable[[str], float]:
    """Read a number from `least` to `most`."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise ArgumentTypeError(f"expected a number from {least:g} to {most:g}, received {text[:30]!r}")
        return number

    return read
