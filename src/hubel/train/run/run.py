"""A run: the folder with all that made a model, and the model. Every file in it can be read without this library."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hubel.arch import Network, analyse, own_layers, parse
from hubel.base.errors import FileError
from hubel.base.files import read_text, write_atomically
from hubel.base.limits import check
from hubel.base.model_file import WholenessWarning, why_unread
from hubel.data import Preprocessing, Splits, hold_out
from hubel.tasks import LoadedModel, Task, load_model, task_named
from hubel.train.recipe.recipe import Recipe, read_toml, write_toml
from hubel.train.run.checkpoint import CheckpointStore
from hubel.train.run.events import EpochMetrics
from hubel.train.run.settings import FORMAT, RunError, read_settings, write_settings

SETTINGS, METRICS, MODEL, CHECKPOINTS = "run.toml", "metrics.csv", "model.safetensors", "checkpoints"
FAILURE = "failure.toml"


@dataclasses.dataclass(frozen=True)
class Run:
    """A training run in a folder: `run.toml`, `metrics.csv`, `checkpoints/`, and at the end `model.safetensors`.

    directory: the folder. network: what was trained. recipe: with nothing left open. settings: all of `run.toml`.
    """

    directory: Path
    network: Network
    recipe: Recipe
    settings: Mapping[str, Any]

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
            return cls(directory, network, Recipe.from_dict(settings["recipe"]), settings)
        except RunError:
            raise
        except FileNotFoundError:
            found = f"received one without {SETTINGS}" if directory.exists() else "found nothing there"
            raise RunError(f"{directory}: expected a run's folder, {found}") from None
        except (TypeError, ValueError) as error:
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
    def task(self) -> Task:
        """What it was trained for."""
        data = self.settings["data"]
        name = data.get("task", "classification")
        return task_named(name).from_settings(self.classes, data.get("task_settings", {}))

    @property
    def preprocessing(self) -> Preprocessing:
        """How images were prepared."""
        return Preprocessing.from_json(self.settings["data"]["preprocessing"])

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
        found, kept = _rows(path), CheckpointStore(self.directory / CHECKPOINTS).latest_history()
        told = [_shown(row.to_row()) for row in found]
        if kept is not None and told != [_shown(row) for row in kept[: len(told)]]:
            warnings.warn(
                f"{path}: other figures than the newest checkpoint has, whose are used; it was changed or damaged",
                WholenessWarning,
                stacklevel=2,
            )
            return tuple(EpochMetrics.from_row(row) for row in kept)
        return found

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end and the model is written."""
        return (self.directory / MODEL).exists() and self.failure is None

    @property
    def failure(self) -> str | None:
        """Why training failed for good, which is a loss that is not finite; None where it did not."""
        path = self.directory / FAILURE
        try:
            return str(read_toml(read_text(path))["message"]) if path.exists() else None
        except (KeyError, ValueError, FileError) as error:
            raise RunError(f"{path}: cannot be read: {type(error).__name__}: {error}") from None

    def model(self) -> LoadedModel:
        """The trained model; where training failed, that of the last good checkpoint, with "failure" in its summary.

        Raises RunError where training has not ended, or failed before there was a model to keep; ModelFileError where
        the file is damaged.
        """
        if (self.directory / MODEL).exists():
            return load_model(self.directory / MODEL)
        if self.failure is not None:
            raise RunError(f"{self.directory}: training failed and there is no model: {self.failure}")
        raise RunError(f"{self.directory}: training has not ended; go on with: hubel train --resume {self.directory}")


def refuse_failed(run: Run) -> None:
    """Raise RunError where training failed, since going on to the same bits would fail at the same step."""
    if run.failure is None:
        return
    file = run.directory / MODEL
    remedy = (
        f"from the last good model: … --weights {file} --learning-rate …" if file.exists() else "with another recipe"
    )
    raise RunError(
        f"{run.directory}: training failed and would fail again at the same step: {run.failure}. Start another run "
        f"{remedy}"
    )


def record_failure(directory: Path, message: str, step: int) -> None:
    """Write down that training failed for good after `step` steps, before the model that is kept is written."""
    write_atomically(directory / FAILURE, write_toml({"message": message, "step": step}))


def record_change(run: Run, step: int, **settings: Any) -> Run:
    """Give a run's recipe other settings from step `step` on, and write that to `run.toml`; return the run."""
    recipe = run.recipe.replace(**settings)
    changes = [*run.settings.get("changes", ()), {"step": step, **settings}]
    changed = {**run.settings, "recipe": recipe.to_dict(), "changes": changes}
    write_settings(run.directory / SETTINGS, changed)
    return dataclasses.replace(run, recipe=recipe, settings=changed)


def refuse_existing(directory: Path) -> None:
    """Raise RunError where the folder holds a run already."""
    if (directory / SETTINGS).exists():
        raise RunError(f"{directory}: there is a run already; go on with: hubel train --resume {directory}")


def create(
    directory: Path, network: Network, recipe: Recipe, data: Mapping[str, Any], weights: Mapping[str, Any], step: str
) -> Run:
    """Write the `run.toml` of a new run. `weights` says what it starts from; empty where from random ones. `step` is
    the name of how batches change weights.
    """
    from hubel.train.run.environment import environment

    path = directory / SETTINGS
    directory.mkdir(parents=True, exist_ok=True)
    settings = {
        "format": FORMAT,
        "network": str(network),
        "network_name": network.name,
        "step": step,
        "recipe": recipe.to_dict(),
        "data": dict(data),
        **({"layers": own} if (own := own_layers(network)) else {}),
        **({"weights": dict(weights)} if weights else {}),
        "environment": environment(),
    }
    write_settings(path, settings)
    return Run(directory, network, recipe, settings)


def write_metrics(directory: Path, rows: Sequence[EpochMetrics]) -> None:
    """Write all rows to `metrics.csv`, whole or not at all."""
    text = io.StringIO(newline="")
    columns = [row.to_row() for row in rows]
    writer = csv.DictWriter(text, columns[0] if columns else (), lineterminator="\n")
    writer.writeheader()
    writer.writerows(columns)
    write_atomically(directory / METRICS, text.getvalue())


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    """A row to compare: NaN is NaN."""
    return {name: repr(value) for name, value in row.items()}


def _rows(path: Path) -> tuple[EpochMetrics, ...]:
    check("header", path.stat().st_size, str(path))
    lines = csv.DictReader(io.StringIO(read_text(path), newline=""))
    rows: list[EpochMetrics] = []
    try:
        for fields in lines:
            rows.append(EpochMetrics.from_row(fields))
            if rows[-1].epoch != len(rows):
                raise ValueError(f"expected epoch {len(rows)}, received {rows[-1].epoch}")
    except (csv.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"{path}: line {lines.line_num} cannot be read: {error}; the same figures stand in the newest of "
            f"{CHECKPOINTS}/*.json"
        ) from None
    return tuple(rows)
