"""`hubel zoo`: the classic networks in a table, or one of them with its paper, figures and notes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hubel import zoo
from hubel.arch import analyse, shape_text
from hubel.cli._output import print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

DESCRIPTION = (
    "List the classic networks; or tell one's story: its paper, what was published about it, how ports differ."
)
EXAMPLES = """  hubel zoo                   every network with its parameters and multiply-adds
  hubel zoo googlenet         one network: paper, published figures, notes
  hubel zoo --json            the same as data"""

# Below this many columns the table leaves out the line about what is new in a network.
WIDE = 110


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a network of the zoo (all of them by default)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: Namespace) -> int:
    """Print the zoo, or one network of it."""
    if arguments.json:
        found = [_row(name) for name in zoo.names()] if arguments.name is None else _story(arguments.name)
        print_json(found)
        return 0
    from hubel.view.terminal import console

    screen = console()
    for part in _table(screen.width >= WIDE) if arguments.name is None else _portrait(arguments.name):
        screen.print(part)
    return 0


def _row(name: str) -> dict[str, Any]:
    entry, report = zoo.entry(name), analyse(zoo.get(name))
    return {
        "name": name,
        "year": entry.paper.year,
        "citation": entry.paper.citation,
        "summary": entry.summary,
        "input": list(report.network.input),
        "output_shape": list(report.output_shape),
        "parameters": report.parameters,
        "macs": report.macs,
    }


def _story(name: str) -> dict[str, Any]:
    entry = zoo.entry(name)
    return {
        **_row(name),
        "paper": asdict(entry.paper),
        "figures": [asdict(figure) for figure in entry.figures],
        "notes": list(entry.notes),
        "options": entry.options,
        "text": str(zoo.get(name)),
    }


def _table(wide: bool) -> Iterator[RenderableType]:
    """Yield the table of all networks; what is new in each stands beside it where there is room."""
    from hubel.view.terminal import styled, table

    rows = []
    for name in zoo.names():
        row = _row(name)
        cells = [row["citation"], shape_text(row["input"]), _short(row["parameters"]), _short(row["macs"])]
        rows.append([styled("[cyan]{}[/]", name), *cells, *([row["summary"]] if wide else [])])
    more = ["what is new"] if wide else []
    yield table("name", "paper", "#input", "#parameters", "#MACs", *more, rows=rows)
    yield "\nMACs are multiply-adds of one image. `hubel zoo NAME` tells more, `hubel explain NAME` everything."


def _portrait(name: str) -> Iterator[RenderableType]:
    """Yield one network's paper, figures and notes."""
    from rich.padding import Padding

    from hubel.view.terminal import styled, table

    story = _story(name)
    options = ", ".join(f"{option}={value!r}" for option, value in story["options"].items())
    yield styled("[bold cyan]{}[/]: {}", name, story["summary"])
    yield styled("[dim]{}[/]", zoo.entry(name).paper)
    facts = [
        ("input", shape_text(story["input"])),
        ("output", shape_text(story["output_shape"])),
        ("parameters", f"{story['parameters']:,}"),
        ("MACs", f"{story['macs']:,}"),
        ("options", options),
    ]
    yield table(rows=facts)
    if story["figures"]:
        yield styled("\n[bold]Published[/]")
        yield table(rows=[(figure["what"], figure["value"], figure["source"]) for figure in story["figures"]])
    if story["notes"]:
        yield styled("\n[bold]Where it differs[/]")
        for note in story["notes"]:
            yield Padding(f"• {note}", (0, 0, 0, 2))
    yield f"\n`hubel explain {name}` shows every layer with its formulas."


def _short(count: int) -> str:
    """Three digits and a unit: 61.7 K, 25.6 M, 4.09 G."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= size:
            value = count / size
            decimals = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:.{decimals}f} {unit}"
    return str(count)
