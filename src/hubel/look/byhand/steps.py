"""What happens at one position of a window, and its numbers as JSON has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hubel.look.byhand.grids import Grid, Number, Planes


@dataclass(frozen=True, slots=True)
class Term:
    """One product of a convolution and the sum so far; `padding` where the value lies outside the image."""

    value: Number
    weight: Number
    product: Number
    sum: Number
    padding: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One position: where its result goes (`row`, `column`), and what of the image it sees (`rows`, `columns`)."""

    row: int
    column: int
    rows: range
    columns: range

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {"position": [self.row, self.column], "rows": list(self.rows), "columns": list(self.columns)}


@dataclass(frozen=True, slots=True)
class Products(Step):
    """One position of a convolution: products in reading order, their sum, and `value` after bias and activation."""

    terms: tuple[Term, ...]
    sum: Number
    value: Number

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        terms = [
            {name: plain(getattr(term, name)) for name in ("value", "weight", "product", "sum")}
            | {"padding": term.padding}
            for term in self.terms
        ]
        return Step.data(self) | {"products": terms, "sum": plain(self.sum), "value": plain(self.value)}


@dataclass(frozen=True, slots=True)
class Pooled(Step):
    """One position of pooling: the numbers in the window (padding left out) and the largest or the average of them."""

    values: tuple[Number, ...]
    value: Number

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        values = [plain(value) for value in self.values]
        return Step.data(self) | {"values": values, "value": plain(self.value)}


def plain(value: Number) -> int | float:
    """A number as JSON has it."""
    return value if isinstance(value, int) else float(value)


def plain_grid(grid: Grid) -> list[list[int | float]]:
    """A grid's numbers as JSON has them."""
    return [[plain(value) for value in row] for row in grid]


def plain_planes(planes: Planes) -> Any:
    """One channel as rows of numbers, several as a list of such."""
    grids = [plain_grid(plane) for plane in planes]
    return grids[0] if len(grids) == 1 else grids
