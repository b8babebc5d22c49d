"""A new run: everything decided and checked before the first step, and written down."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hubel.arch import Network, analyse
from hubel.base import files
from hubel.base.errors import LockedError, SettingError
from hubel.data import Augmentation, Dataset, Preprocessing, Splits
from hubel.nn import Pretrained, build, check_device, load_pretrained, own_randomness
from hubel.tasks import Task, task_of
from hubel.tasks.results import LOSS
from hubel.train.loop.machine.autotune import autotune
from hubel.train.loop.machine.memory import check_memory
from hubel.train.loop.ways.step import Step
from hubel.train.recipe.choose import choose
from hubel.train.recipe.freezing import check_freeze, freeze
from hubel.train.recipe.initialise import pixel_scale
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.begin import check_name, create, refuse_existing
from hubel.train.run.settings import RunError

_VARIED = 3  # epochs from which varied images help; in fewer, the images themselves are new enough


def create_run(
    network: Network,
    splits: Splits,
    recipe: Recipe | None,
    directory: Path,
    source: Mapping[str, Any] | None,
    world: int,
    step: type[Step],
    began: float,
    report: bool,
) -> None:
    """Write the `run.toml` of a new run in `directory`, with nothing left open. Raises as `train`."""
    recipe, task = recipe or choose(network, splits.train), task_of(splits.train)
    _check(recipe, task, splits.train)
    _check_window(recipe, network, task, splits.train.shape)
    taken = _weights(network, splits.train, recipe)
    recipe, preprocessing = pixel_scale(
        recipe, network, Preprocessing.for_dataset(splits.train), taken.about if taken else {}
    )
    check_memory(network, recipe.replace(batch_size=min(recipe.batch_size, len(splits.train))), world)
    if world > 1:  # each process has a core of its own, and measuring alone would say nothing of all
        alone = recipe.compile if recipe.compile != "auto" else "none"  # what is recorded cannot exchange gradients
        recipe = recipe.replace(threads=recipe.threads or 1, compile=alone)
    with locked(directory):
        refuse_existing(directory)
        around, tuned = (began, measured_part(splits)), list[str]()
        recipe = autotune(recipe, step, network, task, splits.train, preprocessing, around, tuned)
        if recipe.augmentation == "auto":
            recipe = recipe.replace(augmentation=str(_augmentation(splits.train, preprocessing, recipe)))
        facts = _data_facts(splits, task, preprocessing, source)
        begin = _beginning(recipe, taken) if taken else {}
        create(directory, network, recipe, facts, begin, step.name, tuned, report)


def measured_part(splits: Splits) -> Dataset | None:
    """What is measured after every epoch: the validation part, else the test part, else nothing."""
    return next((part for part in (splits.validation, splits.test) if part is not None and len(part)), None)


def _check(recipe: Recipe, task: Task, training: Dataset) -> None:
    check_device(recipe.device)
    known = [*[LOSS.name] * task.measures_loss, *(figure.name for figure in task.figures)]
    if recipe.monitor not in known and (recipe.patience or recipe.monitor != LOSS.name):  # a plain recipe has that
        without = ", which the task does not measure" * (recipe.monitor == LOSS.name)
        raise SettingError(
            f"recipe: expected monitor as one of {', '.join(known)}, received {recipe.monitor!r}{without}"
        )
    changes = Augmentation() if recipe.augmentation == "auto" else Augmentation.parse(recipe.augmentation)
    task.check_training(recipe.balance, changes)
    if recipe.views != 1 and not task.about_places:
        raise SettingError(
            f"recipe: expected views 1 for {task.name}, received {recipe.views}; tasks that say something of every "
            "place of an image can have 2"
        )
    if training.fit == "time" and training.shape[1] == 1 and str(changes) != "none":
        raise SettingError(
            f"recipe: expected augmentation 'none' with waveforms, whose samples stay where they are, received "
            f"{recipe.augmentation!r}; networks of spectrograms have sounds moved"
        )


def _check_window(recipe: Recipe, network: Network, task: Task, shape: tuple[int, int, int]) -> None:
    """Raise SettingError where a network cannot take images as small as the windows that they are seen through."""
    if recipe.augmentation == "auto":
        return
    size = Augmentation.parse(recipe.augmentation).size(shape[:2])
    if size == shape[:2]:
        return
    seen = (*size, shape[2])
    try:
        task.check(Network(seen, network.body), seen)
        same = analyse(Network(seen, network.body)).parameters == analyse(network).parameters
    except ValueError:
        same = False
    if not same or not task.about_places:
        raise SettingError(
            f"recipe: expected an augmentation without a window for {network.name or 'this network'}, which takes "
            f"images of {shape[0]}×{shape[1]} alone, received {recipe.augmentation}, through which they are "
            f"{size[0]}×{size[1]}"
        )


def fingerprint(dataset: Dataset) -> str:
    """A SHA-256 of a set's shape, classes, labels, and up to 4,096 evenly spread images."""
    total = hashlib.sha256(repr((dataset.images.shape, dataset.classes)).encode())
    total.update(np.ascontiguousarray(dataset.targets.array).data)
    every = max(1, -(-len(dataset) // 4096))
    total.update(np.ascontiguousarray(dataset.images[::every]).data)
    return total.hexdigest()


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let no other process write to the run in this folder. Raises RunError where one does, or where the folder can
    hold no run.
    """
    check_name(directory)
    try:
        with files.locked(directory / ".lock", wait=False):
            yield
    except LockedError:
        raise RunError(f"{directory}: another process is writing to this run; wait for it or stop it") from None


def _weights(network: Network, training: Dataset, recipe: Recipe) -> Pretrained | None:
    """Try whether the recipe's weights fit and what it freezes is there, on a module that is thrown away."""
    if recipe.weights:
        with own_randomness():
            module = build(network)
        frozen = freeze(module, recipe.freeze)
        taken = load_pretrained(module, recipe.weights, classes=training.classes)
        stuck = next((path for path in taken.fresh if module.get_submodule(path) in frozen), None)
        if stuck is not None:
            raise SettingError(
                f"recipe: expected freeze to name layers that {recipe.weights} has weights for, received "
                f"{recipe.freeze!r}, with {stuck}, which is new and would stay as it was drawn"
            )
        return taken
    if recipe.freeze:
        with torch.device("meta"):
            check_freeze(build(network), recipe.freeze)
    return None


def _beginning(recipe: Recipe, taken: Pretrained) -> dict[str, Any]:
    notes = {"notes": list(taken.notes)} if taken.notes else {}
    return {"source": recipe.weights, "sha256": taken.sha256, "fresh": list(taken.fresh), **notes}


def _augmentation(training: Dataset, preprocessing: Preprocessing, recipe: Recipe) -> Augmentation:
    if recipe.epochs < _VARIED:
        return Augmentation()
    return Augmentation.for_dataset(training, preprocessing, recipe.epochs)


def _data_facts(
    splits: Splits, task: Task, preprocessing: Preprocessing, source: Mapping[str, Any] | None
) -> dict[str, Any]:
    shown = splits.train.targets.order(0, 1).size  # more than there are where they are made on the way
    rejected = [{"path": each.path, "reason": each.reason} for each in splits.rejected]
    return {
        "name": splits.train.name,
        "task": task.name,
        **({"task_settings": task.settings()} if task.settings() else {}),
        "examples": {"training" if name == "train" else name: len(part) for name, part in splits.parts().items()},
        **({"shown": shown} if shown != len(splits.train) else {}),
        "classes": list(task.classes),
        "fingerprint": fingerprint(splits.train),
        "preprocessing": preprocessing.to_json(),
        **({"rejected": rejected} if rejected else {}),
        **({"notes": list(splits.notes)} if splits.notes else {}),
        **({"held_out": dataclasses.asdict(splits.held_out)} if splits.held_out else {}),
        **({"source": dict(source)} if source else {}),
    }
