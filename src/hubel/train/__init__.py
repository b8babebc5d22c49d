"""Training: a recipe, a run, its progress, and going on to the same bits after any stop."""

from typing import TYPE_CHECKING

from hubel.tasks import LoadedModel, Metrics, ModelFileError, evaluate, load_model, predict, save_model
from hubel.train._checkpoint import CheckpointError
from hubel.train._choose import choose, fine_tune
from hubel.train._events import EpochMetrics, Event, Finished, Listener, Notice, Progress, Started
from hubel.train._finder import RateRange, find_learning_rate
from hubel.train._health import NotFiniteError
from hubel.train._history import Moment, moments
from hubel.train._listeners import TensorBoard, together
from hubel.train._meeting import is_first_process, sign_in
from hubel.train._memory import NotEnoughMemoryError
from hubel.train._ranks import DisagreementError, LostProcessError
from hubel.train._recipe import Recipe
from hubel.train._run import Run, RunError
from hubel.train._signals import StoppedError
from hubel.train._space import Choice, Range, default_space, parse_space, parse_value
from hubel.train._sweep import SweepResult, Trial, sweep
from hubel.train._train import resume, train

if TYPE_CHECKING:
    from hubel.train._display import Display

__all__ = [
    "CheckpointError",
    "Choice",
    "DisagreementError",
    "Display",
    "EpochMetrics",
    "Event",
    "Finished",
    "Listener",
    "LoadedModel",
    "LostProcessError",
    "Metrics",
    "ModelFileError",
    "Moment",
    "NotEnoughMemoryError",
    "NotFiniteError",
    "Notice",
    "Progress",
    "Range",
    "RateRange",
    "Recipe",
    "Run",
    "RunError",
    "Started",
    "StoppedError",
    "SweepResult",
    "TensorBoard",
    "Trial",
    "choose",
    "default_space",
    "evaluate",
    "find_learning_rate",
    "fine_tune",
    "is_first_process",
    "load_model",
    "moments",
    "parse_space",
    "parse_value",
    "predict",
    "resume",
    "save_model",
    "sign_in",
    "sweep",
    "together",
    "train",
]


def __getattr__(name: str) -> object:
    if name == "Display":  # brings rich, which training itself does without
        from hubel.train._display import Display

        return Display
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
