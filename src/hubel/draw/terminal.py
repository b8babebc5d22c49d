"""A network's figures for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hubel.arch import TITLES, Report, Row, ordered, shape_text
from hubel.view.words.told import Columns, Line, Styled

if TYPE_CHECKING:
    from hubel.view.words.tables import Table

WIDE = 112


def network_parts(report: Report, width: int) -> Iterator[Line]:
    """Yield a network's table and what belongs under it; formulas stand beside the figures where `width` has room."""
    wide = width >= WIDE
    network = report.network
    shapes = f"{shape_text(network.input)} → {shape_text(report.output_shape)}"
    yield Styled("[bold]{}[/]  {}", network.name or "network", shapes)
    rows = []
    for row in report.rows:
        cells = [row.path, row.words, shape_text(row.output_shape)]
        cells += [_or_dot(row.cost.parameters), _or_dot(row.cost.macs), row.field.size_text]
        rows.append([*cells, *([Styled("[dim]{}[/]", _how(row))] if wide else [])])
    titles = ("layer", "what", "#output", "#parameters", "#MACs", "#field", *(["how"] if wide else []))
    yield Columns(titles, rows)
    yield ""
    yield from _totals(report)
    for note in report.notes:
        yield Styled("[yellow]note[/]  {}", note)
    if not wide:
        yield Styled("[dim]formulas: hubel explain … LAYER, or a terminal of {} columns[/]", WIDE)


def layer_parts(rows: tuple[Row, ...]) -> Iterator[Line]:
    """Yield every formula of some layers, with names and with values."""
    for row in rows:
        shapes = f"{shape_text(row.input_shape)} → {shape_text(row.output_shape)}"
        yield Styled("[bold]{}[/]  {}: {}  {}", row.path, row.type, row.words, shapes)
        figures = [(TITLES.get(each.figure, each.figure), str(each), each.names) for each in ordered(row.formulas)]
        (top, bottom), (left, right) = row.field.at(0, 0)
        seen = f"position (0, 0) sees rows {top}…{bottom}, columns {left}…{right} of the input"
        if row.field.flat:
            seen = f"position 0 sees {top}…{bottom} of the input"
        figures += [
            ("receptive field", f"{row.field.size_text}, {row.field.stride_text} apart", seen.replace("-", "−")),
            ("MACs in training", f"{row.training_macs:,}", "forward and backward"),
            (
                "kept for backward",
                f"{row.kept_bytes:,} bytes",
                "beyond what its neighbours keep, one example, 32 bits",
            ),
            (
                "positions with a gradient",
                f"{float(row.gradient_share):.4g}",
                "the most of its input's, sent from the network's end",
            ),
        ]
        quiet = [(Styled("[dim]{}[/]", name), value, Styled("[dim]{}[/]", how)) for name, value, how in figures]
        yield Columns((), quiet, 4)
        for note in row.notes:
            yield Styled("  [yellow]note[/]  {}", note)


def layers_table(report: Report) -> Table:
    """Return a network's layers, a line each."""
    from hubel.view.words.tables import Table

    titles = ("layer", "kind", "text", "input", "output", "#parameters", "#MACs", "receptive field", "stride")
    rows: list[tuple[str | int, ...]] = [
        (
            *(row.path, row.type, str(row.node) if row.is_layer else ""),
            *map(shape_text, (row.input_shape, row.output_shape)),
            *(row.cost.parameters, row.cost.macs),
            *map(shape_text, (row.field.size, row.field.stride)),  # type: ignore[arg-type]
        )
        for row in report.rows
    ]
    total = f"{report.parameters:,} parameters, {report.macs:,} multiply-adds (MACs) for one {report.example}"
    return Table(titles, tuple(rows), f"{report.network.title}: {total}")


def formulas_table(rows: tuple[Row, ...]) -> Table:
    """Return every formula of some layers, a line each."""
    from hubel.view.words.tables import Table

    found = [(row.path, each.figure, each.names, str(each)) for row in rows for each in ordered(row.formulas)]
    return Table(("layer", "figure", "formula", "values"), tuple(found), "formulas")


def _how(row: Row) -> str:
    figures = {formula.figure: formula for formula in row.formulas}
    wanted = [figures[name] for name in ("parameters", "macs") if name in figures]
    if not wanted:
        wanted = [figures[name] for name in ("output_height", "output_steps", "output_features") if name in figures]
    return "  ".join(map(str, wanted))


def _or_dot(figure: int) -> str:
    return f"{figure:,}" if figure else "·"


def _totals(report: Report) -> Iterator[Line]:
    trained = "" if report.trainable == report.parameters else f" ({report.trainable:,} trained)"
    lines = [
        ("parameters", f"{report.parameters:,}{trained}"),
        ("MACs", f"{report.macs:,} forward, {report.training_macs:,} in training, one {report.example}"),
        (
            "memory",
            f"{_bytes(4 * report.parameters)} of weights, {_bytes(report.kept_bytes)} kept for backward, 32 bits",
        ),
        ("field", f"{report.field.size_text} of the input seen by one output"),
    ]
    yield from (Styled("[dim]{:<12}[/]{}", title, text) for title, text in lines)


def _bytes(count: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.4g} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count = count / 1000  # type: ignore[assignment]
    raise AssertionError
