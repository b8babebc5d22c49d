"""What hubel says when a network does not work out."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, isqrt

from hubel.base.errors import NetworkError


@dataclass(frozen=True)
class Fit:
    """One change that would make a layer fit: set `argument` to `value`, and `result` comes out."""

    argument: str
    value: str
    result: str

    def __str__(self) -> str:
        return f"{self.argument} {self.value} → {self.result}"


class ShapeError(NetworkError):
    """A layer does not fit its input.

    Attributes: `rule` (the formula with names), `values` (with the numbers put in), `place` (the layer's path in
    the network, empty until the network is known), `expected`, `fits` (changes that would work, found by the rule).
    """

    def __init__(
        self, expected: str, *, rule: str = "", values: str = "", fits: tuple[Fit, ...] = (), place: str = ""
    ) -> None:
        self.expected, self.rule, self.values, self.fits, self.place = expected, rule, values, fits, place
        super().__init__(self._message())

    def at(self, place: str) -> ShapeError:
        """Return the same error with the layer's path in front."""
        return ShapeError(self.expected, rule=self.rule, values=self.values, fits=self.fits, place=place)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.expected, self.rule, self.values, self.fits, self.place)

    def _message(self) -> str:
        lines = [f"{self.place}: {self.expected}" if self.place else self.expected]
        if self.rule:
            lines.append(f"  rule: {self.rule}")
        if self.values:
            lines.append(f"  here: {self.values}")
        if self.fits:
            lines.append("  what would fit: " + "; ".join(map(str, self.fits)))
        return "\n".join(lines)


def _rebuild(expected: str, rule: str, values: str, fits: tuple[Fit, ...], place: str) -> ShapeError:
    return ShapeError(expected, rule=rule, values=values, fits=fits, place=place)


def need_groups(kind: str, channels: int, groups: int, also: int = 0) -> None:
    """Raise `ShapeError` unless `groups` divides the channels; what it suggests divides `also` too."""
    if channels % groups == 0:
        return
    common = gcd(channels, also)
    small = [divisor for divisor in range(1, isqrt(common) + 1) if common % divisor == 0]
    whole = sorted({*small, *(common // divisor for divisor in small)})
    near = sorted(whole, key=lambda divisor: abs(divisor - groups))[:2]
    below = channels - channels % groups or groups
    fits = [Fit("groups", str(divisor), f"{channels // divisor} channels each") for divisor in near]
    raise ShapeError(
        f"{kind} expected channels that {groups} groups divide, received {channels}",
        rule="channels / groups",
        values=f"{channels}/{groups} = {channels / groups:.4g}",
        fits=(*fits, Fit("input channels", str(below), f"{below // groups} channels each")),
    )


def needs_whole_numbers(kind: str) -> ShapeError:
    """Say that a layer which looks numbers up is not at the network's start."""
    fits = (Fit("its place", "the start of the network", "the input's whole numbers"),)
    return ShapeError(f"{kind} expected the network's input, whole numbers, received what a layer computed", fits=fits)


class NotationError(NetworkError):
    """A network's text form cannot be read. `column` (from 1) says where, the message points at it; `meant` is what was
    probably meant by the word that stands there, empty where nothing is like it; with a comma in front where that is
    what is missing.
    """

    def __init__(self, problem: str, text: str, position: int, meant: str = "") -> None:
        self.problem, self.column, self.meant = problem, position + 1, meant
        start = max(0, position - 40)
        excerpt = text[start : position + 40].replace("\n", " ")
        pointer = " " * (position - start + (1 if start else 0)) + "^"
        super().__init__(f"column {self.column}: {problem}\n  {'…' if start else ''}{excerpt}\n  {pointer}")
