"""Training, from a network and data to a run with a model in it; and going on with a run that was stopped."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hubel.arch import Network, analyse
from hubel.base.errors import DataError, FullDiskError, SettingError
from hubel.base.plain import MISREAD
from hubel.data import Dataset, Splits, Validation, hold_out
from hubel.nn import Pretrained
from hubel.nn.threads import threads
from hubel.tasks import Task, save_model, task_of
from hubel.train._agree import agree, facts, settings_of
from hubel.train._create import create_run, fingerprint, locked, measured_part
from hubel.train._words import before_all, of_the_budget
from hubel.train.distributed.ranks import Ranks
from hubel.train.distributed.rendezvous import job, joined, noticing_loss, several, start_heartbeat, was_restarted
from hubel.train.distributed.signals import StopRequest, listening
from hubel.train.loop.machine.allocator import kept_memory
from hubel.train.loop.machine.memory import is_out_of_memory, out_of_memory
from hubel.train.loop.machine.same_bits import same_bits
from hubel.train.loop.non_finite import NotFiniteError
from hubel.train.loop.trainer import Trainer
from hubel.train.loop.ways.step import Step
from hubel.train.loop.ways.steps import step_named
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.changes import change_epochs, record_change, record_failure, refuse_failed
from hubel.train.run.checkpoint import CHECKPOINTS, Checkpoint, CheckpointError, CheckpointStore
from hubel.train.run.events import Finished, Listener, Notice, Started
from hubel.train.run.metrics import write_metrics
from hubel.train.run.record import Record
from hubel.train.run.run import MODEL, SETTINGS, Run
from hubel.train.run.settings import RunError


def train(
    network: Network,
    splits: Splits,
    recipe: Recipe | None,
    directory: str | os.PathLike[str],
    *,
    validation: Validation = "auto",
    source: Mapping[str, Any] | None = None,
    progress: Listener | None = None,
    step: type[Step] | None = None,
    began: float | None = None,
    report: bool = True,
) -> Run:
    """Train `network` on `splits.train` and leave the run in `directory`, a new folder.

    After each epoch the validation part is measured, or where there is none the test part (which decides nothing).
    Where there is neither, or a patient recipe has no validation part, images are held out (`hubel.data.hold_out`);
    `validation` is the share to hold out, 0 for none. Without a recipe, `choose` makes one. `source` says where the
    data came from (the arguments of `hubel.data.load`), for `run.toml`. `progress` is called with each event. `step` is
    how a batch changes weights, by default as the task has it. `began` is the moment (`time.perf_counter()`) from which
    a time budget counts, by default this one. `report` is whether a page of the run is wanted, which `run.toml` keeps
    for whoever goes on with it.

    Raises ValueError where network, data and weights do not fit; NotEnoughMemoryError where a step does not fit, at
    once or later (the last checkpoint is kept); RunError where the folder holds a run or another process writes to it;
    NotFiniteError where the loss stops being a number (the last good model is kept); LostProcessError where another
    process of this training ends or hangs; DisagreementError where another was started with different data, network,
    recipe or versions; StoppedError after Ctrl-C or SIGTERM, when all is saved;
    FullDiskError where there is no room for the run (`resume` goes on from the last checkpoint).
    """
    directory, began = Path(directory), time.perf_counter() if began is None else began
    start_heartbeat()
    splits = _with_validation(splits, recipe, validation)
    own = facts(network, splits, recipe, directory) if several() else {}
    with joined() as ranks, kept_memory():
        agree(ranks, own)
        task = task_of(splits.train)
        task.check(network, splits.train.shape)
        step = step or step_named(task.step)
        _need_training_images(splits)
        # torchrun runs the same line again; machines count for themselves how often
        again = ranks.most([float(was_restarted())])[0] > 0

        def begin() -> None:
            if not (again and _is_of_this_job(directory)):
                create_run(network, splits, recipe, directory, source, ranks.world, step, began, report)

        ranks.alone(begin)  # one decides for all, since a run may appear between two looks at the folder
        run = Run.open(directory)
        agree(ranks, settings_of(run))
        return (_go_on if again else _train)(run, splits, progress, ranks, step, began)


def _need_training_images(splits: Splits) -> None:
    if not len(splits.train):
        there = " and ".join(f"{name} ({len(part):,})" for name, part in splits.parts().items())
        only = f", {there} alone; --parts train=FOLDER says which folder to train on" if there else ""
        raise DataError(f"{splits.train.name}: expected at least one training image, received none{only}")


def _with_validation(splits: Splits, recipe: Recipe | None, validation: Validation) -> Splits:
    if isinstance(validation, float) and validation and splits.validation is not None and splits.held_out is None:
        raise DataError(
            f"{splits.train.name}: expected no share to hold out, since there is a validation part of "
            f"{len(splits.validation):,} images, received validation {validation:g}"
        )
    patient = recipe is not None and recipe.patience > 0
    splits = hold_out(splits, "needed" if patient and validation == "auto" else validation)
    if patient and splits.validation is None:
        raise DataError(
            f"{splits.train.name}: expected a validation part, by which patience = {recipe.patience if recipe else 0} "
            "stops and keeps the best, received none; hold some out (validation 0.2), or set patience to 0"
        )
    return splits


def resume(
    directory: str | os.PathLike[str],
    splits: Splits,
    *,
    micro_batch: int | None = None,
    epochs: float | None = None,
    progress: Listener | None = None,
    step: type[Step] | None = None,
) -> Run:
    """Go on with the run in `directory` where its newest whole checkpoint stands, to the same bits as if it had never
    been stopped (on the same processor and versions). A finished run is returned as it is.

    `epochs` is another number of epochs, in all, for a finished run too: what is left of the schedule is laid over the
    steps that are left; where nothing is, it begins anew, and the rate rises to its peak again. `run.toml` says from
    which step on.

    `micro_batch` is for a run that ran out of memory: from here on so many images are computed at a time. The order,
    the steps and their rates stay; what changes is the order in which gradients are added and, with batch
    normalisation, that statistics are of so many images. `run.toml` says from which step on.

    Raises RunError where there is no run, where it failed (see `Run.failure`), where so many epochs are done already,
    or where the data is not what the run was started with; and else as `train`.
    """
    began = time.perf_counter()
    start_heartbeat()
    run = Run.open(directory)
    own = {**facts(run.network, splits, run.recipe, run.directory), **settings_of(run)} if several() else {}
    with joined() as ranks, kept_memory():
        agree(ranks, own)
        step = step or step_named(run.task.step)
        return _go_on(run, splits, progress, ranks, step, began, micro_batch, epochs)


def _is_of_this_job(directory: Path) -> bool:
    if not (directory / SETTINGS).exists():
        return False
    return bool(Run.open(directory).settings["environment"].get("job", "") == job())


def _go_on(
    run: Run,
    splits: Splits,
    progress: Listener | None,
    ranks: Ranks,
    step: type[Step],
    began: float,
    micro_batch: int | None = None,
    epochs: float | None = None,
) -> Run:
    if ranks.most([float(run.is_finished)])[0] and (epochs is None or epochs == run.recipe.epochs):
        return run
    refuse_failed(run)
    splits = run.parted(splits)
    if run.step != step.name:
        raise RunError(
            f"{run.directory}: expected the step {run.step!r}, by which it was begun, received {step.name!r}; go on "
            "with: resume(…, step=…)"
        )
    expected, received = run.settings["data"]["fingerprint"], fingerprint(splits.train)
    if expected != received:
        raise RunError(
            f"{run.directory}: expected the training images it was started with ({run.settings['data']['name']}, "
            f"fingerprint {expected[:12]}), received others ({splits.train.name}, {received[:12]})"
        )
    told: list[str] = []

    def change() -> None:
        if micro_batch is not None and micro_batch != run.recipe.micro_batch:
            with locked(run.directory):
                record_change(run, CheckpointStore(run.directory / CHECKPOINTS).latest_step(), micro_batch=micro_batch)
        if epochs is not None and epochs != run.recipe.epochs:
            with locked(run.directory):
                told.append(change_epochs(Run.open(run.directory), epochs))

    ranks.alone(change)
    return _train(Run.open(run.directory), splits, progress, ranks, step, began, told)


def _train(
    run: Run,
    splits: Splits,
    progress: Listener | None,
    ranks: Ranks,
    step: type[Step],
    began: float,
    told: Sequence[str] = (),
) -> Run:
    if ranks.world > 1 and not step.shared:
        raise SettingError(
            f"expected one process, since the step {step.name!r} carries what is remembered from batch to batch, "
            f"received {ranks.world}"
        )
    with contextlib.ExitStack() as stack:
        if ranks.is_first:
            stack.enter_context(locked(run.directory))
        stack.enter_context(_naming_the_way_on(run.directory))
        stack.enter_context(threads(run.recipe.threads))
        stop = stack.enter_context(listening(run.directory))
        if ranks.world > 1:
            stack.enter_context(noticing_loss())
        log = Record(run, progress if ranks.is_first else None, ranks.is_first)
        stack.enter_context(same_bits(run.recipe.device, run.recipe.deterministic, lambda words: log(Notice(words))))
        trainer = Trainer(
            step,
            run.network,
            run.recipe,
            run.task,
            splits.train,
            _evaluated(splits),
            run.preprocessing,
            run.directory,
            log,
            ranks,
            run.leg,
        )
        saved, problems = _newest(trainer.store, ranks)
        if saved is not None:
            _go_back(trainer, saved, ranks)
            if ranks.is_first:  # the process may have died between a checkpoint and its row
                write_metrics(run.directory, trainer.state.history)
                log.rows = list(trainer.state.history)
        taken = _take_weights(run, trainer) if saved is None and run.recipe.weights else None
        for module in trainer.state.how.modules.values():
            ranks.share(module)
        torch.set_num_threads(trainer.state.threads)
        ranks.wait()  # so that no checkpoint is written while another process still looks for the newest
        log(_started(run, trainer, len(splits.train), problems))
        ended = [row for row in log.rows if row.step == trainer.state.done]
        if ended and ended[-1].epoch not in {each.epoch for each in log.samples}:  # died between checkpoint and sample
            trainer.show(ended[-1])
        if run.recipe.time_budget:
            trainer.until = began + run.recipe.time_budget - (trainer.state.seconds if saved is not None else 0)
        first = before_all(run, splits, taken) if saved is None else ()
        for note in (*told, *of_the_budget(run, trainer.until - time.perf_counter(), saved is None), *first):
            log(Notice(note))
        reason = _steps(run, trainer, ranks, stop)
        task, weights, figures = trainer.settled(trainer.final_weights())
        if ranks.is_first:
            log(Finished(_write_model(run, trainer, task, weights, figures), reason, trainer.seconds()))
        ranks.wait()
    return Run.open(run.directory)  # what was found on the way stands in its file


def _steps(run: Run, trainer: Trainer, ranks: Ranks, stop: StopRequest) -> str:
    """All steps, and why they ended. Where the loss stopped being a number, the last good model is kept."""
    try:
        return trainer.run(stop)
    except NotFiniteError as error:
        if ranks.is_first:
            _keep_last_good(run, trainer, str(error))
        ranks.wait()  # torchrun stops all when the first one ends
        raise
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        short = str(error)
    # raised here, where nothing holds on to the step's memory any more
    raise out_of_memory(short, run, trainer.store.latest_step(), ranks.world)


def _go_back(trainer: Trainer, saved: Checkpoint, ranks: Ranks) -> None:
    try:
        trainer.state.load(saved, ranks.rank, ranks.world)
    except CheckpointError as error:
        raise CheckpointError(f"{trainer.store.folder}: {error}; begin another run") from None
    except (RuntimeError, *MISREAD) as error:
        first = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{trainer.store.folder}: the newest checkpoint is not of this run ({type(error).__name__}: {first})"
        ) from None


def _newest(store: CheckpointStore, ranks: Ranks) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """Load the checkpoint that the first process finds to be the newest: from two steps, all would wait for ever."""
    saved, problems = store.load_latest()
    own = -1 if saved is None else _step_of(saved, store)
    chosen = ranks.of_first(own)
    if chosen == own:
        return saved, problems
    return (None if chosen < 0 else store.load(chosen)), problems


def _step_of(saved: Checkpoint, store: CheckpointStore) -> int:
    step = saved.about.get("step")
    if not isinstance(step, int):
        raise CheckpointError(f"{store.folder}: the newest checkpoint does not say of which step it is")
    return step


@contextlib.contextmanager
def _naming_the_way_on(directory: Path) -> Iterator[None]:
    try:
        yield
    except FullDiskError as error:
        raise FullDiskError(f"{error}; then go on with: hubel train --resume {directory}") from None


def _take_weights(run: Run, trainer: Trainer) -> Pretrained:
    begin = run.settings["weights"]
    return trainer.state.take_weights(begin["source"], run.classes, begin["sha256"])


def _keep_last_good(run: Run, trainer: Trainer, message: str) -> None:
    record_failure(run.directory, message, trainer.state.done)
    saved, _ = trainer.store.load_latest()
    if saved is not None:
        trainer.state.load(saved)
        _write_model(run, trainer, run.task, trainer.final_weights(), {}, {"failure": message})


def _started(run: Run, trainer: Trainer, examples: int, problems: tuple[str, ...]) -> Started:
    return Started(
        directory=run.directory,
        recipe=run.recipe,
        task=run.task,
        parameters=analyse(run.network).parameters,
        trained=sum(each.numel() for each in trainer.state.how.network.parameters() if each.requires_grad),
        examples=examples,
        step=trainer.state.done,
        steps=trainer.steps,
        problems=problems,
        example=run.example,
    )


def _write_model(
    run: Run,
    trainer: Trainer,
    task: Task,
    weights: Mapping[str, torch.Tensor],
    figures: Mapping[str, float],
    more: Mapping[str, Any] | None = None,
) -> Path:
    """figures: where they are others than on the way: of answers from two views, or of scores that were divided."""
    state = trainer.state
    return save_model(
        run.directory / MODEL,
        run.network,
        weights,
        preprocessing=trainer.preprocessing,
        task=task,
        summary=run.summary(state.history, state.best_epoch, state.done, more, figures),
    )


def _evaluated(splits: Splits) -> tuple[str, Dataset] | None:
    part = measured_part(splits)
    return None if part is None else ("validation" if part is splits.validation else "test", part)
