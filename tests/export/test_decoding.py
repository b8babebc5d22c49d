"""A task says what it makes of scores, and who writes it names no task."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import hubel.export.onnx as onnx_room
from hubel.tasks import decoding
from hubel.tasks.registry import TASKS


def test_onnx_names_no_task() -> None:
    for file in Path(onnx_room.__file__).parent.glob("*.py"):
        words = {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}
        assert not words & {*TASKS}, file.name


def test_what_tasks_make_of_scores_is_known_without_torch() -> None:
    script = "import sys; from hubel.tasks.decoding import decoding_of; " + (
        "print([decoding_of(name).output for name in ('classification', 'regression', 'strange', '../x')], "
        "'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert said == "['probabilities', 'numbers', 'scores', 'scores'] False\n"


class Other:
    name = "levels"
    decoding = decoding.Decoding("levels", "sigmoid")


def test_a_task_of_another_package_says_it_by_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("levels", "somewhere:Other", "hubel.tasks")
    monkeypatch.setattr(decoding, "entry_points", lambda group: [point])
    monkeypatch.setattr("hubel.tasks.registry.task_named", lambda name: Other)
    assert decoding.decoding_of("levels") == Other.decoding
    assert decoding.decoding_of("others") == decoding.Decoding()
