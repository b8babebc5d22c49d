"""What a network is trained for and judged by: its targets, loss, figures and answers; and the one-file model.

A task is a folder: `classification` says one class of a fixed list for every image, `segmentation` one for every pixel.
Others come from packages with the entry point `hubel.tasks`; `Task` says what one has to say of itself.
"""

from hubel.base.errors import ModelFileError
from hubel.base.files import write_atomically
from hubel.base.model_file import WholenessWarning
from hubel.tasks.classification.confusion import Confusion, confusion
from hubel.tasks.classification.metrics import ClassMetrics, Metrics
from hubel.tasks.classification.task import Classification, Objective, predict
from hubel.tasks.measure import count, evaluate, measure
from hubel.tasks.model import LoadedModel, load_model, require, save_model
from hubel.tasks.registry import UnknownTaskError, load, task_named, task_of
from hubel.tasks.task import Answer, Counts, Figure, Measured, Section, Table, Task

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
    "predict",
    "require",
    "save_model",
    "task_named",
    "task_of",
    "write_atomically",
]
