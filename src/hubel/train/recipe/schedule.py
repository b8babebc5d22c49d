"""The learning rate of every step, as a pure function of how much of the training is done."""

from __future__ import annotations

import math
from typing import NamedTuple

from hubel.train.recipe.recipe import Recipe

_START = 0.04  # of the peak, where the rise begins: one twenty-fifth, as Smith and Topin have it


class Leg(NamedTuple):
    """Where the schedule's course to the end begins: at a step (from 0), with so much of it done, 0 to below 1.

    A run begins with `WHOLE`. One that is given other epochs at step s lays what is left of its schedule over the steps
    that are left, so that the rate does not jump; where nothing is left, the schedule begins anew: a warm restart
    (Loshchilov, Hutter 2017).
    """

    step: int = 0
    done: float = 0.0

    def at(self, step: float, steps: int) -> float:
        """How much of the schedule is done at `step` of `steps`."""
        return self.done + (1 - self.done) * (step - self.step) / (steps - self.step)

    def onward(self, step: int, steps: int) -> Leg:
        """The leg of a run that is given other epochs at `step`, of `steps` until then."""
        return Leg(step, self.at(step, steps) if step < steps else 0.0)


WHOLE = Leg()


def rate(recipe: Recipe, step: int, steps: int, leg: Leg = WHOLE) -> float:
    """The learning rate of step `step` (from 0) of `steps`, on a leg that it is on."""
    done = leg.at(step + 0.5, steps)
    if done < recipe.warmup:
        risen = done / recipe.warmup
        rise = _cosine(1 - risen) if recipe.schedule == "one-cycle" else risen
        return recipe.learning_rate * (_START + (1 - _START) * rise)
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * _cosine((done - recipe.warmup) / (1 - recipe.warmup))


def _cosine(done: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * done)
