"""`hubel zoo`: the classic networks in a table, or one of them with its paper, figures and notes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hubel import zoo
from hubel.arch import analyse, shape_text
from hubel.cli._finish import TABLES, Answer, add_output, finish

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.view.words.tables import Table

DESCRIPTION = (
    "List the classic networks; or tell one's story: its paper, what was published about it, how ports differ."
)
EXAMPLES = """  hubel zoo                   every network with its parameters and multiply-adds
  hubel zoo googlenet         one network: paper, published figures, notes
  hubel zoo --json            the same as data"""

_FLAGS = ("input", "classes", "width")  # options that have a flag of their own
# Below this many columns the table leaves out the line about what is new in a network.
WIDE = 110


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a network of the zoo (all of them by default)")
    add_output(parser, *TABLES)


def run(arguments: Namespace) -> int:
    """Print the zoo, or one network of it."""
    if arguments.name is None:
        rows = [_row(name) for name in zoo.names()]
        answer = Answer(lambda: rows, lambda width: _table(width >= WIDE), lambda: [_all(rows)])
    else:
        story = _story(arguments.name)
        answer = Answer(lambda: story, lambda width: _portrait(arguments.name), lambda: [_all([story])])
    return finish(arguments, answer)


def _all(rows: list[dict[str, Any]]) -> Table:
    from hubel.view.words.tables import Table

    titles = ("name", "#year", "citation", "input", "output", "#parameters", "#MACs", "summary")
    names = ("name", "year", "citation", "input", "output_shape", "parameters", "macs", "summary")
    told = [{**row, "year": str(row["year"])} for row in rows]  # which is a number without thousands
    cells = [tuple(shape_text(tuple(row[n])) if isinstance(row[n], list) else row[n] for n in names) for row in told]
    return Table(titles, tuple(cells), "the zoo")


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
    from hubel.view.words.terminal import styled, table

    rows = []
    for name in zoo.names():
        row = _row(name)
        cells = [row["citation"], shape_text(row["input"]), _short(row["parameters"]), _short(row["macs"])]
        rows.append([styled("[cyan]{}[/]", name), *cells, *([row["summary"]] if wide else [])])
    more = ["what is new"] if wide else []
    yield table("name", "paper", "#input", "#parameters", "#MACs", *more, rows=rows, gap=1)
    yield styled("\nMACs are multiply-adds of one image. `hubel zoo NAME` tells more, `hubel explain NAME` everything.")


def _portrait(name: str) -> Iterator[RenderableType]:
    """Yield one network's paper, figures and notes."""
    from rich.padding import Padding

    from hubel.view.words.terminal import styled, table

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
    flags = [f"--{each}" if each in _FLAGS else f"--option {each}=VALUE" for each in story["options"]]
    told = f"; its options: {', '.join(flags)}" if flags else ""
    yield f"\n`hubel explain {name}` shows every layer with its formulas{told}."


def _short(count: int) -> str:
    """Three digits and a unit: 61.7 K, 25.6 M, 4.09 G."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= size:
            value = count / size
            decimals = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:.{decimals}f} {unit}"
    return str(count)
