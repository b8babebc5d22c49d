"""Nobody asks which task it is: outside `tasks/`, `data/` and `zoo/` there is what tasks say of themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import hubel
from hubel.tasks.names import TASKS

SOURCE = Path(hubel.__file__).parent
OWN = ("tasks/", "data/", "zoo/")
CLASSES = {place.rpartition(":")[2] for place in TASKS.values()}
ASKS = {"getattr", "hasattr", "isinstance", "task_named", "decoding_of", "asking_of", "told"}
ALSO_WORDS = {"caption", "pose"}  # which tables of other things have too
WORTH_PARSING = re.compile(rf"\b(?:{'|'.join((*TASKS, *CLASSES))})\b")


def offenders(path: str, source: str) -> Iterator[str]:
    """Give each place where a source names a task that it is about: `path:line: name`."""
    tree = ast.parse(source) if WORTH_PARSING.search(source) else ast.Module([], [])
    for node in ast.walk(tree):
        names: list[object] = []
        match node:
            case ast.ImportFrom(module=str(module)) if module.startswith("hubel.tasks"):
                home = module.removeprefix("hubel.tasks").strip(".").partition(".")[0]
                names = [home, *(each.name for each in node.names if not home)]
            case ast.Import():
                names = [part for each in node.names for part in each.name.split(".") if "hubel.tasks." in each.name]
            case ast.Compare() | ast.MatchValue():
                names = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
            case ast.Call(func=ast.Name(id=called)) if called in ASKS:
                names = [each.value for each in node.args if isinstance(each, ast.Constant)]
            case ast.Dict():
                names = [each.value for each in node.keys if isinstance(each, ast.Constant)]
                names = [name for name in names if name not in ALSO_WORDS]
            case ast.Subscript(slice=ast.Constant(value=name)):
                names = [name]
            case ast.Attribute(attr=name):
                names = [name for name in [name] if name in CLASSES]
        yield from (f"{path}:{node.lineno}: {name}" for name in names if name in TASKS or name in CLASSES)  # type: ignore[attr-defined]


def test_no_task_is_named_where_tasks_are_used() -> None:
    found: list[str] = []
    for file in sorted(SOURCE.rglob("*.py")):
        path = file.relative_to(SOURCE).as_posix()
        if not path.startswith(OWN):
            found += offenders(path, file.read_text(encoding="utf-8"))
    assert found == [], "these ask which task it is; let tasks say what differs (`hubel.tasks.task`, asking, decoding)"


def test_the_check_finds_what_it_looks_for() -> None:
    source = """
from hubel.tasks import Classification, Task
import hubel.tasks.language.task
from hubel.tasks.detection.answer import Found
def kind(task):
    if task.name == "language" or isinstance(task, tasks.Segmentation):
        return decoding_of("regression")
    return {"detection": 1, "segmentation": 2}[task.name]
words = "of segmentation: a mask"
"""
    assert sorted(offenders("cli/x.py", source)) == [
        "cli/x.py:2: Classification",
        "cli/x.py:3: language",
        "cli/x.py:4: detection",
        "cli/x.py:6: Segmentation",
        "cli/x.py:6: language",
        "cli/x.py:7: regression",
        "cli/x.py:8: detection",
        "cli/x.py:8: segmentation",
    ]
