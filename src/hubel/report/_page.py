"""The files of the page, and its modules put together."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from hubel.report._functions import functions_module
from hubel.view.linked import linked


def program(entries: Sequence[str]) -> str:
    """The page's modules that start, by their bare names (`hubel/report`), and all that they import, as one."""
    return linked(entries, lambda name: web_file(f"{name.removeprefix('hubel/')}.js"))


def web_file(path: str) -> str:
    """The text of a file of the page. Raises LookupError where there is none."""
    if path == "engine_functions.js":
        return functions_module()
    try:
        return files("hubel.report").joinpath("web", *path.split("/")).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"expected web/{path} beside the report's modules, found nothing there") from None
