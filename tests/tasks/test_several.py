"""Two processes that train any task on pictures count what one alone counts of the model that they wrote."""

import pickle

import pytest

from hubel import tasks
from hubel.data import hold_out
from hubel.tasks import evaluate
from hubel.train import Run
from tests.tasks.little import LITTLE
from tests.train.several import Several
from tests.work import HANG

PROGRAM = """
import pickle, sys
from tests.tasks.killed import trained
trained(*pickle.loads(bytes.fromhex(sys.argv[1])))
"""


class Two(Several):
    """Two processes that train one run."""

    def __init__(self, little, directory):
        line = ["-c", PROGRAM, pickle.dumps((little, directory)).hex()]
        self.start(directory.parent, [line] * 2, (0, 0), {})


@pytest.mark.parametrize("task", ["classification", "segmentation", "detection", "pose", "colorize"])
def test_two_processes_count_what_one_counts(task, tmp_path):
    little = LITTLE[task](tmp_path / "data")
    with Two(little, tmp_path / "run") as both:
        assert [each.wait(HANG) for each in both.processes] == [0, 0], both.said(0) + both.said(1)
    run = Run.open(tmp_path / "run")
    model = run.model()
    last = run.metrics[-1]
    alone = evaluate(model, hold_out(tasks.load(little.source, **little.settings), 0.25).validation)
    for figure in model.task.figures:
        value = alone.figures[figure.name]
        assert last.evaluation[figure.name] == pytest.approx(value, rel=1e-3, abs=1e-4, nan_ok=True), figure.name
