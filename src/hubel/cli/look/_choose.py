"""Which part of a network to look at: a layer, channels, a place."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, _ActionsContainer


def add_layer(parser: _ActionsContainer, default: str) -> None:
    """Add --layer; `default` says what is taken where it is not given."""
    parser.add_argument(
        "--layer", metavar="NAME", help=f"a layer or part, by its name in `hubel explain` (default: {default})"
    )


def add_channels(parser: _ActionsContainer, default: str) -> None:
    """Add --channels; `default` says which are taken where it is not given."""
    parser.add_argument(
        "--channels", type=channels, metavar="LIST", help=f"channels from 0, such as 0,3,8-11 (default: {default})"
    )


def channels(text: str) -> list[int]:
    """Read `0,3,8-11`."""
    if not re.fullmatch(r"\s*\d{1,6}(-\d{1,6})?(\s*,\s*\d{1,6}(-\d{1,6})?)*\s*", text, re.ASCII):
        raise ArgumentTypeError(f"expected channels from 0 such as 0,3,8-11, received {text!r}")
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        found += range(int(first), int(last or first) + 1)
    if not found:
        raise ArgumentTypeError(f"expected channels from the lower to the higher such as 8-11, received {text!r}")
    return found


def place(text: str) -> tuple[int, int]:
    """Read `3,5`: a row and a column from 0."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*[, ]\s*(\d{1,9})\s*", text, re.ASCII)
    if not found:
        raise ArgumentTypeError(f"expected a row and a column from 0, such as 3,5, received {text!r}")
    return int(found[1]), int(found[2])


def place_or_step(text: str) -> tuple[int, int] | tuple[int]:
    """Read `3,5`, or `7`: a step of a sequence, from 0."""
    return (int(text),) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else place(text)


def count(text: str) -> int:
    """Read a number of at least 1."""
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not int(text):
        raise ArgumentTypeError(f"expected a number from 1, received {text!r}")
    return int(text)
