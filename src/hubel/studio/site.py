"""The studio as files for any web server: hubel's own analysis runs in the page, by Pyodide in a worker."""

from __future__ import annotations

import ast
import gzip
import io
import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from hubel import zoo
from hubel.base.files import made_place, write_atomically
from hubel.base.words import json_text
from hubel.studio.answers import answered
from hubel.studio.digits import DIGIT_FILES, digits_file
from hubel.studio.page import FIRST_WIDTH, site_page
from hubel.studio.pyodide import FILES
from hubel.view.writers.linked import web_file

ROOMS = ("base", "view", "arch", "zoo", "draw", "code", "advise", "studio/answers")  # what an answer is made of
_ALONE = ("__init__.py", "studio/__init__.py")
_DATED = (2020, 1, 1, 0, 0, 0)


def site_files(pyodide: Path, course: dict[str, Any] | None = None) -> dict[str, bytes]:
    """Every file of the site by its path in the folder; the same network of files is the same bytes.

    course: a teacher's exercises (`hubel.studio.course`) in place of hubel's own.
    """
    found = {f"zoo/{name}.json": _known(name).encode() for name in zoo.names()}
    found |= {f"pyodide/{_served(name)}": (pyodide / name).read_bytes() for name in FILES}
    found |= {name: digits_file(name) for name in DIGIT_FILES}
    found["hubel.bin"] = gzip.compress(python_archive(), 9, mtime=0)
    found["worker.js"] = web_file("studio", "worker.js").encode()
    found["index.html"] = site_page(course).encode()
    found["sw.js"] = _service_worker(found).encode()
    return found


def _served(name: str) -> str:
    """The name of a file as every web server sends it for what it is: many know no .mjs, which browsers then refuse."""
    return name.replace(".mjs", ".js")


def write_site(folder: Path, pyodide: Path, course: dict[str, Any] | None = None) -> dict[str, int]:
    """Write the site into a folder, and return the sizes of its files in bytes. Files of others stay.

    Raises FileError where it cannot be written.
    """
    made = site_files(pyodide, course)
    for name in made:
        made_place((folder / name).parent)
    last = ("index.html", "sw.js")  # which name the others
    for name, content in sorted(made.items(), key=lambda each: each[0] in last):
        write_atomically(folder / name, content)
    return {name: len(content) for name, content in made.items()}


def python_archive() -> bytes:
    """What of hubel answers questions, as a zip: its Python files alone, always the same bytes.

    It packs nothing itself, so that all of it is packed as one; comments and the descriptions of modules and functions
    are left out, while those of classes are words that pages show.
    """
    stream = io.BytesIO()
    root = Path(__file__).parents[1]
    paths = [Path(name) for name in _ALONE]
    for room in ROOMS:
        paths += [each.relative_to(root) for each in (root / room).rglob("*.py")]
    with ZipFile(stream, "w") as archive:
        for path in sorted(paths, key=lambda each: each.parts):
            text = (root / path).read_text(encoding="utf-8")
            archive.writestr(ZipInfo(f"hubel/{path.as_posix()}", _DATED), _undescribed(text))
    return stream.getvalue()


def _undescribed(text: str) -> str:
    """A program without comments, and without what its modules and functions say of themselves."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node, False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@cache
def _known(name: str) -> str:
    """What the page asks about a network of the zoo, for as long as Python is not there."""
    network = answered("network", {"name": name})
    text = {"text": network["text"]}
    drawn: dict[str, Any] = {**text, "width": FIRST_WIDTH}
    held = {"network": network, "design": answered("design", drawn), "figures": answered("figures", text)}
    return json_text(held, compact=True)


def _service_worker(made: dict[str, bytes]) -> str:
    """The service worker, which keeps exactly these files."""
    digest = sha256()
    for name, content in sorted(made.items()):
        digest.update(name.encode() + b"\0" + sha256(content).digest())
    program = web_file("studio", "sw.js")
    names = json.dumps(["./", *(name for name in made if name != "index.html")])
    kept = f'const KEPT = "hubel-studio-{digest.hexdigest()[:16]}";\nconst FILES = {names};\n'
    return program.replace("// KEPT and FILES are written here by hubel site\n", kept)
