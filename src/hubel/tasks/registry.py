"""Which tasks there are: those of this package, and those that other packages bring."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from hubel.base.errors import UnknownNameError
from hubel.base.names import did_you_mean
from hubel.data import Dataset, Splits
from hubel.tasks.task import Task

TASKS = {
    "classification": "hubel.tasks.classification.task:Classification",
    "segmentation": "hubel.tasks.segmentation.task:Segmentation",
}
GROUP = "hubel.tasks"  # of entry points, by which other packages bring theirs


class UnknownTaskError(UnknownNameError):
    """A task that nothing installed here knows: which, and what would bring it."""


def task_named(name: str) -> type[Task]:
    """The task of a name. Raises UnknownTaskError where there is none."""
    if name in TASKS:
        module, _, kind = TASKS[name].partition(":")
        found: type[Task] = getattr(import_module(module), kind)
        return found
    brought = {each.name: each for each in entry_points(group=GROUP)}
    if name in brought:
        kind_of: type[Task] = brought[name].load()
        return kind_of
    known = [*TASKS, *brought]
    raise UnknownTaskError(
        f"the task {name!r} is not known here{did_you_mean(name, known)}; known are {', '.join(known)}, and a package "
        f"with the entry point {GROUP!r} would bring it"
    )


def load(source: str | os.PathLike[str], *, task: str = "", **settings: Any) -> Splits:
    """The data set that a word or a path means, of any task: folders of images beside masks are for segmentation, all
    else is for classification. `task` says it otherwise. `settings`: those of `hubel.data.load`, and the task's own.
    """
    path = os.fspath(source)
    names = [task] if task else [*TASKS, *(each.name for each in entry_points(group=GROUP))]
    kinds = [task_named(name) for name in names]
    chosen = next((kind for kind in kinds if kind.recognises(path)), kinds[0])
    return chosen.load(path, **settings)


def task_of(dataset: Dataset) -> Task:
    """The task of saying what a set's targets say."""
    return task_named(dataset.targets.task).for_dataset(dataset)
