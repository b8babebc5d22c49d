"""Arithmetic that remembers how it was done: one expression gives the names, the values put in, and the result.

>>> kernel, channels, filters = Quantity("kernel", 5), Quantity("channels", 3), Quantity("filters", 8)
>>> parameters = (kernel * kernel * channels + 1) * filters
>>> parameters.names()
'(kernel·kernel·channels + 1)·filters'
>>> parameters.values()
'(5·5·3 + 1)·8'
>>> parameters.value
608
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = "int | Fraction"
_SUM, _QUOTIENT, _PRODUCT, _ATOM = range(4)  # how tightly the outermost sign binds


class Expression:
    """A number together with the arithmetic that gave it."""

    __slots__ = ("_operands", "_operator", "value")

    def __init__(self, operator: str, operands: tuple[Expression, ...], value: Number) -> None:
        self._operator = operator
        self._operands = operands
        self.value = value

    def __add__(self, other: Expression | int) -> Expression:
        other = as_expression(other)
        return Expression(" + ", (self, other), self.value + other.value)

    def __sub__(self, other: Expression | int) -> Expression:
        other = as_expression(other)
        return Expression(" − ", (self, other), self.value - other.value)

    def __mul__(self, other: Expression | int) -> Expression:
        other = as_expression(other)
        return Expression("·", (self, other), self.value * other.value)

    def __rmul__(self, other: int) -> Expression:
        return as_expression(other) * self

    def __truediv__(self, other: Expression | int) -> Expression:
        other = as_expression(other)
        exact = Fraction(self.value) / Fraction(other.value)
        return Expression("/", (self, other), int(exact) if exact.denominator == 1 else exact)

    def __floordiv__(self, other: Expression | int) -> Expression:
        other = as_expression(other)
        return Expression("⌊/⌋", (self, other), int(self.value // other.value))

    def ceiling_division(self, other: Expression | int) -> Expression:
        """Divide and round up."""
        other = as_expression(other)
        return Expression("⌈/⌉", (self, other), int(-(-self.value // other.value)))

    @property
    def operator(self) -> str:
        """Its outermost sign; empty where it is a quantity."""
        return self._operator

    @property
    def operands(self) -> tuple[Expression, ...]:
        """The two that its outermost sign joins."""
        return self._operands

    def with_operands(self, left: Expression, right: Expression) -> Expression:
        """The same sign between others."""
        return _SIGNS[self._operator](left, right)

    def names(self) -> str:
        """Write the formula with the names of its quantities."""
        return self._render(lambda leaf: leaf.name, exact=False)[0]

    def values(self) -> str:
        """Write the formula with the values put in."""
        return self._render(lambda leaf: str(leaf.value), exact=True)[0]

    def _render(self, write: Callable[[Quantity], str], exact: bool) -> tuple[str, int]:
        (left, left_level), (right, right_level) = (operand._render(write, exact) for operand in self._operands)
        if self._operator in (" + ", " − "):
            # a − (b + c) needs its brackets, a + (b + c) does not
            closing = f"({right})" if self._operator == " − " and right_level == _SUM else right
            return f"{left}{self._operator}{closing}", _SUM
        if self._operator == "·":
            loose = (_SUM, _QUOTIENT)
            return f"{_bracketed(left, left_level in loose)}·{_bracketed(right, right_level in loose)}", _PRODUCT
        quotient = f"{_bracketed(left, left_level in (_SUM, _QUOTIENT))}/{_bracketed(right, right_level != _ATOM)}"
        whole = exact and Fraction(self._operands[0].value) % self._operands[1].value == 0
        if self._operator == "/" or whole:
            return quotient, _QUOTIENT
        return f"{self._operator[0]}{quotient}{self._operator[-1]}", _ATOM


_SIGNS: dict[str, Callable[[Expression, Expression], Expression]] = {
    " + ": Expression.__add__,
    " − ": Expression.__sub__,
    "·": Expression.__mul__,
    "/": Expression.__truediv__,
    "⌊/⌋": Expression.__floordiv__,
    "⌈/⌉": Expression.ceiling_division,
}


def _bracketed(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


class Quantity(Expression):
    """A number with a name: the leaf of an expression."""

    __slots__ = ("name",)

    def __init__(self, name: str, value: Number) -> None:
        super().__init__("", (), value)
        self.name = name

    def _render(self, write: Callable[[Quantity], str], exact: bool) -> tuple[str, int]:
        return write(self), _ATOM


def as_expression(value: Expression | int) -> Expression:
    """Return an expression for a plain number, or the expression itself."""
    return Quantity(str(value), value) if isinstance(value, int) else value


def product(*factors: Expression | int) -> Expression:
    """Multiply one or more factors."""
    result = as_expression(factors[0])
    for factor in factors[1:]:
        result = result * factor
    return result


def elements(shape: tuple[int, ...], last: Quantity | None = None) -> Expression:
    """Multiply out a shape: how many numbers a tensor holds. `last` stands for its last axis, if that has a name."""
    names = {3: ("height", "width", "channels"), 2: ("steps", "features"), 1: ("features",)}[len(shape)]
    found = [Quantity(name, length) for name, length in zip(names, shape, strict=True)]
    return product(*found[:-1], last or found[-1])
