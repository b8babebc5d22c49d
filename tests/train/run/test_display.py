"""What one reads while training goes on."""

from __future__ import annotations

import io
import math

import pytest

from hubel.tasks import Classification, Task
from hubel.tasks.segmentation.task import Segmentation
from hubel.train.run.display import Display, epoch_line
from hubel.train.run.events import EpochMetrics, Progress
from hubel.view.words.terminal import Terminal

TASKS: dict[str, tuple[Task, dict[str, float], dict[str, float], str]] = {
    "the same figure": (Classification(("a", "b")), {"accuracy": 0.15}, {"accuracy": 0.09}, "validation   9.00%"),
    "another figure": (
        Segmentation(("a", "b"), (0, 1), ((0, 0, 0), (9, 9, 9))),
        {"pixel_accuracy": 0.15},
        {"mean_iou": 0.09, "pixel_accuracy": 0.2},
        "validation mean IoU   9.00%",
    ),
}


@pytest.mark.parametrize("case", TASKS)
def test_a_figure_of_validation_that_is_not_the_trainings_is_named(case: str) -> None:
    task, training, evaluation, said = TASKS[case]
    losses = {"loss": math.log(2)}
    event = EpochMetrics(1, 10, 0.1, losses | training, "validation", losses | evaluation, 1000.0, 8.0)
    assert said in epoch_line(event, task, task.example[1])


def test_a_pipe_gets_a_line_at_least_every_ten_seconds_with_the_time_left() -> None:
    written, now = io.StringIO(), [0.0]
    show = Display(Terminal(file=written, width=200), clock=lambda: now[0])
    lines = []
    for tenth in range(400):
        now[0] = tenth / 10
        before = written.getvalue().count("\n")
        show(Progress(1, 3, tenth, 1200, {"loss": 1.5, "accuracy": 0.25}, 100.0, 90.0 - tenth / 10))
        if written.getvalue().count("\n") > before:
            lines.append(now[0])
    gaps = [later - earlier for earlier, later in zip([0.0, *lines], [*lines, now[0]], strict=True)]
    assert 4 <= len(lines) <= 5
    assert max(gaps) <= 10
    first = "epoch 1/3, step 90 of 1,200  loss 1.5000  accuracy  25.00%  100 images/s  1:21 left"
    assert written.getvalue().splitlines()[0] == first
