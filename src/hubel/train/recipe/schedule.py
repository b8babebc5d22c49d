"""The learning rate of every step, as a pure function of how much of the training is done."""

from __future__ import annotations

import math

from hubel.train.recipe.recipe import Recipe

_START = 0.04  # of the peak, where the rise begins: one twenty-fifth, as Smith and Topin have it


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of step `step` (from 0) of `steps`."""
    done = (step + 0.5) / steps
    if done < recipe.warmup:
        risen = done / recipe.warmup
        rise = _cosine(1 - risen) if recipe.schedule == "one-cycle" else risen
        return recipe.learning_rate * (_START + (1 - _START) * rise)
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * _cosine((done - recipe.warmup) / (1 - recipe.warmup))


def _cosine(done: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * done)
