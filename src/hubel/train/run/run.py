"""A run: the folder with all that made a model, and the model. Every file in it can be read without this library."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hubel.arch import Network, analyse, parse
from hubel.base.errors import FileError, LockedError, TensorFileError
from hubel.base.exported import other_form
from hubel.base.files import locked, read_text
from hubel.base.headers import read_about, read_header
from hubel.base.model_file import ENTRY, WholenessWarning, why_unread
from hubel.base.names import near_path
from hubel.base.plain import MISREAD
from hubel.base.toml import read_toml
from hubel.base.words import read_back
from hubel.data import Preprocessing, Splits, hold_out
from hubel.nn import build
from hubel.tasks import LoadedModel, Task, load_model, save_model, task_named
from hubel.tasks.names import USUAL
from hubel.tasks.registry import TaskImportError, UnknownTaskError
from hubel.tasks.results import examples_of
from hubel.train.recipe.balance import passes
from hubel.train.recipe.recipe import Recipe
from hubel.train.recipe.schedule import WHOLE, Leg
from hubel.train.run.checkpoint import CHECKPOINTS, Checkpoint, CheckpointError, CheckpointStore, weights_that_count
from hubel.train.run.environment import versions
from hubel.train.run.events import EpochMetrics
from hubel.train.run.metrics import METRICS, comparable, read_metrics
from hubel.train.run.samples import Sample, read_samples
from hubel.train.run.settings import RunError, read_settings
from hubel.train.run.standing import Standing, kept_epoch, rows_of
from hubel.view.words.result import Part, Result
from hubel.view.words.tables import Table

SETTINGS, MODEL = "run.toml", "model.safetensors"
FAILURE = "failure.toml"
ON_THE_WAY = "on_the_way"  # in a summary: the figures that training measured, where the model has others
_ONE_VIEW = "one_view"  # what files of before call them


@dataclasses.dataclass(frozen=True, repr=False)
class Run(Result):
    """A training run in a folder: `run.toml`, `metrics.csv`, `checkpoints/`, and at the end `model.safetensors`.

    directory: the folder. network: what was trained. recipe: with nothing left open. settings: all of `run.toml`.
    """

    directory: Path
    network: Network
    recipe: Recipe
    settings: Mapping[str, Any]

    def shown(self) -> list[Part]:
        """What was trained, how, where it stands, and its epochs."""
        rows, names = self.metrics, [figure.name for figure in self.task.figures]
        state = "finished" if self.is_finished else "failed" if self.failure else "not finished"
        epochs = f"{min(len(rows), self.recipe.epochs):g} of {self.recipe.epochs:g} epochs"
        name = f"{self.network.title} in {self.directory}: {state}, {epochs}"
        evaluated = next((row.evaluated for row in rows if row.evaluated), "")
        titles = ("#epoch", "#loss", *(f"#{evaluated} {one}" for one in names if evaluated))
        cells = [
            (
                row.epoch,
                row.training.get("loss"),
                *(row.evaluation[one] if row.evaluated else None for one in names if evaluated),
            )
            for row in rows
        ]
        return [name, str(self.recipe), *([Table(titles, cells)] if cells else [])]

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> Run:
        """The run in this folder. Raises RunError where there is none or its `run.toml` cannot be read."""
        directory = Path(directory)
        path = directory / SETTINGS
        try:
            settings = read_settings(path)
            network = dataclasses.replace(parse(settings["network"]), name=settings["network_name"])
            analyse(network)
            Preprocessing.from_json(settings["data"]["preprocessing"])
            found = cls(directory, network, Recipe.from_dict(settings["recipe"]), settings)
            _ = found.task, found.leg
            return found
        except RunError:
            raise
        except (UnknownTaskError, TaskImportError) as error:
            raise RunError(f"{path}: {error}") from None
        except FileNotFoundError:
            near = near_path(os.fspath(directory))
            there = f"received one without {SETTINGS}" if directory.exists() else f"found nothing there{near}"
            what = other_form(directory) or f"expected a run's folder, {there}"
            raise RunError(f"{directory}: {what}") from None
        except MISREAD as error:
            raise RunError(why_unread(path, settings, error, "what it says")) from None

    @property
    def network_text(self) -> str:
        """The network's text form."""
        return str(self.network)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of the outputs."""
        return tuple(self.settings["data"]["classes"])

    @property
    def step(self) -> str:
        """The name of how batches changed its weights: "supervised" for most."""
        return str(self.settings.get("step", "supervised"))

    @property
    def source(self) -> dict[str, Any]:
        """How its data was read, arguments of `hubel.tasks.load`; nothing where that is not known. Images of tasks of
        places, whose size a rule chose, are of the size that the network has.
        """
        found = dict(self.settings["data"].get("source", {}))
        if isinstance(found.get("source"), str):
            found["source"] = read_back(found["source"])
        if found and self.task.about_places:
            found.setdefault("size", self.network.input[:2])
        return {**found, **({"size": tuple(found["size"])} if "size" in found else {})}

    @property
    def gone(self) -> str:
        """What is to be said where its data lies no more where it lay; "" where it does, or is no path."""
        where = self.source.get("source")
        if not isinstance(where, str) or not os.path.isabs(where) or set("{*?[") & set(where) or os.path.exists(where):
            return ""
        return f"{where}: the data of {self.directory} is not there any more"

    @property
    def wants_report(self) -> bool:
        """Whether a page of it is wanted: not where it was begun without."""
        return bool(self.settings.get("report", True))

    @property
    def task(self) -> Task:
        """What it was trained for."""
        data = self.settings["data"]
        name = data.get("task", USUAL)
        return task_named(name).from_settings(self.classes, data.get("task_settings", {}))

    @property
    def preprocessing(self) -> Preprocessing:
        """How images were prepared."""
        return Preprocessing.from_json(self.settings["data"]["preprocessing"])

    @property
    def example(self) -> tuple[str, str]:
        """What it was trained on, one and many: images, sounds, or what its task has."""
        return examples_of(self.task, self.preprocessing.fit)

    @property
    def measured(self) -> str:
        """What it is measured on: many examples, or of some tasks something else."""
        return self.task.measured_by or self.example[1]

    @property
    def asked(self) -> str:
        """What `hubel predict RUN` is to be given for an answer."""
        return self.task.asked.replace("IMAGE", self.example[0].upper())

    def parted(self, splits: Splits) -> Splits:
        """The data of this run, read again, with the same images held out for validation as when it began."""
        told = self.settings["data"].get("held_out")
        return hold_out(splits, told["share"]) if told else splits

    @property
    def metrics(self) -> tuple[EpochMetrics, ...]:
        """The rows of `metrics.csv`, one an epoch; none before the first is over.

        Where the newest checkpoint has other figures, its are given, and a WholenessWarning. Raises RunError where the
        file cannot be read.
        """
        path = self.directory / METRICS
        if not path.exists():
            return ()
        found, kept = read_metrics(path), CheckpointStore(self.directory / CHECKPOINTS).latest_about(rows_of)
        if kept is not None and list(map(comparable, found)) != list(map(comparable, kept[: len(found)])):
            warnings.warn(
                f"{path}: other figures than the newest checkpoint has, whose are used; it was changed or damaged",
                WholenessWarning,
                stacklevel=2,
            )
            return kept
        return found

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What the model made at the end of each epoch, where its task has it make something."""
        return read_samples(self.directory)

    @property
    def epoch_steps(self) -> int:
        """How many steps show all training images once."""
        data, seen = self.settings["data"], self.preprocessing
        examples = int(data["examples"]["training"])
        shown = int(data.get("shown", examples)) * passes(self.recipe, (seen.height, seen.width))
        return max(1, shown // min(self.recipe.batch_size, examples))

    @property
    def steps(self) -> int:
        """How many steps its epochs are."""
        return max(1, round(self.recipe.epochs * self.epoch_steps))

    @property
    def leg(self) -> Leg:
        """Where its schedule's course to the end begins: later than at step 0 where epochs were changed on the way."""
        legs = [each for each in self.settings.get("changes", ()) if "schedule_done" in each]
        return Leg(int(legs[-1]["step"]), float(legs[-1]["schedule_done"])) if legs else WHOLE

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end, and the model of it is written."""
        path, begins = self.directory / MODEL, self.leg.step
        if not path.exists() or self.failure is not None:
            return False
        return not begins or _steps_of(path) > begins

    @property
    def goes_on(self) -> bool:
        """Whether a process is training it now."""
        lock = self.directory / ".lock"
        try:
            with contextlib.nullcontext() if not lock.exists() else locked(lock, wait=False):
                return False
        except LockedError:
            return True
        except OSError:  # nobody may write there
            return False

    @property
    def failure(self) -> str | None:
        """Why training failed for good, which is a loss that is not finite; None where it did not."""
        path = self.directory / FAILURE
        try:
            return str(read_toml(read_text(path))["message"]) if path.exists() else None
        except (FileError, *MISREAD) as error:
            raise RunError(f"{path}: cannot be read: {type(error).__name__}: {error}") from None

    def model(self) -> LoadedModel:
        """The trained model; where training failed, that of the last good checkpoint, with "failure" in its summary;
        where it was stopped or goes on, as the newest checkpoint has it, with "stopped" in its summary.

        Raises RunError where there is neither model nor checkpoint; ModelFileError where the file is damaged.
        """
        path = self.directory / MODEL
        if self.failure is not None and not path.exists():
            raise RunError(f"{self.directory}: training failed and there is no model: {self.failure}")
        if self.failure is not None or self.is_finished:
            return load_model(path)
        saved, problems = CheckpointStore(self.directory / CHECKPOINTS).load_latest()
        for problem in problems:
            warnings.warn(f"{problem}; the checkpoint before is used", WholenessWarning, 2)
        if saved is not None:
            return self._model_of(saved)
        if path.exists():
            return load_model(path)
        if self.goes_on:
            raise RunError(
                f"{self.directory}: training goes on and has not come to its first checkpoint, so there is no model "
                "yet; wait for it"
            )
        raise RunError(
            f"{self.directory}: training was stopped before its first checkpoint, so there is no model yet; go on "
            f"with: hubel train --resume {self.directory}"
        )

    def model_file(self) -> Path:
        """The file of `model()`: `model.safetensors`, or where training has not ended `model-step-NUMBER.safetensors`,
        which is written from the newest checkpoint. Raises as `model`.
        """
        if self.is_finished or self.failure is not None:
            return self.directory / MODEL
        found = self.model()
        path = self.directory / f"model-step-{found.summary['steps']}.safetensors"
        summary = dict(found.summary)
        if "stopped" in summary:  # not whether it goes on, which is true for a while alone
            summary["stopped"] = {name: each for name, each in summary["stopped"].items() if name != "goes_on"}
        return save_model(
            path,
            found.network,
            found.module,
            preprocessing=found.preprocessing,
            task=found.task,
            summary=summary,
        )

    @property
    def kept(self) -> EpochMetrics:
        """Of a run that has ended, the row of the epoch whose weights its model has: the last, or the best one. It has
        the figures of the model, which may look at images more often than it did on the way, or be less sure.
        """
        rows, path = self.metrics, self.directory / MODEL
        summary = read_about(path, read_header(path), ENTRY)["summary"]
        own = summary.get(rows[-1].evaluated, {})
        told = summary.get(ON_THE_WAY, summary.get(_ONE_VIEW, own))
        fits = (row for row in reversed(rows) if told.items() <= row.evaluation.items())
        kept = next(fits, rows[-1])
        return dataclasses.replace(kept, evaluation={**kept.evaluation, **own}) if told is not own else kept

    def summary(
        self,
        history: Sequence[EpochMetrics],
        best_epoch: int,
        steps: int,
        more: Mapping[str, Any] | None = None,
        own: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """What a model file says of its training, after so many steps. own: the figures of a model that answers from
        two views of an image, or whose scores are divided; those of training are told beside.
        """
        last = history[-1] if history else None
        found: dict[str, Any] = {
            "data": self.settings["data"]["name"],
            "steps": steps,
            "epochs": last.epoch if last else 0,
            "recipe": self.recipe.to_dict(),
            "versions": versions(),
            **(more or {}),
        }
        if last is not None and last.evaluated:
            told = {last.evaluated: (history[best_epoch - 1] if best_epoch else last).evaluation}
            told = {last.evaluated: own, ON_THE_WAY: told[last.evaluated]} if own else told
            for part, figures in told.items():
                found[part] = {name: value for name, value in figures.items() if not math.isnan(value)}
        return found

    def _model_of(self, saved: Checkpoint) -> LoadedModel:
        """The model as a checkpoint has it: the best epoch's weights where the recipe keeps them, else its own."""
        weights, stands = weights_that_count(saved.tensors), self._standing(saved)
        step, best = stands.step, kept_epoch(self.recipe, self.task.primary, stands.history, stands.best_epoch)
        if best:
            kept = CheckpointStore(self.directory / CHECKPOINTS).best_weights()
            weights, best = (weights, 0) if kept is None else (kept, best)
        with torch.device("meta"):
            module: nn.Module = build(self.network)
        kinds = {name: tensor.dtype for name, tensor in module.state_dict().items()}
        try:
            if any(tensor.dtype != kinds.get(name, tensor.dtype) for name, tensor in weights.items()):
                raise TypeError
            module.load_state_dict(weights, assign=True)
        except (RuntimeError, TypeError):
            raise RunError(
                f"{self.directory}: its newest checkpoint does not hold the network's weights by their names and kinds "
                f"(step {self.step!r}); the model is there when training has ended"
            ) from None
        stopped = {"step": step, "steps": self.steps, "epoch": step / self.epoch_steps, "epochs": self.recipe.epochs}
        stopped |= {"goes_on": True} if self.goes_on else {}
        summary = self.summary(stands.history, best, step, {"stopped": stopped})
        return LoadedModel(self.network, module.eval(), self.preprocessing, self.task, summary)

    def _standing(self, saved: Checkpoint) -> Standing:
        try:
            return Standing.of(saved)
        except CheckpointError as error:
            raise CheckpointError(f"{self.directory / CHECKPOINTS}: {error}; begin another run") from None


def where_it_stands(summary: Mapping[str, Any]) -> str:
    """What is to be said of a model whose training has not come to its end, by its summary; "" of all others."""
    if "failure" in summary:
        return f"training failed; this is its last good model, of step {summary['steps']}"
    if "stopped" not in summary:
        return ""
    at = summary["stopped"]
    how = "goes on, and was" if at.get("goes_on") else "was stopped"
    return (
        f"training {how} at epoch {at['epoch']:.3g} of {at['epochs']:.4g} (step {at['step']:,} of "
        f"{at['steps']:,}); this is its model so far"
    )


def _steps_of(path: Path) -> float:
    """After how many steps a model was written."""
    try:
        return float(read_about(path, read_header(path), ENTRY)["summary"]["steps"])
    except (TensorFileError, *MISREAD):  # whoever opens it says so
        return math.inf
