"""How commands answer: one rule for `-o`, `--json`, a terminal and a pipe."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from hubel.base.errors import FileError, SettingError
from hubel.base.files import place_for, write_atomically
from hubel.base.words import json_text
from hubel.cli._output import between_words, print_json, print_line, with_warnings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.view.figures.figure import Figure
    from hubel.view.words.finding import Finding
    from hubel.view.words.tables import Table

WIDE = 160  # letters of a line where nobody says how many there is room for
TEXTS = (".json", ".txt")
TABLES = (".csv", ".md", ".tex", ".html")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
FIGURES = (".svg", ".png", ".pdf", ".html")


@dataclass(frozen=True)
class Answer:
    """What a command found, each form of it made when it is wanted.

    data: for --json and .json. lines: parts for a terminal of a width, and for .txt. tables: for .csv, .md, .tex, and
    .html where there is no figure. figure: for pictures and pages. content: what another file holds, by its ending and
    the theme. notes: what is to be known of it. summary: in a line or two, what came of it.
    """

    data: Callable[[], Any]
    lines: Callable[[int], Iterable[RenderableType]] = lambda width: ()
    tables: Callable[[], Sequence[Table]] | None = None
    figure: Callable[[], Figure] | None = None
    content: Callable[[str, str], bytes | str] | None = None
    notes: Sequence[str] = ()
    summary: str = ""

    @classmethod
    def of(cls, found: Finding, **other: Any) -> Answer:
        """What a finding says of itself, and what is said here otherwise."""
        own = cls(found.data, found.lines, found.tables, getattr(found, "figure", None), summary=found.outcome)
        return replace(own, **other)


def add_output(parser: ArgumentParser, *endings: str, theme: bool = False) -> None:
    """Add -o FILE, refused before any work is done where its ending is none of these or of texts, and --json."""
    known = tuple(dict.fromkeys((*endings, *TEXTS)))
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=partial(_output, known),
        help=f"write a file, by its ending {', '.join(known)}; - prints what a {known[0]} file would hold",
    )
    if theme:
        told = "colours of a picture or page (default: the reader's)"
        parser.add_argument("--theme", choices=("auto", "light", "dark"), default="auto", help=told)
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    parser.set_defaults(first_ending=known[0])


def is_data(arguments: Namespace) -> bool:
    """Whether standard output is for data alone, so that all else goes to standard error."""
    return bool(arguments.json or arguments.output == Path("-"))


def output_file(endings: Sequence[str], text: str) -> Path:
    """Read the name of a file to write, which ends with one of these and can be put where it says."""
    path = Path(text)
    if text == "-" or path.suffix.lower() not in endings:
        raise ArgumentTypeError(
            f"expected a file that ends with {', '.join(endings)}, received {(path.suffix or text)!r}"
        )
    return writable(path)


picture_argument = partial(output_file, PICTURES)


def _output(endings: Sequence[str], text: str) -> Path:
    return Path(text) if text == "-" else output_file(endings, text)


def writable(path: Path) -> Path:
    """Return `path`; refuse as a mistake in the command line what no file can be put at."""
    try:
        return place_for(path)
    except FileError as error:
        raise ArgumentTypeError(str(error)) from None


def finish(arguments: Namespace, answer: Answer) -> int:
    """Write what was asked for, and print the rest.

    With -o FILE the file is written, whole or not at all, and named; with -o - its content alone is printed. With
    --json the data is, and what else there is to say goes to standard error. Else all lines are, and in a terminal the
    figure, small. The summary is told in any case, and notes are on standard error.
    """
    for note in answer.notes:
        _emit(note, error=True)
    output: Path | None = arguments.output
    if output == Path("-"):
        _print(_content(arguments.first_ending, arguments, answer))
        return 0
    if answer.summary:
        _emit(answer.summary, error=arguments.json)
    if output is None and not arguments.json:
        for part in answer.lines(_width()):
            _emit(part)
    if output is not None:
        write_atomically(output, _content(output.suffix.lower(), arguments, answer))
        _emit(f"wrote {output}", error=arguments.json)
    elif answer.figure is not None and not arguments.json and sys.stdout.isatty():
        from hubel.view.figures.small import small

        for part in small(answer.figure(), _width()):
            _emit(part)
    if arguments.json:
        print_json(answer.data())
    return 0


def _width() -> int:
    return get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE


def _emit(part: RenderableType, error: bool = False) -> None:
    """Print a part; rich is needed for what is more than words."""
    if isinstance(part, str):
        stream = sys.stderr if error else sys.stdout
        print_line(between_words(part, stream), stream)
        return
    from hubel.view.words.told import Columns, Styled

    words = part.plain(WIDE) if isinstance(part, (Styled, Columns)) and _is_plain(error) else None
    if words is not None:
        print_line(words, sys.stderr if error else sys.stdout)
        return
    from hubel.view.words.terminal import console

    console(stderr=error).print(part, soft_wrap=bool(getattr(part, "no_wrap", False)))


def _is_plain(error: bool) -> bool:
    """Whether output has neither colours nor a width that is said, so that what is one line needs no laying out."""
    asked = ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    return not ((sys.stderr if error else sys.stdout).isatty() or any(name in os.environ for name in asked))


def _content(ending: str, arguments: Namespace, answer: Answer) -> bytes | str:
    theme = getattr(arguments, "theme", "auto")
    if ending == ".json":
        return json_text(with_warnings(answer.data())) + "\n"
    if ending == ".txt":
        return _plain(answer)
    if answer.content is not None:
        return answer.content(ending, theme)
    if answer.figure is not None and ending in FIGURES:
        return answer.figure().written(ending, theme)
    if answer.tables is None:
        raise SettingError(f"expected another ending of --output, received {ending}: there is no picture of this")
    tables = answer.tables()
    match ending:
        case ".csv":
            return "\n".join(table.csv() for table in tables)
        case ".md":
            return "\n".join(table.markdown() for table in tables)
        case ".tex":
            return "\n".join(table.latex() for table in tables)
        case _:
            return _page(arguments.command, answer, tables)


def _page(command: str, answer: Answer, tables: Sequence[Table]) -> str:
    """The tables, and the words that a terminal has beside them."""
    from hubel.view.writers.markup import h
    from hubel.view.writers.page import finding_page

    lines = list(answer.lines(WIDE))
    words = (
        [line for line in lines if isinstance(line, str)] if any(not isinstance(line, str) for line in lines) else []
    )
    whose, _, _ = tables[0].title.rpartition(": ")
    shared = len(tables) > 1 and whose and all(table.title.startswith(f"{whose}: ") for table in tables)
    title = whose if shared else tables[0].title if len(tables) == 1 else ""
    title = title or answer.summary or f"hubel {command}"
    shown = [
        h(
            "div",
            replace(table, title=table.title.removeprefix(title).removeprefix(": ")).html(),
            class_="table",
            tabindex=0,
            role="group",
            aria_label=table.title or "table",
        )
        for table in tables
    ]
    told = {title, answer.summary, *(cell for table in tables for row in table.rows for cell in row)}
    texts = [line for text in (*answer.notes, *words) for line in text.splitlines()]
    beside = [h("p", text) for text in texts if text.strip(" →•") not in told]
    return finding_page(title, *shown, *beside, subtitle="" if answer.summary == title else answer.summary)


def _plain(answer: Answer) -> str:
    import io

    from hubel.view.words.terminal import Terminal

    text = io.StringIO()
    screen = Terminal(file=text, width=WIDE, color_system=None)
    for part in (*([answer.summary] if answer.summary else []), *answer.lines(WIDE)):
        screen.print(part, soft_wrap=isinstance(part, str) or bool(getattr(part, "no_wrap", False)))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _print(content: bytes | str) -> None:
    if isinstance(content, str):
        sys.stdout.write(content)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
