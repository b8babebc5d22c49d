"""What is measured on the way and at the end, of a part of the data that is not trained on."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from hubel.data import Augmentation, Dataset, Preprocessing
from hubel.data.feed.device import leaves_room
from hubel.tasks import Figure, Task, count
from hubel.tasks.results import LOSS
from hubel.train.distributed.ranks import Ranks
from hubel.train.loop.mirrors import Mirror, is_time, tried
from hubel.train.loop.state import State
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.found import Looked, Mirrored, Tempered, with_mirrors

_TRIED = 8  # images by which it is told how long measuring takes
_SHARE = 8  # of the part, by which it is told how sure a model is
_BY, _MOST = 1.05, 3.0  # from one temperature to the next, and from which on none is tried
_GAIN, _GAIN_OF_A_NUMBER = 0.01, 0.02  # of what a share lacks, and of a figure, from which twice the time is worth it


class Measuring:
    """Measures the state's model on a part, each process on its share of it; all get the figures of the whole.

    part: what it is called, "validation" or "test", and its images with what is true of them; None where there is none.
    at_once: images in a pass. held_out: what this process has of it, images and targets.
    """

    def __init__(
        self,
        part: tuple[str, Dataset] | None,
        at_once: int,
        task: Task,
        recipe: Recipe,
        preprocessing: Preprocessing,
        state: State,
        ranks: Ranks,
    ) -> None:
        self.name, self.at_once, self.task, self.recipe = "" if part is None else part[0], at_once, task, recipe
        self.preprocessing, self.state, self.ranks = preprocessing, state, ranks
        self._targets = None if part is None else part[1].targets
        self.held_out = None if part is None else self._share(part[1])

    def __call__(self, changed: Mirror | None = None, task: Task | None = None) -> dict[str, float]:
        """The figures, NaN where there is no part. changed: what is done to its images before. task: another than the
        run's.
        """
        if self.held_out is None:
            return self.unmeasured()
        model, task = self.state.how.model, task or self.task
        counts = count(task, model, self.preprocessing, *self.held_out, batch_size=self.at_once, changed=changed)
        self.state.how.to_training()  # measuring puts a module back as a whole, frozen layers too
        figures = task.measured([self.ranks.sum(each) for each in counts]).figures
        return {each: figures[each] for each in self.unmeasured()}

    def unmeasured(self) -> dict[str, float]:
        """All figures, none known."""
        return dict.fromkeys([LOSS.name, *(each.name for each in (*self.task.figures, *self.task.beside))], math.nan)

    def seconds(self) -> float:
        """About how many it takes, by a few images."""
        if self.held_out is None:
            return 0.0
        images, targets = self.held_out
        some = min(len(images), self.at_once, _TRIED)
        start = time.perf_counter()
        count(self.task, self.state.how.model, self.preprocessing, images[:some], targets[:some])
        self.state.how.to_training()
        return (time.perf_counter() - start) * len(images) / max(1, some)

    def augmentation(self) -> Augmentation:
        """How images are changed now: as the recipe says, and mirrored as was found to be borne."""
        return with_mirrors(Augmentation.parse(self.recipe.augmentation), self.state.mirrors)

    def mirrors(self, steps: int, figures: Mapping[str, float]) -> tuple[Mirrored, ...] | None:
        """What comes of mirroring in ways that the recipe has not, where it is time to try that and it was not tried;
        else None. steps: of the whole run. figures: of images as they are, measured just now.
        """
        figure, done, kind = self.task.primary, self.state.done, self._targets
        if self.name != "validation" or kind is None or self.state.mirrors is not None:
            return None
        value = figures[figure.name]
        if not is_time(self.recipe, done, steps, figure, value):
            return None
        return tried(self.recipe, kind, done, figure, value, lambda mirror: self(mirror)[figure.name])

    def views(self, weights: Mapping[str, torch.Tensor]) -> tuple[Task, dict[str, float], Looked | None]:
        """Once training is over: the task with as many views as the recipe says or as pay; of two the figures; and what
        was found where that was measured. weights: the model's, which the state has from here on.
        """
        state, figure, wanted, given = self.state, self.task.primary, self.recipe.views, self.task
        if wanted == 1 or (not wanted and not (self.name == "validation" and self.augmentation().flip)):
            return given, {}, None
        of_any: Any = given
        twice: Task = dataclasses.replace(of_any, views=2)
        if self.held_out is None:
            return twice, {}, None
        state.how.model.load_state_dict(weights)
        self.ranks.share(state.how.model)  # the first process has the best epoch's
        figures = self(task=twice)
        if wanted:
            return twice, figures, None
        once = state.history[(state.best_epoch or len(state.history)) - 1].evaluation
        found = looked(figure, once, figures)
        return (twice, figures, found) if found.taken else (given, {}, found)

    def tempered(
        self, weights: Mapping[str, torch.Tensor]
    ) -> tuple[Mapping[str, torch.Tensor], dict[str, float], Tempered | None]:
        """Once training is over: weights whose last layer is divided by a temperature above 1, where the model is too
        sure of itself; their figures; and what was found. Else the weights as they are. They are the state's from here
        on.

        The temperature is the one, of powers of 1.05, after which the loss of the first eighth of the validation part
        falls no more.
        """
        model, figure = self.state.how.model, self.task.primary
        last = closing(model) if self.task.tempers and self.name == "validation" else []
        if self.held_out is None or not last:
            return weights, {}, None
        images, targets = (each[: max(1, len(each) // _SHARE)] for each in self.held_out)
        weights = {name: tensor.clone() for name, tensor in weights.items()}  # the model's own, most often

        def at(temperature: float) -> float:
            model.load_state_dict({**weights, **{name: weights[name] / temperature for name in last}})
            counts = count(self.task, model, self.preprocessing, images, targets, batch_size=self.at_once)
            return self.task.measured(counts).figures[LOSS.name]

        temperature, loss = 1.0, at(1.0)
        while temperature < _MOST and (lower := at(temperature * _BY)) < loss:
            temperature, loss = temperature * _BY, lower
        at(temperature)
        if temperature == 1:
            return weights, {}, None
        figures = self()
        plain = self.state.history[(self.state.best_epoch or len(self.state.history)) - 1].evaluation[figure.name]
        if figure.better(plain, figures[figure.name]):  # the share was too small to tell
            at(1.0)
            return weights, {}, None
        share = len(images) / len(self.held_out[0])
        divided = {name: weights[name] / temperature for name in last}
        return {**weights, **divided}, figures, Tempered(temperature, share, figure.name, plain, figures[figure.name])

    def _share(self, dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        ends = [len(dataset) * rank // self.ranks.world for rank in (self.ranks.rank, self.ranks.rank + 1)]
        images, targets = (tensor[ends[0] : ends[1]] for tensor in dataset.tensors())
        device = torch.device(self.recipe.device)
        if device.type != "cpu" and leaves_room(images.nbytes, device):
            return images.to(device), targets.to(device)
        return images, targets


def closing(model: nn.Module) -> list[str]:
    """The names of the weights whose last layer's outputs are a network's scores: none where it ends with another."""
    *_, (name, last) = model.named_children()
    dense = isinstance(last, (nn.Linear, nn.Conv1d, nn.Conv2d))
    return [f"{name}.{each}" for each, _ in last.named_parameters()] if dense else []


def looked(figure: Figure, one: Mapping[str, float], two: Mapping[str, float]) -> Looked:
    """What looking twice gains, by a figure among those of one and of two views."""
    before, after = one[figure.name], two[figure.name]
    gain = after - before if figure.best == "highest" else before - after
    is_share = figure.kind == "share" and figure.best == "highest"
    enough = _GAIN * (1 - before) if is_share else _GAIN_OF_A_NUMBER * abs(before)
    return Looked(figure.name, before, after, gain > 0 and gain >= enough)
