"""Training, from a network and data to a run with a model in it; and going on with a run that was stopped."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import torch

from hubel.arch import Network, analyse
from hubel.data import Augmentation, Dataset, Preprocessing, Splits
from hubel.tasks import Classification, save_model
from hubel.train._choose import choose
from hubel.train._environment import versions
from hubel.train._events import EpochMetrics, Event, Finished, Listener, Started
from hubel.train._health import NotFiniteError
from hubel.train._machine import settle
from hubel.train._memory import check_memory
from hubel.train._ranks import Ranks, joined, was_restarted
from hubel.train._recipe import Recipe
from hubel.train._run import MODEL, SETTINGS, Run, RunError, create, refuse_existing, write_metrics
from hubel.train._signals import listening
from hubel.train._trainer import Trainer

_VARIED = 3  # epochs from which varied images help; in fewer, the images themselves are new enough


def train(
    network: Network,
    splits: Splits,
    recipe: Recipe | None,
    directory: str | os.PathLike[str],
    *,
    source: Mapping[str, Any] | None = None,
    progress: Listener | None = None,
) -> Run:
    """Train `network` on `splits.train` and leave the run in `directory`, a new folder.

    After each epoch the validation part is measured, or where there is none the test part (which decides nothing).
    Without a recipe, `choose` makes one. `source` says where the data came from (the arguments of `hubel.data.load`),
    for `run.toml`. `progress` is called with each event.

    Raises ValueError where network and data do not fit; NotEnoughMemoryError where a step does not fit; RunError where
    the folder holds a run or another process writes to it; NotFiniteError where the loss stops being a number (the last
    good model is kept); StoppedError after Ctrl-C or SIGTERM, when all is saved.
    """
    directory = Path(directory)
    task = Classification(splits.train.classes)
    task.check(network, splits.train.shape)
    if not len(splits.train):
        raise ValueError(f"{splits.train.name}: expected at least one training image, received none")
    with joined() as ranks:
        if ranks.world > 1 and was_restarted() and (directory / SETTINGS).exists():
            return resume(directory, splits, progress=progress)  # torchrun runs the same line again
        if ranks.is_first:
            _create(network, splits, recipe, directory, source, ranks.world)
        ranks.wait()
        return _train(Run.open(directory), splits, progress, ranks)


def resume(directory: str | os.PathLike[str], splits: Splits, *, progress: Listener | None = None) -> Run:
    """Go on with the run in `directory` where its newest whole checkpoint stands, to the same bits as if it had never
    been stopped (on the same processor and versions). A finished run is returned as it is.

    Raises RunError where there is no run or the data is not what the run was started with, and else as `train`.
    """
    run = Run.open(directory)
    if run.is_finished:
        return run
    expected, received = run.settings["data"]["fingerprint"], fingerprint(splits.train)
    if expected != received:
        raise RunError(
            f"{run.directory}: expected the training images it was started with ({run.settings['data']['name']}, "
            f"fingerprint {expected[:12]}), received others ({splits.train.name}, {received[:12]})"
        )
    with joined() as ranks:
        return _train(run, splits, progress, ranks)


def fingerprint(dataset: Dataset) -> str:
    """A SHA-256 of a set's shape, classes, labels, and up to 4,096 evenly spread images."""
    total = hashlib.sha256(repr((dataset.images.shape, dataset.classes)).encode())
    total.update(np.ascontiguousarray(dataset.labels).data)
    every = max(1, -(-len(dataset) // 4096))
    total.update(np.ascontiguousarray(dataset.images[::every]).data)
    return total.hexdigest()


def _create(
    network: Network,
    splits: Splits,
    recipe: Recipe | None,
    directory: Path,
    source: Mapping[str, Any] | None,
    world: int,
) -> None:
    preprocessing = Preprocessing.for_dataset(splits.train)
    recipe = recipe or choose(network, splits.train)
    check_memory(network, recipe.replace(batch_size=min(recipe.batch_size, len(splits.train))), world)
    if world > 1:  # each process has a core of its own, and measuring alone would say nothing of all
        recipe = recipe.replace(threads=recipe.threads or 1)
    with _locked(directory):
        refuse_existing(directory)
        recipe = settle(recipe, network, *splits.train.tensors(), preprocessing)
        if recipe.augmentation == "auto":
            recipe = recipe.replace(augmentation=str(_augmentation(splits.train, preprocessing, recipe)))
        create(directory, network, recipe, _data_facts(splits, preprocessing, source))


def _train(run: Run, splits: Splits, progress: Listener | None, ranks: Ranks) -> Run:
    with contextlib.ExitStack() as stack:
        if ranks.is_first:
            stack.enter_context(_locked(run.directory))
        stack.enter_context(_threads(run.recipe.threads))
        stop = stack.enter_context(listening(run.directory))
        log = _Log(run, progress) if ranks.is_first else _ignore
        trainer = Trainer(
            run.network, run.recipe, splits.train, _evaluated(splits), run.preprocessing, run.directory, log, ranks
        )
        saved, problems = trainer.store.load_latest()
        if saved is not None:
            trainer.state.load(saved, ranks.rank, ranks.world)
            if ranks.is_first:  # the process may have died between a checkpoint and its row
                write_metrics(run.directory, trainer.state.history)
        torch.set_num_threads(trainer.state.threads)
        ranks.wait()  # so that no checkpoint is written while another process still looks for the newest
        log(_started(run, trainer, len(splits.train), problems))
        try:
            reason = trainer.run(stop)
        except NotFiniteError:
            saved, _ = trainer.store.load_latest()
            if saved is not None and ranks.is_first:
                trainer.state.load(saved)
                _write_model(run, trainer)
            raise
        if ranks.is_first:
            log(Finished(_write_model(run, trainer), reason, trainer.seconds()))
        ranks.wait()
    return run


def _augmentation(training: Dataset, preprocessing: Preprocessing, recipe: Recipe) -> Augmentation:
    if recipe.epochs < _VARIED:
        return Augmentation()
    return Augmentation.for_dataset(training, preprocessing, recipe.epochs)


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _ignore(event: Event) -> None:
    """The other processes say nothing."""


class _Log:
    """Passes events on, and keeps `metrics.csv` up to them."""

    def __init__(self, run: Run, progress: Listener | None) -> None:
        self.run, self.progress = run, progress

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochMetrics):
            write_metrics(self.run.directory, [*self.run.metrics[: event.epoch - 1], event])
        if self.progress is not None:
            self.progress(event)


def _started(run: Run, trainer: Trainer, examples: int, problems: tuple[str, ...]) -> Started:
    parameters = analyse(run.network).parameters
    return Started(run.directory, run.recipe, parameters, examples, trainer.state.step, trainer.steps, problems)


def _write_model(run: Run, trainer: Trainer) -> Path:
    history = trainer.state.history
    last = history[-1] if history else None
    summary: dict[str, Any] = {
        "data": run.settings["data"]["name"],
        "steps": trainer.state.step,
        "epochs": last.epoch if last else 0,
        "recipe": run.recipe.to_dict(),
        "versions": versions(),
    }
    if last is not None and last.evaluated:
        best = history[trainer.state.best_epoch - 1] if trainer.state.best_epoch else last
        summary[last.evaluated] = {"accuracy": best.evaluation_accuracy, "loss": best.evaluation_loss}
    return save_model(
        run.directory / MODEL,
        run.network,
        trainer.final_weights(),
        preprocessing=trainer.preprocessing,
        classes=run.classes,
        summary=summary,
    )


def _evaluated(splits: Splits) -> tuple[str, Dataset] | None:
    if splits.validation is not None and len(splits.validation):
        return "validation", splits.validation
    return ("test", splits.test) if splits.test is not None and len(splits.test) else None


def _data_facts(splits: Splits, preprocessing: Preprocessing, source: Mapping[str, Any] | None) -> dict[str, Any]:
    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        "name": splits.train.name,
        "examples": {name: len(part) for name, part in parts.items() if part is not None},
        "classes": list(splits.train.classes),
        "fingerprint": fingerprint(splits.train),
        "preprocessing": preprocessing.to_json(),
        **({"source": dict(source)} if source else {}),
    }


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(directory / ".lock", timeout=0)
    try:
        with lock:
            yield
    except filelock.Timeout:
        raise RunError(f"{directory}: another process is writing to this run; wait for it or stop it") from None
