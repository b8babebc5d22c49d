"""Which tasks there are, by name, and what their folders say of them. Nothing here loads torch."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

TASKS = {
    "classification": "hubel.tasks.classification.task:Classification",
    "segmentation": "hubel.tasks.segmentation.task:Segmentation",
    "pose": "hubel.tasks.pose.task:Pose",
    "detection": "hubel.tasks.detection.task:Detection",
    "caption": "hubel.tasks.caption.task:Captioning",
    "multilabel": "hubel.tasks.multilabel.task:Multilabel",
    "regression": "hubel.tasks.regression.task:Regression",
    "colorize": "hubel.tasks.colorize.task:Colorize",
    "synthesis": "hubel.tasks.synthesis.task:Synthesis",
    "speech": "hubel.tasks.speech.task:Speech",
    "play": "hubel.tasks.play.task:Play",
    "language": "hubel.tasks.language.task:Language",
}
GROUP = "hubel.tasks"  # of entry points, by which other packages bring theirs
USUAL = "classification"  # of data that no other task recognises, and of files that do not say


def told(task: str, file: str, otherwise: Any) -> Any:
    """What a task of that name says of itself under FILE ("decoding", "asking"), without torch: its folder's FILE.py
    has it in capitals, the class of one that another package brings as an attribute, or what it derives from.
    `otherwise` where none does.
    """
    if task in TASKS:  # looking for what other packages bring takes some milliseconds
        there = (Path(__file__).parent / task / f"{file}.py").is_file()
        return getattr(import_module(f"hubel.tasks.{task}.{file}"), file.upper()) if there else otherwise
    if any(point.name == task for point in entry_points(group=GROUP)):
        from hubel.tasks.registry import task_named  # which loads torch

        for kind in task_named(task).__mro__:
            if file in vars(kind):
                return vars(kind)[file]
            if vars(kind).get("name") in TASKS:
                return told(vars(kind)["name"], file, otherwise)
    return otherwise
