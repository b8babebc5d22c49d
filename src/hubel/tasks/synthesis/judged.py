"""How good made pictures are, counted: distances beside their floors, and how often each class is made."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel.arch import analyse
from hubel.data import Dataset
from hubel.nn import evaluation_mode
from hubel.tasks import task
from hubel.tasks.model import LoadedModel
from hubel.tasks.outputs import outputs
from hubel.tasks.synthesis.distance import features, few_pictures, frechet, moments
from hubel.tasks.synthesis.pictures import pictures

_NUMBER, _FEWEST = 10_000, 1_000  # pictures that are counted
_WORK = 300_000_000_000  # multiply-adds that making them may take
_AT_ONCE = 500
_FIXED = "a fixed network of two convolutions, never trained"


def how_good(
    model: LoadedModel, dataset: Dataset, training: Dataset | None, judge: LoadedModel | None, told: str
) -> list[task.Section]:
    """Fréchet's distances of made pictures to a set's, beside those of as many `training` pictures, in a fixed
    network's features and in those of a `judge`, which also says of what class they are. told: which judge it is, or
    why there is none.
    """
    work = analyse(model.network).macs
    number = min(_NUMBER, max(_FEWEST, _WORK // max(1, work)))
    made, real = torch.from_numpy(pictures(model, number, seed=0)), _some(dataset, _NUMBER)
    some = None if training is None else _some(training, number)
    fixed = _fixed(real)
    of = [(_FIXED, *_distances(_fixed(made), fixed, None if some is None else _fixed(some)))]
    shares = None
    if judge is not None:
        makes, seen = _judged(judge, made), _judged(judge, real)
        learnt = None if some is None else _judged(judge, some)
        name = f"the {makes.features.shape[1]:,} numbers before the last layer of {judge.network.title}"
        of.append((name, *_distances(makes.features, seen.features, None if learnt is None else learnt.features)))
        shares = _shares(judge, makes, seen, learnt)
    note = f"{number:,} made pictures, of noise of seed 0, beside {len(real):,} of {dataset.name or 'the set'}."
    if some is not None:
        note += f" The floor is the distance of {len(some):,} training pictures to these."
    if number < _NUMBER:
        note += f" {_NUMBER:,} would take long, at {work:,} multiply-adds each."
    if few := few_pictures(len(real), fixed.shape[1]):
        note += f" Of {few}."
    table = task.Table(("features", "#Fréchet’s distance", "#floor"), tuple(of))
    classes = task.Section("classes", "How often each class is made", told, shares)
    return [task.Section("distance", "How good", note, table), classes]


class _Seen(NamedTuple):
    """What a classifier makes of pictures: what goes into its last layer, and the classes it says."""

    features: torch.Tensor
    classes: npt.NDArray[np.int64]


def _some(dataset: Dataset, number: int) -> torch.Tensor:
    """So many pictures of a set, evenly spread over all."""
    places = np.linspace(0, len(dataset) - 1, min(number, len(dataset))).astype(np.int64)
    return torch.from_numpy(np.asarray(dataset.images[places]))


def _fixed(images: torch.Tensor) -> torch.Tensor:
    return torch.cat([features(part) for part in images.split(_AT_ONCE)])


def _judged(judge: LoadedModel, images: torch.Tensor) -> _Seen:
    """What a classifier makes of pictures; of maps that go into its last layer, their means over places."""
    found: list[torch.Tensor] = []
    last = [each for each in judge.module.modules() if isinstance(each, (nn.Linear, nn.Conv2d))][-1]
    handle = last.register_forward_pre_hook(lambda module, given: found.append(given[0].float()))
    try:
        with evaluation_mode(judge.module), torch.inference_mode():
            said = [outputs(judge.module, judge.preprocessing, part).cpu() for part in images.split(_AT_ONCE)]
    finally:
        handle.remove()
    seen = torch.cat([each.mean((2, 3)) if each.ndim == 4 else each for each in found])
    return _Seen(seen.cpu(), torch.cat(said).argmax(1).numpy())


def _distances(made: torch.Tensor, real: torch.Tensor, some: torch.Tensor | None) -> tuple[str, ...]:
    """Of made pictures to real ones, and of some others that are real."""
    target = moments(real)
    found = [None if each is None else frechet(moments(each), target) for each in (made, some)]
    return tuple("–" if each is None or math.isnan(each) else f"{each:.3f}" for each in found)


def _shares(judge: LoadedModel, makes: _Seen, seen: _Seen, learnt: _Seen | None) -> task.Table:
    """What share of made, of the set's and of training pictures is taken for each class."""
    number = len(judge.classes)
    shares = [np.bincount(each.classes, minlength=number) / len(each.classes) for each in (makes, seen, learnt) if each]
    made = shares[0]
    rows = tuple((name, *(f"{each[place]:.1%}" for each in shares)) for place, name in enumerate(judge.classes))
    never = int((made == 0).sum())
    note = f"made least: {judge.classes[int(made.argmin())]}, {made.min():.2%}"
    note += f"; {never:,} of {number:,} classes never" if never > 1 else ""
    titles = ("class", "#of made pictures", "#of the set’s", "#of training pictures")[: len(shares) + 1]
    return task.Table(titles, rows, note)
