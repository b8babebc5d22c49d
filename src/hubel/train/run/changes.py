"""What becomes of a run on the way: that it failed, other settings, other epochs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hubel.base.files import write_atomically
from hubel.base.toml import write_toml
from hubel.train.run.checkpoint import CHECKPOINTS, CheckpointStore
from hubel.train.run.run import FAILURE, MODEL, SETTINGS, Run
from hubel.train.run.settings import RunError, read_settings, write_settings
from hubel.train.run.standing import Standing


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
    recipe = run.recipe.replace(**{name: value for name, value in settings.items() if name != "schedule_done"})
    changes = [*run.settings.get("changes", ()), {"step": step, **settings}]
    changed = {**run.settings, "recipe": recipe.to_dict(), "changes": changes}
    write_settings(run.directory / SETTINGS, changed)
    return dataclasses.replace(run, recipe=recipe, settings=changed)


def record_found(directory: Path, **found: Any) -> None:
    """Write to `run.toml` what was found out on the way, under the names of its entries; None takes one away."""
    path = directory / SETTINGS
    entries = {**read_settings(path), **found}
    write_settings(path, {name: entry for name, entry in entries.items() if entry is not None})


def change_epochs(run: Run, epochs: float) -> str:
    """Give a run another number of epochs from its newest whole checkpoint on, write that to `run.toml`, and say what
    its schedule does. Raises RunError where so many are done, or where its patience is over.
    """
    saved, _ = CheckpointStore(run.directory / CHECKPOINTS).load_latest()
    stands = Standing.of(saved) if saved else None
    step = stands.step if stands else 0
    recipe = run.recipe.replace(epochs=epochs, time_budget=0.0)
    if dataclasses.replace(run, recipe=recipe).steps <= step:
        raise RunError(
            f"{run.directory}: expected more epochs than the {step / run.epoch_steps:.4g} that are done, received "
            f"{epochs:g}"
        )
    best, last = (stands.best_epoch, len(stands.history)) if stands else (0, 0)
    if recipe.patience and best and last - best >= recipe.patience:
        raise RunError(
            f"{run.directory}: its patience is over, since no epoch after {best} was better, so that more epochs would "
            f"end at once; train another from its model: … --weights {run.directory}"
        )
    leg = run.leg.onward(step, run.steps)
    record_change(run, step, epochs=recipe.epochs, time_budget=0.0, schedule_done=leg.done)
    told = f"{epochs:g} epochs instead of {run.recipe.epochs:.4g}, from step {step:,} on: "
    if leg.done:
        return told + "what is left of the learning rate's schedule is laid over the steps that are left"
    if not step:
        return told + "the learning rate's schedule has all of them"
    return told + f"the schedule was at its end, so that the learning rate rises to {recipe.learning_rate:g} again"
