"""Two networks side by side: every figure, the difference and the ratio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from hubel import zoo
from hubel.arch import Report, report_data, shape_text
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table
from hubel.view.words.told import Columns, Line, Styled

FIGURES = {
    "weights": "weights, biases apart",
    "parameters": "parameters",
    "trainable": "parameters trained",
    "macs": "MACs",
    "training_macs": "MACs in training",
    "activations": "numbers in all outputs",
    "kept_bytes": "bytes kept for backward",
    "layers": "layers with weights",
}


def compare(first: zoo.Given, second: zoo.Given) -> Comparison:
    """Put two networks, or two blocks in text form, side by side.

    Raises `ShapeError` where one does not work out.
    """
    return Comparison(zoo.analyse(first), zoo.analyse(second))


@dataclass(frozen=True, repr=False)
class Comparison(Finding):
    """Two networks' figures."""

    first: Report
    second: Report

    @property
    def figures(self) -> tuple[dict[str, int], dict[str, int]]:
        """Both networks' figures, by the names in `FIGURES`."""
        return _figures(self.first), _figures(self.second)

    def shown(self) -> list[Part]:
        """The table, and who is cheaper."""
        table = self.tables()[0]
        return [table.title, table, *self.told]

    @property
    def told(self) -> list[str]:
        """Who is cheaper, and how many times, in words."""
        return _sentences(*self.figures)

    def data(self) -> dict[str, Any]:
        """Both, the ratios and the differences."""
        first, second = self.figures
        found: dict[str, Any] = {}
        for key, report, own in (("first", self.first, first), ("second", self.second, second)):
            whole = report_data(report)
            kept = ("name", "text", "input", "output_shape", "receptive_field")
            found[key] = {name: whole[name] for name in kept} | own
        found["ratios"] = {name: first[name] / second[name] if second[name] else None for name in FIGURES}
        found["differences"] = {name: first[name] - second[name] for name in FIGURES}
        return found

    def lines(self, width: int = 160) -> Iterator[Line]:
        """Both names, the table, and who is cheaper."""
        for title, report in zip("AB", (self.first, self.second), strict=True):
            yield Styled("[bold]{}[/]  {}", title, report.network.name or report.network)
        (table,) = self.tables()
        rows = [
            (*row[:3], f"{row[3]:+,}".replace("-", "−") if isinstance(row[3], int) else row[3], row[4])
            for row in table.rows
        ]
        yield Columns(table.titles, replace(table, rows=rows).written(), gap=3)
        yield "\n".join(self.told)

    def tables(self) -> list[Table]:
        """Shapes and figures, a line each."""
        reports, (first, second) = (self.first, self.second), self.figures
        rows: list[tuple[str | int | None, ...]] = [
            ("input", *(shape_text(report.network.input) for report in reports), None, None),
            ("output", *(shape_text(report.output_shape) for report in reports), None, None),
            ("receptive field", *(shape_text(report.field.size) for report in reports), None, None),
        ]
        for name, title in FIGURES.items():
            difference = first[name] - second[name]
            rows.append((title, first[name], second[name], difference or "equal", _ratio(first[name], second[name])))
        names = " and ".join(report.network.title for report in reports)
        return [Table(("", "#A", "#B", "#A − B", "#A / B"), rows, names)]


def _figures(report: Report) -> dict[str, int]:
    weights = sum(int(f.result) for row in report.rows for f in row.formulas if f.figure == "weights")
    layers = sum(row.cost.macs > 0 for row in report.rows)
    others = {name: getattr(report, name) for name in FIGURES if name not in ("weights", "layers")}
    return {"weights": weights, **others, "layers": layers}


def _ratio(first: int, second: int) -> str:
    """Write a ratio to three figures: `9.68`."""
    if not second:
        return "–"
    ratio = first / second
    return f"{ratio:,.0f}" if ratio >= 1000 else f"{ratio:.3g}"


def _sentences(first: dict[str, int], second: dict[str, int]) -> list[str]:
    """Say in words who is cheaper, and how many times."""
    found = []
    for name, what in (("weights", "weights"), ("macs", "MACs")):
        low, high = sorted((first[name], second[name]))
        if not low or low == high:
            continue
        cheaper = "A" if first[name] == low else "B"
        share = Fraction(low, high)
        exact = f" ({share.numerator}/{share.denominator} of them)" if share.denominator <= 100 else ""
        found.append(f"{cheaper} has {_ratio(high, low)} times fewer {what}{exact}: {low:,} against {high:,}.")
    return found
