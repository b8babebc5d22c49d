"""A network's figures for a terminal, as rich's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hubel.arch import TITLES, Layer, Report, Row, children, ordered, shape_text

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDE = 112


def network_parts(report: Report, width: int) -> Iterator[RenderableType]:
    """Yield a network's table and what belongs under it; formulas stand beside the figures where `width` has room."""
    wide = width >= WIDE
    from rich.markup import escape
    from rich.table import Table

    network = report.network
    shapes = f"{shape_text(network.input)} → {shape_text(report.output_shape)}"
    yield f"[bold]{escape(network.name or 'network')}[/]  {shapes}"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title, right in (("layer", 0), ("what", 0), ("output", 1), ("parameters", 1), ("MACs", 1), ("field", 1)):
        table.add_column(
            title, justify="right" if right else "left", no_wrap=title not in ("what", "layer"), overflow="fold"
        )
    if wide:
        table.add_column("how", overflow="fold", style="dim", ratio=1)
    for row in report.rows:
        cells = [escape(row.path), escape(_what(row)), shape_text(row.output_shape)]
        cells += [_or_dot(row.cost.parameters), _or_dot(row.cost.macs), shape_text(row.field.size)]
        table.add_row(*cells, *([_how(row)] if wide else []))
    yield table
    yield ""
    yield _totals(report)
    if report.notes:
        yield "\n".join(f"[yellow]note[/]  {escape(note)}" for note in report.notes)
    if not wide:
        yield f"[dim]formulas: hubel explain … LAYER, or a terminal of {WIDE} columns[/]"


def layer_parts(rows: tuple[Row, ...]) -> Iterator[RenderableType]:
    """Yield every formula of some layers, with names and with values."""
    from rich.markup import escape
    from rich.table import Table

    for row in rows:
        what = escape(f"{row.type}: {_what(row)}")
        yield f"[bold]{escape(row.path)}[/]  {what}  {shape_text(row.input_shape)} → {shape_text(row.output_shape)}"
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), show_header=False)
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        table.add_column(overflow="fold", style="dim")
        for formula in ordered(row.formulas):
            table.add_row(TITLES.get(formula.figure, formula.figure), str(formula), formula.names)
        (top, bottom), (left, right) = row.field.at(0, 0)
        height, width = row.field.size
        strides = shape_text(row.field.stride)  # type: ignore[arg-type]
        seen = f"position (0, 0) sees rows {top}…{bottom}, columns {left}…{right} of the input".replace("-", "−")
        table.add_row("receptive field", f"{height}×{width}, {strides} apart", seen)
        table.add_row("MACs in training", f"{row.training_macs:,}", "forward and backward")
        table.add_row(
            "kept for backward", f"{row.kept_bytes:,} bytes", "beyond what its neighbours keep, one image, 32 bits"
        )
        share = f"{float(row.gradient_share):.4g}"
        table.add_row("positions with a gradient", share, "the most of its input's, sent from the network's end")
        yield table
        if row.notes:
            yield "\n".join(f"  [yellow]note[/]  {escape(note)}" for note in row.notes)


def _what(row: Row) -> str:
    if isinstance(row.node, Layer):
        return row.node.text()
    return f"{row.type.lower()} of {len(children(row.node))} branches"


def _how(row: Row) -> str:
    figures = {formula.figure: formula for formula in row.formulas}
    wanted = [figures[name] for name in ("parameters", "macs") if name in figures]
    if not wanted:
        wanted = [figures[name] for name in ("output_height", "output_features") if name in figures]
    return "  ".join(map(str, wanted))


def _or_dot(figure: int) -> str:
    return f"{figure:,}" if figure else "·"


def _totals(report: Report) -> str:
    trained = "" if report.trainable == report.parameters else f" ({report.trainable:,} trained)"
    lines = [
        ("parameters", f"{report.parameters:,}{trained}"),
        ("MACs", f"{report.macs:,} forward, {report.training_macs:,} in training, one image"),
        (
            "memory",
            f"{_bytes(4 * report.parameters)} of weights, {_bytes(report.kept_bytes)} kept for backward, 32 bits",
        ),
        ("field", f"{shape_text(report.field.size)} of the input seen by one output"),
    ]
    return "\n".join(f"[dim]{title:<12}[/]{text}" for title, text in lines)


def _bytes(count: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.4g} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count = count / 1000  # type: ignore[assignment]
    raise AssertionError
