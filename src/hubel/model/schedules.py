"""Learning rates that go down as steps are done, by Keras's names: `optimizers.schedules.ExponentialDecay`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hubel.base.errors import SettingError
from hubel.model.training.named import made

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule:
    """A base: write `__call__(step)`, which gives the rate of a step, from 0."""

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step; of an array of steps, an array."""
        if isinstance(step, np.ndarray):
            return np.array([self.rate(float(each)) for each in step.reshape(-1)]).reshape(step.shape)
        return self.rate(float(step))

    def rate(self, step: float) -> float:
        """Return the rate of one step."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return dict(self.__dict__)


class _Decay(LearningRateSchedule):
    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False,
        name: str | None = None,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase = decay_rate, staircase

    def turns(self, step: float) -> float:
        """How many times the rate has been lowered."""
        turns = step / self.decay_steps
        return math.floor(turns) if self.staircase else turns


class ExponentialDecay(_Decay):
    """Times `decay_rate` every `decay_steps` steps; all at once with `staircase`."""

    def rate(self, step: float) -> float:
        """Return the rate of one step."""
        return float(self.initial_learning_rate * self.decay_rate ** self.turns(step))


class InverseTimeDecay(_Decay):
    """Divided by 1 + `decay_rate`·step/`decay_steps`."""

    def rate(self, step: float) -> float:
        """Return the rate of one step."""
        return self.initial_learning_rate / (1 + self.decay_rate * self.turns(step))


class PolynomialDecay(LearningRateSchedule):
    """Down to `end_learning_rate` in `decay_steps` steps, by a power; again and again with `cycle`."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, end_learning_rate: float = 0.0001, power: float = 1.0,
        cycle: bool = False, name: str | None = None,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle = end_learning_rate, power, cycle

    def rate(self, step: float) -> float:
        """Return the rate of one step."""
        length = self.decay_steps * (max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1)
        left = 1 - min(step, length) / length
        return float((self.initial_learning_rate - self.end_learning_rate) * left**self.power + self.end_learning_rate)


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` up to step `boundaries[i]`, and the last value after."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str | None = None) -> None:
        if len(values) != len(boundaries) + 1:
            raise SettingError(f"expected one value more than boundaries ({len(boundaries)}), received {len(values)}")
        self.boundaries, self.values = list(boundaries), list(values)

    def rate(self, step: float) -> float:
        """Return the rate of one step."""
        return float(self.values[sum(step > boundary for boundary in self.boundaries)])


class CosineDecay(LearningRateSchedule):
    """Down to `alpha` of the rate along a cosine (Loshchilov and Hutter 2016), after a rise to `warmup_target`."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, alpha: float = 0.0, name: str | None = None,
        warmup_target: float | None = None, warmup_steps: float = 0,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps, self.alpha = initial_learning_rate, decay_steps, alpha
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def rate(self, step: float) -> float:
        """Return the rate of one step."""
        top, done = self.initial_learning_rate, step
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top, done = self.warmup_target, step - self.warmup_steps
        share = 0.5 * (1 + math.cos(math.pi * min(done, self.decay_steps) / self.decay_steps))
        return float(top * ((1 - self.alpha) * share + self.alpha))


class CosineDecayRestarts(LearningRateSchedule):
    """A cosine that begins anew, each time `t_mul` times as long and `m_mul` times as high."""

    def __init__(
        self, initial_learning_rate: float, first_decay_steps: float, t_mul: float = 2.0, m_mul: float = 1.0,
        alpha: float = 0.0, name: str | None = None,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha = t_mul, m_mul, alpha

    def rate(self, step: float) -> float:
        """Return the rate of one step."""
        length, height = self.first_decay_steps, 1.0
        while step >= length:
            step, length, height = step - length, length * self.t_mul, height * self.m_mul
        share = 0.5 * height * (1 + math.cos(math.pi * step / length))
        return float(self.initial_learning_rate * ((1 - self.alpha) * share + self.alpha))


BY_CLASS = {
    kind.__name__: kind
    for kind in (
        CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay
    )
}  # fmt: skip


def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return a schedule as plain values."""
    return {"class_name": type(schedule).__name__, "config": schedule.get_config()}


def deserialize(config: Mapping[str, Any]) -> LearningRateSchedule:
    """Make a schedule of what `serialize`, or a Keras file, says. Raises SettingError for one that is not here."""
    found: LearningRateSchedule = made(config, LearningRateSchedule, "a schedule", {}, BY_CLASS)
    return found
