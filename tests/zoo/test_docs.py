"""The page docs/zoo.md says what the zoo says. Run this file as a program to write the page anew."""

from __future__ import annotations

from pathlib import Path

from hubel import zoo
from hubel.arch import analyse, shape_text

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
START = "<!-- written by tests/zoo/test_docs.py from here on -->"


def test_the_page_is_what_the_zoo_says():
    assert PAGE.read_text(encoding="utf-8").partition(START)[2] == written(), "run python tests/zoo/test_docs.py"


def written() -> str:
    return "\n".join(["", "", *table(), "", *(line for name in zoo.names() for line in story(name))])


def table() -> list[str]:
    lines = ["| network | paper | input | parameters | MACs | options |", "| --- | --- | --- | ---: | ---: | --- |"]
    for name in zoo.names():
        entry, report = zoo.entry(name), analyse(zoo.get(name))
        options = ", ".join(f"`{option}`" for option in entry.options)
        figures = f"{shape_text(report.network.input)} | {report.parameters:,} | {report.macs:,}"
        lines.append(f"| [{name}](#{name}) | {entry.paper.citation} | {figures} | {options} |")
    return lines


def story(name: str) -> list[str]:
    entry = zoo.entry(name)
    lines = [f"## {name}", "", f"{entry.summary[0].upper()}{entry.summary[1:]}.", "", f"{entry.paper}.", ""]
    if entry.figures:
        lines += ["| published | | where |", "| --- | --- | --- |"]
        lines += [f"| {figure.what} | {figure.value} | {figure.source} |" for figure in entry.figures]
        lines.append("")
    lines += [f"- {note}" for note in entry.notes]
    return [*lines, ""] if entry.notes else lines


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text(encoding="utf-8").partition(START)[0] + START + written(), encoding="utf-8")
