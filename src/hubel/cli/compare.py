"""`hubel compare`: two networks or blocks side by side, with ratios."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from fractions import Fraction
from typing import Any

from hubel.arch import Network, Report, analyse, report_data, shape_text
from hubel.base.errors import SettingError
from hubel.cli._edits import add_set, edited
from hubel.cli._network import add_network, add_options, is_model, load_network
from hubel.cli._output import print_json

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
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print both networks' figures and their ratios."""
    reports = [analyse(network) for network in _networks(arguments)]
    figures = [_figures(report) for report in reports]
    if arguments.json:
        print_json(_data(reports, figures))
        return 0
    _show(reports, figures)
    return 0


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


def _show(reports: list[Report], figures: list[dict[str, int]]) -> None:
    from hubel.view.terminal import console, styled, table

    titles = ["A", "B"]
    screen = console()
    for title, report in zip(titles, reports, strict=True):
        screen.print(styled("[bold]{}[/]  {}", title, report.network.name or report.network))
    first, second = figures
    rows = [
        ["input", *(shape_text(report.network.input) for report in reports)],
        ["output", *(shape_text(report.output_shape) for report in reports)],
        ["receptive field", *(report.field.size_text for report in reports)],
    ]
    for name, title in FIGURES.items():
        difference = f"{first[name] - second[name]:+,}".replace("-", "−") if first[name] != second[name] else "equal"
        rows.append([title, f"{first[name]:,}", f"{second[name]:,}", difference, ratio_text(first[name], second[name])])
    screen.print(table("", "#A", "#B", "#A − B", "#A / B", rows=rows, gap=3))
    screen.print("\n".join(_sentences(first, second)))


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
