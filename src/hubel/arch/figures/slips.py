"""What people do wrong with a formula, as formulas: a factor forgotten, one bias a layer, padding on one side, …"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from hubel.arch.figures.expression import Expression, Number, Quantity


@dataclass(frozen=True)
class Slip:
    """One thing done wrong.

    kind: "without" a factor or a summand, "without one" (the + 1 at the end), "one bias" for a whole layer, "once"
    what counts twice, "up" or "down" where the formula rounds the other way. what: the quantity's name, or empty.
    """

    kind: str
    what: str = ""


Slipped: TypeAlias = "tuple[tuple[Slip, ...], Expression]"


def slips(expression: Expression, most: int = 2) -> Iterator[Slipped]:
    """The formulas that come of up to so many slips, fewer slips first; those that change no figure are left out."""
    found: list[Slipped] = [((), expression)]
    for _ in range(most):
        found = [((*done, slip), other) for done, before in found for slip, other in _once(before)]
        yield from (each for each in found if each[1].value != expression.value)


def slip_to(expression: Expression, value: Number) -> Slipped | None:
    """The nearest slip by which a formula gives a value; None where there is none."""
    return next((each for each in slips(expression) if each[1].value == value), None)


def _once(at: Expression) -> Iterator[tuple[Slip, Expression]]:
    if not at.operands:
        return
    left, right = at.operands
    yield from _here(at, left, right)
    for slip, other in _once(left):
        yield slip, at.with_operands(other, right)
    for slip, other in _once(right):
        if at.operator not in ("/", "⌊/⌋", "⌈/⌉") or other.value:
            yield slip, at.with_operands(left, other)


def _here(at: Expression, left: Expression, right: Expression) -> Iterator[tuple[Slip, Expression]]:
    match at.operator:
        case "·" if _is(left, 2):
            yield Slip("once", right.names()), right
        case "·":
            if right.operator in ("", "/", "⌊/⌋"):
                yield Slip("without", right.names()), left
            if not left.operands:
                yield Slip("without", left.names()), right
            if left.operator == " + " and _is(left.operands[1], 1):
                yield Slip("one bias"), left.operands[0] * right + 1
        case " + " if _is(right, 1):
            yield Slip("without one"), left
        case " + ":
            yield Slip("without", _last(right)), left
        case " − ":
            yield Slip("without", _last(right)), left
        case _:
            yield Slip("without", right.names()), left
            if at.operator == "⌊/⌋":
                yield Slip("up"), left.ceiling_division(right)
            elif at.operator == "⌈/⌉":
                yield Slip("down"), left // right


def _is(found: Expression, value: int) -> bool:
    return isinstance(found, Quantity) and found.name == str(value)


def _last(found: Expression) -> str:
    return found.operands[1].names() if found.operator == "·" else found.names()
