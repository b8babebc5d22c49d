"""Which tasks there are: those of this package, and those that other packages bring."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hubel.arch import Network
from hubel.base.errors import SettingError, UnknownNameError
from hubel.base.names import did_you_mean
from hubel.data import Dataset, Splits
from hubel.tasks.names import GROUP, TASKS, USUAL
from hubel.tasks.task import Task


class UnknownTaskError(UnknownNameError):
    """A task that nothing installed here knows: which, and what would bring it."""


class TaskImportError(SettingError):
    """A task that another package brings and that cannot be used: which, of which package, why."""


def task_named(name: str) -> type[Task]:
    """The task of a name. Raises UnknownTaskError where there is none, TaskImportError where what brings it fails."""
    if name in TASKS:
        module, _, kind = TASKS[name].partition(":")
        found: type[Task] = getattr(import_module(module), kind)
        return found
    brought = {each.name: each for each in entry_points(group=GROUP)}
    if name in brought:
        return _loaded(brought[name])
    known = [*TASKS, *brought]
    raise UnknownTaskError(
        f"the task {name!r} is not known here{did_you_mean(name, known)}; known are {', '.join(known)}, and a package "
        f"with the entry point {GROUP!r} would bring it"
    )


def _loaded(point: EntryPoint) -> type[Task]:
    try:
        kind = point.load()
    except Exception as error:  # another's code
        raise TaskImportError(
            f"the task {point.name!r} of {point.value} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Task) and getattr(kind, "name", "") == point.name):
        raise TaskImportError(f"expected {point.value} to be a Task called {point.name!r}, and it is not")
    return kind


def load(source: str | os.PathLike[str], *, task: str = "", **settings: Any) -> Splits:
    """The data set that a word or a path means, of any task: folders of images beside masks are for segmentation, what
    a task of another package recognises is for that, all else is for classification. `task` says it otherwise:
    "multilabel" reads several labels an image, "regression" numbers. `settings`: those of `hubel.data.load`, and the
    task's own.
    """
    if not isinstance(source, (str, os.PathLike)):
        raise SettingError(
            f"expected a word, a path, a Dataset or Splits, received {type(source).__name__}; of arrays: "
            "hubel.data.Dataset(images, labels, classes)"
        )
    path = os.fspath(source)
    if task:
        return task_named(task).load(path, **settings)
    kind, notes = task_of_source(path)
    splits = kind.load(path, **settings)
    return replace(splits, notes=(*notes, *splits.notes)) if notes else splits


def task_of_source(path: str) -> tuple[type[Task], list[str]]:
    """The task that a source is data of, and what is to be said of tasks that could not be asked."""
    notes = []
    for name in (*TASKS, *(each.name for each in entry_points(group=GROUP))):
        try:
            kind = task_named(name)
        except TaskImportError as error:
            notes.append(f"{error}; whether this is data of it was not asked")
            continue
        if kind.recognises(path):
            return kind, notes
    return task_named(USUAL), notes


def task_of(dataset: Dataset) -> Task:
    """The task of saying what a set's targets say."""
    return task_named(dataset.targets.task).for_dataset(dataset)


def task_of_network(network: Network) -> str:
    """The name of the task that a network is for whatever the data; "" where the data says it."""
    return next((name for name in TASKS if task_named(name).wants(network)), "")
