"""One HTML file out of parts: modules without a bundler, data that cannot break out, and no way to the outside.

A module of the page imports others by bare names (`hubel/chart`). Each is put into the page as a `data:` URL, and an
import map says which name is which, so that the files under `web/` are what runs, unchanged.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from hubel.report._functions import functions_module

_IMPORT = re.compile(
    r"""\b(?:import\s*(?:[\w*$\s{},]+?\bfrom\s*)?|export\s*[\w*$\s{},]+?\bfrom\s*|import\s*\(\s*)["'](?P<name>[\w@./-]+)["']"""
)
_PLAIN = " !$&'()*+,-./:;=?@[]_~{}|^`<>"  # what a data: URL may hold as it is


def page(title: str, body: str, data: Mapping[str, Any], style: str, entries: Sequence[str]) -> str:
    """The whole page.

    body: HTML. data: JSON values, each a `<script type="application/json">` under its name. style: CSS. entries: the
    bare names of the modules that start.
    """
    imports = {name: _as_url(source) for name, source in modules(entries).items()}
    start = "".join(f'import "{entry}";' for entry in entries)
    mapped = as_json({"imports": imports})
    held = "".join(
        f'<script type="application/json" id="{escape(name)}">{as_json(value)}</script>\n'
        for name, value in data.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(mapped, start)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n{held}"
        f'<script type="importmap">{mapped}</script>\n<script type="module">{start}</script>\n</body>\n</html>\n'
    )


def modules(entries: Sequence[str]) -> dict[str, str]:
    """The sources of modules of the page and of all that they import, by their bare names.

    Raises LookupError where one imports what is not there.
    """
    found: dict[str, str] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = web_file(f"{name.removeprefix('hubel/')}.js")
            waiting += [match["name"] for match in _IMPORT.finditer(found[name])]
    return dict(sorted(found.items()))


def web_file(path: str) -> str:
    """The text of a file of the page. Raises LookupError where there is none."""
    if path == "engine_functions.js":
        return functions_module()
    try:
        return files("hubel.report").joinpath("web", *path.split("/")).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"expected web/{path} beside the report's modules, found nothing there") from None


def as_json(value: Any) -> str:
    """JSON that can stand within a script element, whatever the names in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _as_url(source: str) -> str:
    return "data:text/javascript;charset=utf-8," + quote(source, safe=_PLAIN)


def _policy(*scripts: str) -> str:
    """A Content-Security-Policy that lets the page do nothing outside: no fetch, form, frame, font or foreign picture.

    Its own inline scripts are known by their hashes.
    """
    hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)
    rules = (
        "default-src 'none'",
        f"script-src {hashes} data:",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "worker-src blob: data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)
