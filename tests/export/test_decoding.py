"""A task says what it makes of scores, and who writes it names no task."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from hubel.tasks import decoding, names


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
    monkeypatch.setattr(names, "entry_points", lambda group: [point])
    monkeypatch.setattr("hubel.tasks.registry.task_named", lambda name: Other)
    assert decoding.decoding_of("levels") == Other.decoding
    assert decoding.decoding_of("others") == decoding.Decoding()
