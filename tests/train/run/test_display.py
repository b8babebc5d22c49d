"""What one reads while training goes on."""

from __future__ import annotations

import math

import pytest

from hubel.tasks import Classification, Task
from hubel.tasks.segmentation.task import Segmentation
from hubel.train.run.display import epoch_line
from hubel.train.run.events import EpochMetrics

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
    assert said in epoch_line(event, task)
