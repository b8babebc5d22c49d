"""Expressions laid out as people lay them out: on one line where it fits, else an argument a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import wrap
from typing import TypeAlias

from hubel.base.words import printable

WIDTH = 100


@dataclass
class Argument:
    """One argument: what stands before it (`stride=`, `*`), the expression, and a comment after it."""

    value: Expression
    before: str = ""
    comment: str = ""


@dataclass
class Bracketed:
    """An expression with a bracket that can be broken open: `head(arguments)tail`."""

    head: str
    arguments: list[Argument] = field(default_factory=list)
    closing: str = ")"
    last: str = ""  # an unsplittable end inside the bracket: `for _ in range(3)`

    @property
    def commented(self) -> bool:
        """Whether a comment stands inside, so that the bracket must be opened."""
        return any(
            argument.comment or (isinstance(argument.value, Bracketed) and argument.value.commented)
            for argument in self.arguments
        )


Expression: TypeAlias = "str | Bracketed"


def flat(expression: Expression) -> str:
    """Write an expression on one line."""
    if isinstance(expression, str):
        return expression
    inside = ", ".join(argument.before + flat(argument.value) for argument in expression.arguments)
    end = f" {expression.last}" if expression.last else ""
    return f"{expression.head}{inside}{end}{expression.closing}"


def lines(expression: Expression, indent: int = 0, before: str = "", after: str = "", comment: str = "") -> list[str]:
    """Lay an expression out, with text before and after it on its first and last line."""
    margin, note = " " * indent, f"  # {comment}" if comment else ""
    line = f"{margin}{before}{flat(expression)}{after}"
    fits = len(line + note) <= WIDTH and not (isinstance(expression, Bracketed) and expression.commented)
    if isinstance(expression, str) or fits or not expression.arguments:
        return [line + note]
    found = [f"{margin}{before}{expression.head}"]
    if expression.head == "[" and all(isinstance(argument.value, str) for argument in expression.arguments):
        words = ", ".join(str(argument.value) for argument in expression.arguments) + ","
        return [
            *found,
            *wrap(words, WIDTH, initial_indent=margin + "    ", subsequent_indent=margin + "    "),
            f"{margin}]{after}{note}",
        ]
    inside = flat(Bracketed("", expression.arguments, "", expression.last))
    if expression.last and len(margin) + 4 + len(inside) <= WIDTH and not expression.commented:
        return [*found, f"{margin}    {inside}", f"{margin}{expression.closing}{after}{note}"]
    for argument in expression.arguments:
        comma = "" if expression.last else ","
        found += lines(argument.value, indent + 4, argument.before, comma, argument.comment)
    if expression.last:
        found.append(f"{margin}    {expression.last}")
    return [*found, f"{margin}{expression.closing}{after}{note}"]


def quoted(text: str) -> str:
    """Write any text so that it can stand between a program's double quotes, one or three, on one line."""
    return printable(text.replace("\\", "\\\\").replace('"', '\\"'))


def literal(value: object) -> Expression:
    """Write a setting's value."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if isinstance(value, str):
        return f'"{quoted(value)}"'
    if isinstance(value, (tuple, list)):
        opening, closing = "()" if isinstance(value, tuple) else "[]"
        if len(value) == 1 and isinstance(value, tuple):
            closing = ",)"
        return Bracketed(opening, [Argument(literal(part)) for part in value], closing)
    return str(value) if not isinstance(value, (int, float)) or isinstance(value, bool) else repr(value)
