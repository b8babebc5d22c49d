"""Where pools look: stretches of rows (or columns, or steps), and what a mean over them is divided by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hubel.arch._window import Window


class Stretch(NamedTuple):
    """Rows from `first` up to (not including) `end`; a mean is divided by `divisor`, which padding enlarges."""

    first: int
    end: int
    divisor: int


def stretches(window: Window, counts_padding: bool = False) -> tuple[Stretch, ...]:
    """Return what each position of a pool's window covers of its axis, the padding left out."""
    found = []
    for place in range(window.count):
        start = place * window.stride - window.before
        first, end = max(start, 0), min(start + window.kernel, window.length)
        # PyTorch counts padded places up to the padding's end, not those that rounding up has added beyond
        padded = min(start + window.kernel, window.length + window.after) - start
        found.append(Stretch(first, end, padded if counts_padding else end - first))
    return tuple(found)


def bins(length: int, count: int) -> tuple[Stretch, ...]:
    """Return PyTorch's adaptive bins: as even as they can be, a row shared where they do not divide the length."""
    spans = ((i * length // count, -(-(i + 1) * length // count)) for i in range(count))
    return tuple(Stretch(first, end, end - first) for first, end in spans)


def whole(length: int) -> tuple[Stretch, ...]:
    """Return one stretch over a whole axis."""
    return (Stretch(0, length, length),)
