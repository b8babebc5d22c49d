"""Which ways there are for a batch to change weights, by the names that tasks and runs know them by."""

from __future__ import annotations

from importlib import import_module

from hubel.train.loop.ways.step import Step

STEPS = {
    "supervised": "hubel.train.loop.ways.supervised:Supervised",
    "adversarial": "hubel.train.loop.ways.adversarial:Adversarial",
    "q-learning": "hubel.train.loop.playing.step:QLearning",
    "carried": "hubel.train.loop.ways.carried:Carried",
}


def step_named(name: str) -> type[Step]:
    """The step of a name of `STEPS`."""
    module, _, kind = STEPS[name].partition(":")
    found: type[Step] = getattr(import_module(module), kind)
    return found
