"""A learning rate by trying: the range test of Smith (2017), one short run with an ever larger rate."""

from __future__ import annotations

import dataclasses
import itertools
import math

from hubel.arch import Network
from hubel.base.errors import SettingError
from hubel.data import Augmentation, Batches, Dataset, Preprocessing
from hubel.nn import drawing
from hubel.tasks import task_of
from hubel.train.loop.machine.autotune import autotune
from hubel.train.loop.state import State
from hubel.train.loop.ways.supervised import Supervised
from hubel.train.recipe.balance import order_of
from hubel.train.recipe.initialise import pixel_scale
from hubel.train.recipe.recipe import Recipe

_SMOOTHING = 0.9  # of the losses' moving average
_TOO_MUCH = 2.0  # times the smallest loss, where the test ends


@dataclasses.dataclass(frozen=True)
class RateRange:
    """What the test found. rates: those tried, rising; losses: smoothed, one a rate; best: the one to train with."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    best: float


def find_learning_rate(
    network: Network,
    training: Dataset,
    recipe: Recipe,
    *,
    low: float = 1e-5,
    high: float = 1.0,
    steps: int = 120,
) -> RateRange:
    """Train for up to `steps` steps while the rate rises evenly on a logarithmic scale from `low` to `high`.

    The best rate is a third of the one with the smallest smoothed loss, which is where one cycle's peak may lie.
    Nothing is kept. Raises ValueError where `low` is not below `high` or there are fewer than ten steps.
    """
    if not 0 < low < high or steps < 10:
        raise SettingError(f"expected 0 < low < high and at least 10 steps, received {low:g}, {high:g} and {steps}")
    preprocessing = Preprocessing.for_dataset(training)
    task = task_of(training)
    recipe = autotune(recipe, Supervised, network, task, training, preprocessing)
    state = State(Supervised, network, recipe, task, preprocessing, training)
    about = state.take_weights(recipe.weights, task.classes).about if recipe.weights else {}
    recipe, state.how.preprocessing = pixel_scale(recipe, network, preprocessing, about)
    augmentation = Augmentation.parse("none" if recipe.augmentation == "auto" else recipe.augmentation)
    size, order = min(recipe.batch_size, len(training)), order_of(recipe, training)
    batches = Batches(training, size, recipe.seed, augmentation, device=recipe.device, order=order)
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    stream = itertools.chain.from_iterable(map(batches.epoch, itertools.count()))
    for step, batch in enumerate(itertools.islice(stream, steps)):
        rate = low * (high / low) ** (step / (steps - 1))
        with drawing:
            loss = float(state.how(batch, rate, step)[0])
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        smoothed = average / (1 - _SMOOTHING ** (step + 1))
        if not math.isfinite(loss) or (losses and smoothed > _TOO_MUCH * min(losses)):
            break
        rates.append(rate)
        losses.append(smoothed)
    best = rates[losses.index(min(losses))] / 3 if losses else low
    return RateRange(tuple(rates), tuple(losses), best)
