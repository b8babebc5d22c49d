"""Training: a recipe, a run, its progress, and going on to the same bits after any stop."""

from typing import TYPE_CHECKING

from hubel.base.rooms import called
from hubel.nn import check_device
from hubel.tasks import LoadedModel, Metrics, ModelFileError, evaluate, load_model, predict, save_model
from hubel.train._start import open_model, start
from hubel.train._train import resume, train
from hubel.train.distributed.ranks import DisagreementError, LostProcessError
from hubel.train.distributed.rendezvous import is_first_process, start_heartbeat
from hubel.train.distributed.signals import StoppedError
from hubel.train.loop.finder import RateRange, find_learning_rate
from hubel.train.loop.machine.memory import NotEnoughMemoryError
from hubel.train.loop.non_finite import NotFiniteError
from hubel.train.loop.ways.step import Step
from hubel.train.loop.ways.supervised import Supervised
from hubel.train.recipe.choose import choose, fine_tune
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.checkpoint import CheckpointError
from hubel.train.run.events import EpochMetrics, Event, Finished, Listener, Notice, Progress, Started
from hubel.train.run.history import Moment, moments
from hubel.train.run.listeners import TensorBoard, together
from hubel.train.run.run import Run, where_it_stands
from hubel.train.run.settings import RunError
from hubel.train.search.space import Choice, Range, default_space, parse_space, parse_value
from hubel.train.search.sweep import SweepResult, Trial, sweep

called(__name__, start)
sign_in = start_heartbeat  # its name before

if TYPE_CHECKING:
    from hubel.train.run.display import Display

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
    "Step",
    "StoppedError",
    "Supervised",
    "SweepResult",
    "TensorBoard",
    "Trial",
    "check_device",
    "choose",
    "default_space",
    "evaluate",
    "find_learning_rate",
    "fine_tune",
    "is_first_process",
    "load_model",
    "moments",
    "open_model",
    "parse_space",
    "parse_value",
    "predict",
    "resume",
    "save_model",
    "sign_in",
    "start",
    "start_heartbeat",
    "sweep",
    "together",
    "train",
    "where_it_stands",
]


def __getattr__(name: str) -> object:
    if name == "Display":  # brings rich, which training itself does without
        from hubel.train.run.display import Display

        return Display
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
