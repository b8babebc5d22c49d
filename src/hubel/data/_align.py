"""The labels of one set in the classes of another, or of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from hubel.base.errors import DataError
from hubel.data._dataset import Dataset
from hubel.data._targets import Labels
from hubel.data.sources.listing import folded, some


def align(dataset: Dataset, classes: Sequence[str]) -> tuple[Dataset, tuple[str, ...]]:
    """The set's images whose classes are among these, labelled in their order, and what is to be said of it.

    Names in other letters' case are the same where only one can be meant, and whole numbers from 0 on, as arrays have
    them, are those of the classes where no class is called by one. Images of other classes are left out, copied;
    classes without images stay without. Of another task than classification, as its targets have it (`aligned`).

    Raises DataError where no class is among these.
    """
    own = dataset.classes
    if own == tuple(classes):
        return dataset, ()
    if not isinstance(dataset.targets, Labels):
        try:
            targets, told = dataset.targets.aligned(classes)
        except DataError as error:
            raise DataError(f"{dataset.name or 'the data set'}: {error}") from None
        return dataclasses.replace(dataset, targets=targets, classes=targets.classes), told
    exact = {name: number for number, name in enumerate(classes)}
    alike = {folded(name): number for number, name in enumerate(classes)}
    certain = len(alike) == len(classes)
    by_number = _are_numbers_of(own, classes)
    found = (
        list(map(int, own))
        if by_number
        else [exact.get(name, alike.get(folded(name), -1) if certain else -1) for name in own]
    )
    numbers, counts = np.array(found, np.int64), dataset.targets.class_counts()
    there = counts > 0
    if not (numbers[there] >= 0).any():
        raise DataError(
            f"{dataset.name or 'the data set'}: expected images of the classes {some(classes, 12)}, received "
            f"{some(own, 12)}; give its classes those names"
        )
    notes = []
    other = [(name, classes[n]) for name, n, some_ in zip(own, found, there, strict=True) if some_ and n >= 0]
    renamed = [f"{name} is {called}" for name, called in other if name != called]
    if renamed:
        how = "by their numbers" if by_number else "in another spelling"
        notes.append(f"classes {how}: {some(renamed, 5)}")
    unknown = [f"{name} ({count:,})" for name, n, count in zip(own, found, counts, strict=True) if n < 0 and count]
    if unknown:
        notes.append(f"left out: images of classes that are not among those of the model, {some(unknown, 5)}")
    without = [name for number, name in enumerate(classes) if number not in set(numbers[there].tolist())]
    if without:
        notes.append(f"no image of {some(without, 5)}")
    labels = numbers[dataset.labels]
    if unknown:
        rows = np.flatnonzero(labels >= 0)
        dataset, labels = dataset.take(rows), labels[rows]
    aligned = Dataset(dataset.images, labels, tuple(classes), dataset.name, dataset.fit, dataset.levels, dataset.paths)
    return aligned, tuple(notes)


def _are_numbers_of(own: Sequence[str], classes: Sequence[str]) -> bool:
    """Whether these are numbers of classes, of which none is called by a number."""
    whole = all(name.isascii() and name.isdecimal() and int(name) < len(classes) for name in own)
    return "0" in own and whole and not any(name.isdecimal() for name in classes)
