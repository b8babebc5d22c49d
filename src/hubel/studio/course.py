"""A course of exercises in one Markdown file: what a teacher writes, read and tried."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hubel.base.errors import (
    FileError,
    HubelError,
    MissingFileError,
    NetworkError,
    SettingError,
    UnknownNameError,
)
from hubel.base.names import did_you_mean
from hubel.base.words import printable
from hubel.studio.answers.exercise import GAP, exercise
from hubel.view.writers.linked import web_file

MOST_BYTES, MOST_EXERCISES, LONGEST = 500_000, 300, 2000
MOST_GAPPED = 8_000  # letters of networks with a gap together, each of which is read 256 times
FIELDS = ("network", "layer", "asks", "output", "slide", "pt")
OWN = "course/course.md"
_FIELD = re.compile(r"[-*]\s+([A-Za-z]+)\s*:\s*(.*)")


def own_course() -> dict[str, Any]:
    """The course that hubel brings."""
    return read_course(web_file("studio", OWN), OWN)


def course_of(path: Path) -> dict[str, Any]:
    """A teacher's file. Raises MissingFileError, FileError, and SettingError with the line of what is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise MissingFileError(f"{path}: there is no such file") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > MOST_BYTES:
        raise SettingError(f"{path}: expected at most {MOST_BYTES:,} bytes of Markdown: divide it")
    try:
        return read_course(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise SettingError(
            f"{path}: expected UTF-8, found another byte at place {error.start}: save it as UTF-8"
        ) from None


def read_course(text: str, name: str) -> dict[str, Any]:
    """A course as plain values: {title, exercises}; each exercise's network is tried. Words are text, never HTML.

    A title and a heading may stand in two languages, `English | Portuguese`. Raises SettingError with `name:line`.
    """
    title, chapter, made = ("Exercises", "Exercícios"), ("", ""), []
    current: dict[str, Any] | None = None
    for number, written in enumerate(text.splitlines(), 1):
        line = printable(written.rstrip().expandtabs())
        try:
            if line.startswith("### "):
                current = _begun(line[4:], chapter, number)
                made.append(current)
            elif line.startswith("## "):
                chapter, current = _two(line[3:]), None
            elif line.startswith("# "):
                title, current = _two(line[2:]), None
            elif current is not None and line.strip():
                _add(current, line.strip(), number)
        except SettingError as error:
            raise SettingError(f"{name}:{number}: {error}") from None
        if len(made) > MOST_EXERCISES:
            raise SettingError(f"{name}:{number}: expected at most {MOST_EXERCISES} exercises in a file: divide it")
    if not made:
        raise SettingError(f"{name}: expected exercises, found none: each begins with a line `### its title`")
    gapped = sum(len(each["network"]) for each in made if GAP in each["network"])
    if gapped > MOST_GAPPED:
        raise SettingError(
            f"{name}: expected networks with `{GAP}` of at most {MOST_GAPPED:,} letters together, received {gapped:,}: "
            "divide it"
        )
    return {"title": title, "exercises": [_tried(each, name) for each in made]}


def _two(heading: str) -> tuple[str, str]:
    english, _, portuguese = (part.strip() for part in heading.partition("|"))
    return english, portuguese or english


def _begun(heading: str, chapter: tuple[str, str], line: int) -> dict[str, Any]:
    return {"title": _two(heading), "chapter": chapter, "text": "", "lines": {"": line}, **dict.fromkeys(FIELDS, "")}


def _add(current: dict[str, Any], line: str, number: int) -> None:
    """A line of an exercise: a field, or words of its question."""
    found = _FIELD.fullmatch(line)
    if not found:
        current["text"] = f"{current['text']} {line}".strip()
        if len(current["text"]) > LONGEST:
            raise SettingError(f"expected a question of at most {LONGEST:,} letters")
        return
    field, value = found[1].lower(), found[2].strip().strip("`")
    if field not in FIELDS:
        raise SettingError(f"{found[1][:40]}: expected {', '.join(FIELDS)}{did_you_mean(field, FIELDS)}")
    if current[field]:
        raise SettingError(f"{field}: stands twice in this exercise: leave one out")
    if len(value) > LONGEST:
        raise SettingError(f"{field}: expected at most {LONGEST:,} letters")
    current[field], current["lines"][field] = value, number


def _tried(found: dict[str, Any], name: str) -> dict[str, Any]:
    """An exercise as the page has it, after its right answer could be worked out."""
    lines = found.pop("lines")
    where = f"{name}:{lines['']}"
    if not found["network"]:
        raise SettingError(f"{where}: expected a line `- network: 32x32x3: conv 8 5x5` in {found['title'][0][:60]!r}")
    if not found["text"]:
        raise SettingError(f"{where}: expected a question under {found['title'][0][:60]!r}")
    asked = {"network": found["network"], "layer": found["layer"], "asks": found["asks"], "wanted": found.pop("output")}
    gapped = GAP in found["network"]
    if gapped and not asked["wanted"]:
        raise SettingError(
            f"{name}:{lines['network']}: expected a line `- output: 32x32x8` too: what comes out with the right number "
            f"in place of {GAP}"
        )
    if asked["wanted"] and not gapped:
        raise SettingError(
            f"{name}:{lines['output']}: output: means nothing where the network has no `{GAP}`; the output is asked "
            "for by `- asks: output`"
        )
    whole = f"the network has a `{GAP}`" if gapped else "`fits` is asked" if asked["asks"] == "fits" else ""
    for field in ("layer", "asks") if gapped else ("layer",):
        if whole and asked[field]:
            raise SettingError(f"{name}:{lines[field]}: {field}: means nothing where {whole}: leave this line out")
    try:
        exercise(**asked, given="", language="en")
    except HubelError as error:
        told = printable(str(error).partition("\n")[0])
        kinds = (("network", NetworkError), ("layer", UnknownNameError), ("asks", SettingError))
        at = next((field for field, kind in kinds if isinstance(error, kind)), "")
        at = "output" if gapped and at not in lines else at
        place = f"{name}:{lines.get(at, lines[''])}"
        raise SettingError(f"{place}: {told}: mend the exercise's network, layer, asks or output") from None
    english = found.pop("text")
    return {
        **asked,
        "title": found["title"],
        "chapter": found["chapter"],
        "text": (english, found["pt"] or english),
        "slide": found["slide"],
    }
