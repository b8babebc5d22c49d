"""JavaScript modules put together into one, so that a page's policy can know it by its hash."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_IMPORT = re.compile(r'^import\s*(?:\{(?P<names>[^}]*)\}\s*from\s*)?"(?P<home>[^"\n]+)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const)\s+(?P<name>[\w$]+))", re.MULTILINE)
_LEFT = re.compile(r"^\s*(?:import\b(?!\s*\()|export\b).*", re.MULTILINE)


def linked(entries: Sequence[str], source: Callable[[str], str]) -> str:
    """One module that runs what these do, with all that they import, each once and in order.

    source: gives a module's text by its name. Modules import names (`import {a, b as c} from "x";`) and export
    functions, classes and constants. Raises ValueError for other forms and for circles, and what `source` raises.
    """
    done: dict[str, str] = {}

    def add(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            raise ValueError(f"expected modules without circles, received {' → '.join([*way, name])}")
        if name in done:
            return
        text = source(name)
        for needed in _IMPORT.finditer(text):
            add(needed["home"], (*way, name))
        done[name] = _wrapped(name, text, {each: f"m{place}" for place, each in enumerate(done)}, len(done))

    for entry in entries:
        add(entry, ())
    return "".join(done.values())


def _wrapped(name: str, text: str, places: dict[str, str], number: int) -> str:
    """A module as a function that gives what it exports."""
    exported = [found["name"] for found in _EXPORT.finditer(text)]

    def bound(found: re.Match[str]) -> str:
        names = (found["names"] or "").replace(" as ", ": ")
        return f"const {{{names}}} = {places[found['home']]};" if names.strip() else ""

    body = _EXPORT.sub("", _IMPORT.sub(bound, text))
    left = _LEFT.search(body)
    if left is not None:
        raise ValueError(f"{name}: expected imports of names and exports of declarations, received {left.group()!r}")
    return f"// {name}\nconst m{number} = (() => {{\n{body}\nreturn {{{', '.join(exported)}}};\n}})();\n"
