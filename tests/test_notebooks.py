"""The notebooks in examples/ run from top to bottom, show what they have stored, and have been run in order.

A cell's printed text must be what is stored under it, and so must the words of what it shows as HTML, unless the cell
has the tag `varies` (trained figures differ a little between processors). After a change that is meant:
`jupyter nbconvert --to notebook --execute --inplace examples/course.ipynb`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from hubel.model import backend

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
MOST_BYTES = 300_000


def code_cells(path: Path) -> list[dict[str, Any]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["metadata"]["language_info"]["name"]) == (4, "python")
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(source: str, names: dict[str, Any], place: str) -> tuple[str, Any]:
    """Run a cell as a notebook does: return what it prints, and the value of its last expression."""
    tree = ast.parse(source, place)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    value, printed = None, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, place, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), place, "eval"), names)
    return printed.getvalue(), value


def stored(cell: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """What a cell has stored: printed text, and the kinds of data that it shows."""
    text, data = "", {}
    for output in cell["outputs"]:
        assert output["output_type"] in ("stream", "execute_result"), output
        if output["output_type"] == "stream":
            assert output["name"] == "stdout"
            text += "".join(output["text"])
        else:
            data = {kind: "".join(lines) for kind, lines in output["data"].items()}
    return text, data


def words(html: str) -> str:
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def check(cell: dict[str, Any], printed: str, value: Any) -> None:
    text, data = stored(cell)
    if "varies" in cell["metadata"].get("tags", ()):
        assert bool(text) == bool(printed)
    else:
        assert printed == text
    assert (value is not None) == bool(data)
    assert hasattr(value, "_repr_html_") == ("text/html" in data)
    assert hasattr(value, "_repr_png_") == ("image/png" in data)
    if "text/html" in data:
        assert words(value._repr_html_()) == words(data["text/html"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_stored_as_it_was_run(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert [cell["execution_count"] for cell in code_cells(path)] == list(range(1, len(code_cells(path)) + 1))
    assert not re.search(r"/(home|tmp|root|Users)/", text)


def test_the_course_runs_and_shows_what_it_has_stored(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    backend.clear_session()  # models are named by how many there were, and a notebook's are the first
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(ROOT / "examples" / "course.ipynb"), start=1):
        printed, value = run("".join(cell["source"]), names, f"course.ipynb, cell [{number}]")
        check(cell, printed, value)
    assert names["accuracy"] > 0.75
    assert names["metrics"].accuracy > 0.85
    assert not list(tmp_path.iterdir())
    assert not Path(names["folder"]).exists()
