"""`hubel compare`: two networks or blocks side by side, with ratios."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hubel.arch import Network, Report, analyse, report_data, shape_text
from hubel.base.errors import SettingError
from hubel.cli._edits import add_set, edited
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._network import add_network, add_options, is_model, load_network

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.view.tables import Table

DESCRIPTION = """Put two networks, or two blocks in text form, side by side: every figure, the difference and the ratio.

With one NET and --set, --input, --classes, --width or --option, that network beside itself so changed. With two, --set
changes the second, and the other options both."""
EXAMPLES = """  hubel compare vgg16 resnet50
  hubel compare '28x28x192: conv 32 5x5 same' '28x28x192: conv 16 1x1, conv 32 5x5 same'
  hubel compare '56x56x64: 3 * conv 64 3x3 same' '56x56x64: conv 64 7x7 same'
  hubel compare lenet5 --set conv2.kernel_size=3
  hubel compare mobilenet_v2 --width 0.5
  hubel compare alexnet alexnet_owt --json"""

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


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser, "first")
    parser.add_argument("second", nargs="?", metavar="NET", help="what to put beside it; may be left out with --set")
    add_output(parser, *TABLES)
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print both networks' figures and their ratios."""
    reports = [analyse(network) for network in _networks(arguments)]
    figures = [_figures(report) for report in reports]
    answer = Answer(
        data=lambda: _data(reports, figures),
        lines=lambda width: _lines(reports, figures),
        tables=lambda: [_table(reports, figures)],
    )
    return finish(arguments, answer)


def _networks(arguments: Namespace) -> tuple[Network, Network]:
    """Return both networks, or one and its changed self."""
    if arguments.second is not None:
        second = load_network(arguments.second, arguments)
        return load_network(arguments.first, arguments), edited(second, arguments)
    if is_model(arguments.first):  # which is run once, and needs its input's shape to be read at all
        first = load_network(arguments.first, arguments)
        second, arguments.input = edited(first, arguments), None
    else:
        first = load_network(arguments.first)
        second = edited(load_network(arguments.first, arguments), arguments)
    if first == second:
        raise SettingError("expected a second NET, or a change such as --set conv2.kernel_size=3 or --width 0.5")
    name = f"{second.name or second} with {_changes(arguments)}"
    return first, Network(second.input, second.body, name)


def _changes(arguments: Namespace) -> str:
    """Say in short what was changed: `conv2.kernel_size=3, width 0.5`."""
    found = [f"{key}={value}" for key, value in (*(arguments.set or ()), *(arguments.option or ()))]
    found += [f"input {shape_text(arguments.input)}"] if arguments.input else []
    found += [f"{what} {value:g}" for what in ("classes", "width") if (value := getattr(arguments, what)) is not None]
    return ", ".join(found)


def _figures(report: Report) -> dict[str, int]:
    weights = sum(int(f.result) for row in report.rows for f in row.formulas if f.figure == "weights")
    return {
        "weights": weights,
        "parameters": report.parameters,
        "trainable": report.trainable,
        "macs": report.macs,
        "training_macs": report.training_macs,
        "activations": report.activations,
        "kept_bytes": report.kept_bytes,
        "layers": sum(row.cost.macs > 0 for row in report.rows),
    }


def _data(reports: list[Report], figures: list[dict[str, int]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, report, own in zip(("first", "second"), reports, figures, strict=True):
        whole = report_data(report)
        found[key] = {name: whole[name] for name in ("name", "text", "input", "output_shape", "receptive_field")} | own
    first, second = figures
    found["ratios"] = {name: first[name] / second[name] if second[name] else None for name in FIGURES}
    found["differences"] = {name: first[name] - second[name] for name in FIGURES}
    return found


def _lines(reports: list[Report], figures: list[dict[str, int]]) -> Iterator[RenderableType]:
    from hubel.view import terminal

    for title, report in zip("AB", reports, strict=True):
        yield terminal.styled("[bold]{}[/]  {}", title, report.network.name or report.network)
    table = _table(reports, figures)
    rows = [
        (*row[:3], f"{row[3]:+,}".replace("-", "−") if isinstance(row[3], int) else row[3], row[4])
        for row in table.rows
    ]
    yield terminal.table(*table.titles, rows=replace(table, rows=rows).written(), gap=3)
    yield "\n".join(_sentences(*figures))


def _table(reports: list[Report], figures: list[dict[str, int]]) -> Table:
    from hubel.view.tables import Table

    first, second = figures
    rows: list[tuple[str | int | None, ...]] = [
        ("input", *(shape_text(report.network.input) for report in reports), None, None),
        ("output", *(shape_text(report.output_shape) for report in reports), None, None),
        ("receptive field", *(shape_text(report.field.size) for report in reports), None, None),
    ]
    for name, title in FIGURES.items():
        difference = first[name] - second[name]
        rows.append((title, first[name], second[name], difference or "equal", ratio_text(first[name], second[name])))
    names = " and ".join(report.network.name or "network" for report in reports)
    return Table(("", "#A", "#B", "#A − B", "#A / B"), rows, names)


def ratio_text(first: int, second: int) -> str:
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
        found.append(f"{cheaper} has {ratio_text(high, low)} times fewer {what}{exact}: {low:,} against {high:,}.")
    return found
