"""Holding a part of the training images out, for validation: whether, how many and which, by one rule."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hubel.base.errors import SettingError
from hubel.base.files import cache_folder, made_folder
from hubel.data._alike import Traces, exact_copies, same_pictures, traces_of_arrays
from hubel.data._dataset import Dataset, HeldOut, Splits
from hubel.data._targets import Targets

Validation = float | Literal["auto", "needed"]
"""What to hold out: this share of each class where there is no validation part, 0 for nothing; "auto" the usual share
where there is neither validation nor test part; "needed" the usual share where there is no validation part."""

IN_MEMORY = 64 * 2**20  # bytes of images up to which they are read into memory, above which they are mapped
_FEW = 5_000  # images below which a tenth would measure too coarsely
_SMALLER, _LARGER = 0.1, 0.2


def share_to_hold_out(validation: Validation, parts: Mapping[str, int]) -> float:
    """The share of each class to hold out of the training images of a set with so many images a part; 0 for none. Where
    no share is named it is a fifth of fewer than 5,000 images, a tenth of more.

    Raises ValueError where it is not a share.
    """
    if validation in ("auto", "needed"):
        if not parts.get("train") or parts.get("validation") or (parts.get("test") and validation == "auto"):
            return 0.0
        return _LARGER if parts["train"] < _FEW else _SMALLER
    if isinstance(validation, (str, bool)) or not 0 <= validation < 1:
        raise SettingError(
            f"expected a share from 0 to below 1 to hold out for validation, or auto, received {validation!r}"
        )
    return 0.0 if parts.get("validation") or not parts.get("train") else float(validation)


def to_hold_out(parts: Mapping[str, int], noun: str) -> list[str]:
    """What is to be said of a set with so many pictures a part: how many are held out in training, where any are."""
    share, count = share_to_hold_out("auto", parts), parts.get("train", 0)
    if not share or count < 2:
        return []
    number = min(max(round(share * count), 1), count - 1)
    held = f"{number:,} of the {count:,} {noun}s {'is' if number == 1 else 'are'} held out for validation"
    return [f"in training, about {held} ({share:.0%}; near-duplicates go together)"]


def held_out(
    traces: Traces, targets: Targets, share: float, fit: str | None = None
) -> tuple[npt.NDArray[np.bool_], HeldOut]:
    """Which images to hold out, about this share of each class (see `Targets.strata`), and what that comes to. fit: how
    they are brought to their size, sounds by "time".

    The choice is a function of what the images show, not of their order and names. Images that show the same picture
    are on the same side. Of each class of at least two, one is held out where that can be, and one always stays.
    Unreadable images are not counted.
    """
    labels, classes = targets.strata()
    counts = np.bincount(labels[traces.readable], minlength=len(classes))
    groups = same_pictures(traces, sounds=fit == "time")
    copies = exact_copies(traces) + len(groups)
    for rows in _pictures(groups, traces):  # one picture nearly all over a class tells nothing; exact copies still do
        if len(rows) > 1 and (2 * np.bincount(labels[rows], minlength=len(counts)) > counts).any():
            groups[rows] = copies[rows]
    wanted = np.where(counts > 1, np.clip(np.rint(share * counts), 1, np.maximum(counts - 1, 1)), 0)
    out = _chosen(_pictures(groups, traces), labels, counts, wanted)
    own = np.bincount(labels[out], minlength=len(classes))
    kept = {name: int(counts[i]) for i, name in enumerate(classes) if counts[i] and not own[i]}
    less = {name: [int(own[i]), int(counts[i])] for i, name in enumerate(classes) if 0 < own[i] < 0.75 * wanted[i]}
    most = _most(wanted, counts)
    more = {name: [int(own[i]), int(counts[i])] for i, name in enumerate(classes) if own[i] > most[i]}
    noun = "training sounds" if fit == "time" else HeldOut.noun
    each = targets.stratum if len(classes) > 1 else ""
    return out, HeldOut(share, int(out.sum()), int(counts.sum()), kept, each, noun, less, more)


def hold_out(splits: Splits, validation: Validation) -> Splits:
    """The splits with images moved from the training part into a new validation part as `validation` says, copied."""
    train = splits.train
    share = share_to_hold_out(validation, {name: len(part) for name, part in splits.parts().items()})
    if not share or not train.targets.apart:
        return splits
    out, told = held_out(traces_of_arrays(train.images, train.fit == "time"), train.targets, share, train.fit)
    if not out.any():
        return dataclasses.replace(splits, held_out=told)
    own = _taken(train, out).renamed(f"{train.name.removesuffix(' train')} validation")
    return dataclasses.replace(splits, train=_taken(train, ~out), validation=own, held_out=told)


def _taken(dataset: Dataset, chosen: npt.NDArray[np.bool_]) -> Dataset:
    """These examples: copied, and those of a memory map into a map of a file that goes with the process."""
    rows = np.flatnonzero(chosen)
    if not isinstance(dataset.images, np.memmap) or dataset.images[:1].nbytes * len(rows) <= IN_MEMORY:
        return dataset.take(rows)
    with tempfile.TemporaryFile(dir=made_folder(cache_folder())) as file:
        for first in range(0, len(rows), 64):
            file.write(np.ascontiguousarray(dataset.take(rows[first : first + 64]).images).data)
        file.flush()
        images = np.memmap(file, np.uint8, "r", shape=(len(rows), *dataset.shape))
    return dataclasses.replace(dataset, images=images, targets=dataset.targets.take(rows), paths=dataset.paths_of(rows))


def _pictures(groups: npt.NDArray[np.int64], traces: Traces) -> list[npt.NDArray[np.int64]]:
    """The readable images of each group, in the order of the groups' least contents."""
    rank = exact_copies(traces)
    order = np.lexsort((rank, groups))
    order = order[traces.readable[order]]
    pieces = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(order) else []
    return sorted(pieces, key=lambda rows: int(rank[rows[0]]))


def _most(wanted: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """How many of each class are about what is wanted, and no more."""
    return np.minimum(np.maximum(wanted + 1, 1.5 * wanted), counts - 1)


def _chosen(
    pictures: Sequence[npt.NDArray[np.int64]],
    labels: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.float64],
) -> npt.NDArray[np.bool_]:
    most = _most(wanted, counts)
    own = np.zeros(len(counts), np.int64)
    out = np.zeros(len(labels), bool)

    def take(rows: npt.NDArray[np.int64], limit: npt.NDArray[Any]) -> None:
        there, number = np.unique(labels[rows], return_counts=True)
        if (own[there] < wanted[there]).all() and (own[there] + number <= limit[there]).all():
            own[there] += number
            out[rows] = True

    for rows in pictures:
        take(rows, most)
    for rows in sorted(pictures, key=len):  # of classes that have large groups alone, the smallest
        if not own[labels[rows]].any():
            take(rows, counts - 1)
    return out
