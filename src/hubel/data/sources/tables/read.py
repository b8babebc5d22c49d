"""Tables as text: how they are encoded, what parts their cells, which lines are comments; and rows of JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hubel.base.errors import DataError
from hubel.base.files import read_bytes
from hubel.data.sources.tables.rows import Rows

SEPARATORS = ",;\t|"
_SAMPLE = 20  # lines by which the separator is told


def read_table(path: Path) -> tuple[Rows, list[str]]:
    """The rows of a CSV file, of JSON lines, or of a JSON list, each with its line; and what to say of how it was read.

    Raises DataError where there are none.
    """
    text, notes = decoded(read_bytes(path, "annotations"))
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        rows = _of_json(path, text)
    else:
        text, comments = _without_comments(text)
        notes += [f"left out: {comments:,} line{'s' * (comments > 1)} of comment"] if comments else []
        try:
            rows = [(number + comments, row) for number, row in separated(text) if any(row)]
        except csv.Error as error:
            raise DataError(f"{path}: cannot be read as CSV ({error})") from None
    if not rows:
        raise DataError(f"{path}: expected rows of a path and a label, found none")
    return [(number, [cell.strip() for cell in row]) for number, row in rows], notes


def decoded(content: bytes) -> tuple[str, list[str]]:
    """A table's text, and what is to be said where it is neither UTF-8 nor UTF-16."""
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")  # as spreadsheets write "Unicode text"
    if wide or b"\0" in content[:4]:
        return content.decode(
            "utf-16" if wide else "utf-16-le" if content[1:2] == b"\0" else "utf-16-be", "replace"
        ), []
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        said = f"read as Windows-1252, since line {line:,} is no UTF-8; save it as UTF-8 where letters are wrong"
        return content.decode("cp1252", "replace"), [said]


def separated(text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line, with its number; what parts them is what does so alike in the first lines."""
    said = re.match(r"sep=(.)\r?\n", text)  # as spreadsheets take it
    lines = io.StringIO(text[said.end() :] if said else text, newline="")
    separator = (
        said[1] if said else _separator([line for line in text[:100_000].splitlines() if line.strip()][:_SAMPLE])
    )
    return enumerate(csv.reader(lines, delimiter=separator), 1)


def _separator(lines: Sequence[str]) -> str:
    def alike(sign: str) -> tuple[int, int]:
        own = lines[0].count(sign)
        return (sum(line.count(sign) == own for line in lines) if own else 0, own)

    best = max(SEPARATORS, key=alike, default=",") if lines else ","
    return " " if lines and best not in lines[0] and " " in lines[0] else best


def _without_comments(text: str) -> tuple[str, int]:
    """The text without lines that begin with # before any other, and how many; where the last of them parts as the line
    below it does, it is the head, as NumPy writes it.
    """
    lines = text.splitlines(keepends=True)
    count = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
    if count and lines[count - 1].startswith("# "):
        above, below = lines[count - 1][2:], lines[count]
        sign = _separator([below])
        if sign in below and above.count(sign) == below.count(sign):
            return "".join([above, *lines[count:]]), count - 1
    plain = count and any(
        sign in lines[count] and lines[count - 1].count(sign) == lines[count].count(sign) for sign in SEPARATORS
    )
    return (text, 0) if plain else ("".join(lines[count:]), count)


def _of_json(path: Path, text: str) -> list[tuple[int, list[str]]]:
    try:
        if path.suffix.lower() == ".json":
            found = list(enumerate(json.loads(text), 1))
        else:
            found = [(number, json.loads(line)) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON ({error})") from None
    wrong = next((number for number, each in found if not isinstance(each, dict)), None)
    if wrong is not None or not found:
        where = f" in place {wrong}" if wrong is not None else ""
        raise DataError(f'{path}: expected rows such as {{"file": "1.png", "label": "cat"}}, found none{where}')
    heads = list(dict.fromkeys(key for _, each in found for key in each))
    return [(0, heads), *((number, [_cell(each.get(head)) for head in heads]) for number, each in found)]


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
