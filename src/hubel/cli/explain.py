"""`hubel explain`: every shape, parameter and cost of a network, with its formula."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hubel.arch import TITLES, Report, Row, analyse, ordered, report_data, row_data, shape_text
from hubel.cli._network import add_network, add_options, load_network

if TYPE_CHECKING:
    from rich.console import RenderableType

DESCRIPTION = """Work out every layer's shape, parameters, multiply-adds and receptive field, and show the arithmetic.

With LAYER, all formulas of that layer (or of all layers inside that part), with names and with values."""
EXAMPLES = """  hubel explain lenet5
  hubel explain alexnet conv2
  hubel explain resnet18 --input 32x32x3 --classes 10
  hubel explain '32x32x3: conv 8 5x5, maxpool 2, flatten, dense 10'
  hubel explain '7x7x1: conv 1 3x3/3' --strict
  hubel explain vgg16 --json | jq .macs"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser)
    parser.add_argument("layer", nargs="?", metavar="LAYER", help="a layer's name, such as conv2 or stage1.block2")
    parser.add_argument("--strict", action="store_true", help="refuse windows that leave rows or columns uncovered")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print a network's figures."""
    report = analyse(load_network(arguments.network, arguments), strict=arguments.strict)
    rows = report.find(arguments.layer) if arguments.layer else ()
    if arguments.json:
        data = report_data(report) if not rows else [row_data(row) for row in rows]
        print(json.dumps(data[0] if isinstance(data, list) and len(data) == 1 else data, ensure_ascii=False))
        return 0
    from hubel.cli._console import console

    screen = console()
    for part in layer_parts(rows) if rows else network_parts(report, wide=screen.width >= WIDE):
        screen.print(part, highlight=False)
    return 0


WIDE = 112


def network_parts(report: Report, wide: bool) -> Iterator[RenderableType]:
    """Yield a network's table and what belongs under it; the formulas stand beside the figures where there is room."""
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
    text = str(row.node) if row.is_layer else f"{row.type.lower()} of {len(row.node.branches)} branches"  # type: ignore[union-attr]
    return text.partition("=")[2] if row.is_layer and row.node.name is not None else text


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
