"""What pages are made of beside their elements: each room's `web` folder, its JavaScript modules put together into one,
so that a page's policy can know it by its hash.

A module `hubel/ROOM/NAME` is the file `NAME.js` of that room's folder. The base of all pages is `view/web`: `base.css`,
`dom`, `theme`, `charts`; `engine/`, which runs a network; `live/`, which shows it at work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r'^import\s*(?:\{(?P<names>[^}]*)\}\s*from\s*)?"(?P<home>[^"\n]+)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const)\s+(?P<name>[\w$]+))", re.MULTILINE)
_LEFT = re.compile(r"^\s*(?:import\b(?!\s*\()|export\b).*", re.MULTILINE)


def program(entries: Sequence[str], made: Mapping[str, str] | None = None) -> str:
    """The modules that start, by name (`hubel/report/report`), and all that they import, as one.

    made: texts of modules that no file holds, by their names. Raises LookupError for a module that is nowhere.
    """
    written = made or {}
    return linked(entries, lambda name: written[name] if name in written else _module(name))


@cache
def web_file(room: str, path: str) -> str:
    """The text of a file of a room's `web` folder. Raises LookupError where there is none."""
    try:
        return files(f"hubel.{room}").joinpath("web", *path.split("/")).read_text(encoding="utf-8")
    except (FileNotFoundError, ModuleNotFoundError):
        raise LookupError(f"expected a file {path} in hubel/{room}/web, found none") from None


def _module(name: str) -> str:
    _, room, path = name.split("/", 2)
    return web_file(room, f"{path}.js")


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
