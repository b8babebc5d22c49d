"""What a network is trained for and judged by: its targets, loss, metrics and decoding; and the one-file model.

There is one task so far, classification: one class of a fixed list for every image.
"""

from hubel.base.errors import ModelFileError
from hubel.base.files import write_atomically
from hubel.base.model_file import WholenessWarning
from hubel.tasks._classification import (
    Classification,
    ClassMetrics,
    Metrics,
    Objective,
    Targets,
    count,
    evaluate,
    figures,
    measure,
    predict,
)
from hubel.tasks._confusion import Confusion, confusion
from hubel.tasks._model import LoadedModel, load_model, save_model

__all__ = [
    "ClassMetrics",
    "Classification",
    "Confusion",
    "LoadedModel",
    "Metrics",
    "ModelFileError",
    "Objective",
    "Targets",
    "WholenessWarning",
    "confusion",
    "count",
    "evaluate",
    "figures",
    "load_model",
    "measure",
    "predict",
    "save_model",
    "write_atomically",
]
