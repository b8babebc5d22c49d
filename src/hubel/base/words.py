"""Text that can be shown anywhere: names and figures from files are data, whatever is written in them."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any
from unicodedata import category

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, formats (direction, no width), lone surrogates, breaks
_JOINERS = "\u200c\u200d"  # between letters Persian and Hindi need them, and emoji
_ODD = re.compile("[^ -~]")
_ODD_IN_JSON = re.compile("[^ -;=-~]")  # "<" too, which opens tags
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str, keep: str = "", longest: int | None = None) -> str:
    r"""Text in which everything can be seen: control, direction and zero-width characters as escapes such as `\x1b`.

    Nothing of it moves a terminal's cursor, turns the reading order round or breaks a line. `keep`: characters that
    stay as they are, such as "\n". `longest`: letters from which it is cut, with `…` for the rest.
    """

    def seen(found: re.Match[str]) -> str:
        letter = found.group()
        return letter if letter in keep or not _hidden(found) else _SHORT.get(letter) or _escape(ord(letter))

    shown = text if text.isprintable() else _ODD.sub(seen, writable(text))
    return shown if longest is None or len(shown) <= longest else shown[: longest - 1] + "…"


NOT_UTF8 = "its name, or that of a folder around it, is not in UTF-8"


def writable(text: str) -> str:
    r"""Text that can be written as UTF-8. Lone surrogates, by which Python stands for bytes of a file's name that it
    could not decode, become what these are in UTF-8, or else escapes such as `\xff`.
    """
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return text.encode("utf-8", "backslashreplace").decode()


def read_back(path: str) -> str:
    r"""The path that `writable` made this text of, where that leads somewhere and the text does not."""
    if os.path.exists(path):
        return path
    content = re.sub(rb"\\x([89a-f][0-9a-f])", lambda found: bytes.fromhex(found[1].decode()), path.encode())
    given = os.fsdecode(content)
    return given if os.path.exists(given) else path


def _hidden(found: re.Match[str]) -> bool:
    letter, place = found.group(), found.start()
    if letter in _JOINERS:  # beside ASCII, and at the ends, they hide
        around = found.string[max(place - 1, 0) : place] + found.string[place + 1 : place + 2]
        return len(around) < 2 or any(each.isascii() or each in _JOINERS for each in around)
    number = ord(letter)
    return category(letter) in _HIDDEN or number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF


def _escape(number: int) -> str:
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def json_text(value: Any, compact: bool = False, shown: bool = False) -> str:
    """JSON with the letters of all languages as they are, and what cannot be seen as escapes.

    It can be printed, and stand in a script element of a page (`<` is an escape). Numbers that JSON has not (NaN,
    infinities) are null; NumPy's numbers and arrays are numbers and lists. `compact` leaves out blanks. `shown`: words
    are as `printable` writes them, for a reader who shows them. Raises TypeError for a value that has no form in JSON.
    """

    def seen(found: re.Match[str]) -> str:
        letter = found.group()
        if letter == "<":
            return "\\u003c"
        return json.dumps(letter)[1:-1] if _hidden(found) else letter

    encoder = _COMPACT if compact else _WIDE
    try:
        text = encoder.encode(_plain(value, shown) if shown else value)
    except (ValueError, TypeError):  # NaN, and what JSON has no kind for: seldom, so that most is gone through once
        text = encoder.encode(_plain(value, shown))
    return text.replace("<", "\\u003c") if text.isprintable() else _ODD_IN_JSON.sub(seen, text)


_WIDE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain(value: Any, shown: bool) -> Any:
    """The value in JSON's own kinds."""
    if isinstance(value, str):
        return printable(value, keep="\n\t") if shown else value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_name(name): _plain(each, shown) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, shown) for each in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), shown)
    raise TypeError(f"expected what JSON can hold, received {type(value).__name__}")


def _name(name: object) -> str:
    return name if isinstance(name, str) else json.dumps(_plain(name, shown=False))
