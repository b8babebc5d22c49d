"""What a network is trained for and judged by: its targets, loss, figures and answers; and the one-file model.

A task is a folder: `classification` says one class of a fixed list for every image, `segmentation` one for every pixel.
Others come from packages with the entry point `hubel.tasks`; `Task` says what one has to say of itself.

Names are imported when they are first used: what answers without PyTorch (`hubel.export`) reads this room too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubel.base.rooms import later

if TYPE_CHECKING:
    from hubel.base.errors import ModelFileError
    from hubel.base.files import write_atomically
    from hubel.base.model_file import WholenessWarning
    from hubel.data import Targets
    from hubel.tasks.answer import Answer
    from hubel.tasks.classification.confusion import Confusion, confusion
    from hubel.tasks.classification.metrics import ClassMetrics, Metrics
    from hubel.tasks.classification.task import Classification, Objective, predict
    from hubel.tasks.measure import count, evaluate, measure
    from hubel.tasks.model import LoadedModel, need_examples, need_files, need_pictures, require_names
    from hubel.tasks.model_file import load_model, save_model
    from hubel.tasks.registry import UnknownTaskError, load, task_named, task_of, task_of_network, task_of_source
    from hubel.tasks.results import Figure, Measured, Section, Table
    from hubel.tasks.task import Counts, Task

_HOMES = {
    "Answer": "hubel.tasks.answer",
    "ClassMetrics": "hubel.tasks.classification.metrics",
    "Classification": "hubel.tasks.classification.task",
    "Confusion": "hubel.tasks.classification.confusion",
    "Counts": "hubel.tasks.task",
    "Figure": "hubel.tasks.results",
    "LoadedModel": "hubel.tasks.model",
    "Measured": "hubel.tasks.results",
    "Metrics": "hubel.tasks.classification.metrics",
    "ModelFileError": "hubel.base.errors",
    "Objective": "hubel.tasks.classification.task",
    "Section": "hubel.tasks.results",
    "Table": "hubel.tasks.results",
    "Targets": "hubel.data",
    "Task": "hubel.tasks.task",
    "UnknownTaskError": "hubel.tasks.registry",
    "WholenessWarning": "hubel.base.model_file",
    "confusion": "hubel.tasks.classification.confusion",
    "count": "hubel.tasks.measure",
    "evaluate": "hubel.tasks.measure",
    "load": "hubel.tasks.registry",
    "load_model": "hubel.tasks.model_file",
    "measure": "hubel.tasks.measure",
    "need_examples": "hubel.tasks.model",
    "need_files": "hubel.tasks.model",
    "need_pictures": "hubel.tasks.model",
    "predict": "hubel.tasks.classification.task",
    "require_names": "hubel.tasks.model",
    "save_model": "hubel.tasks.model_file",
    "task_named": "hubel.tasks.registry",
    "task_of": "hubel.tasks.registry",
    "task_of_network": "hubel.tasks.registry",
    "task_of_source": "hubel.tasks.registry",
    "write_atomically": "hubel.base.files",
}

__all__ = [
    "Answer",
    "ClassMetrics",
    "Classification",
    "Confusion",
    "Counts",
    "Figure",
    "LoadedModel",
    "Measured",
    "Metrics",
    "ModelFileError",
    "Objective",
    "Section",
    "Table",
    "Targets",
    "Task",
    "UnknownTaskError",
    "WholenessWarning",
    "confusion",
    "count",
    "evaluate",
    "load",
    "load_model",
    "measure",
    "need_examples",
    "need_files",
    "need_pictures",
    "predict",
    "require_names",
    "save_model",
    "task_named",
    "task_of",
    "task_of_network",
    "task_of_source",
    "write_atomically",
]


__getattr__ = later(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
