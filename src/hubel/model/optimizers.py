"""The optimizers by Keras's names and with its defaults. Those of `hubel.train` do the work.

Everything that Keras lets one set of an optimizer's running (`clipnorm`, a schedule as the learning rate) is here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, TypeAlias

import torch

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model import schedules
from hubel.model.schedules import LearningRateSchedule
from hubel.model.training import rules
from hubel.model.training.named import made
from hubel.train.loop import optimizers as own

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Nadam", "Optimizer", "RMSprop", "get", "schedules"]

CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
_INERT = {  # settings of Keras's that have one value here
    "weight_decay": (None, 0, 0.0),
    "use_ema": (False,),
    "ema_momentum": (0.99,),
    "ema_overwrite_frequency": (None,),
    "loss_scale_factor": (None,),
    "gradient_accumulation_steps": (None, 1),
    "amsgrad": (False,),
    "centered": (False,),
}

Made: TypeAlias = "own.Optimizer | torch.optim.Optimizer"


class Optimizer:
    """How weights follow gradients. `learning_rate` may be read and set at any time, in training too.

    Its momenta and the like live from `compile` on through all calls of `fit`, as in Keras.
    """

    def __init__(self, learning_rate: Any, more: Mapping[str, Any] | None = None, **settings: float | bool) -> None:
        more = dict(more or {})
        learning_rate = more.pop("lr", learning_rate)  # as Keras 2 called it
        if isinstance(learning_rate, Mapping):
            learning_rate = schedules.deserialize(learning_rate)
        self.schedule = learning_rate if isinstance(learning_rate, LearningRateSchedule) else None
        self.iterations = 0
        rate = self.schedule(0) if self.schedule is not None else learning_rate
        if not isinstance(rate, (int, float)) or not rate >= 0:
            raise SettingError(f"expected a learning_rate of at least 0, or a schedule, received {learning_rate!r}")
        self._rate = float(rate)
        self._settings = settings
        self._made: Made | None = None
        self.clips = dict.fromkeys(CLIPS)
        for name, value in more.items():
            if name in CLIPS:
                self.clips[name] = value
            elif name not in ("name", "jit_compile", "is_legacy_optimizer") and value not in _INERT.get(name, ()):
                if name not in _INERT:
                    known = [*settings, *CLIPS]
                    raise TypeError(f"{type(self).__name__} takes no argument {name!r}{did_you_mean(name, known)}")
                raise SettingError(f"expected {name}={_INERT[name][0]} in {type(self).__name__}, received {value!r}")

    @property
    def learning_rate(self) -> float:
        """The step's size, now."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        if self.schedule is not None:
            raise SettingError("expected a learning rate that no schedule sets, received one that it does")
        self._set_rate(float(rate))

    lr = learning_rate

    def _set_rate(self, rate: float) -> None:
        self._rate = rate
        for group in self._made.param_groups if self._made else ():
            group["lr"] = self._rate

    def follow(self) -> None:
        """Get ready for a step: clip gradients, and set the rate that a schedule has for it."""
        if any(value is not None for value in self.clips.values()) and self._made is not None:
            found = [p for group in self._made.param_groups for p in group["params"] if p.grad is not None]
            if self.clips["clipvalue"] is not None:
                torch.nn.utils.clip_grad_value_(found, float(self.clips["clipvalue"]))
            if self.clips["clipnorm"] is not None:  # of each weight by itself
                for parameter in found:
                    torch.nn.utils.clip_grad_norm_([parameter], float(self.clips["clipnorm"]))
            if self.clips["global_clipnorm"] is not None:
                torch.nn.utils.clip_grad_norm_(found, float(self.clips["global_clipnorm"]))
        if self.schedule is not None:
            self._set_rate(float(self.schedule(self.iterations)))
        self.iterations += 1

    def get_config(self) -> dict[str, Any]:
        """All settings by name; `type(optimizer)(**optimizer.get_config())` is another of the same kind."""
        clips = {name: value for name, value in self.clips.items() if value is not None}
        rate = self._rate if self.schedule is None else schedules.serialize(self.schedule)
        return {"learning_rate": rate, **self._settings, **clips}

    def start(self, parameters: Iterable[torch.nn.Parameter]) -> Made:
        """Return the optimizer of these parameters, the same one as long as the parameters are the same."""
        wanted = list(parameters)
        known = [p for group in self._made.param_groups for p in group["params"]] if self._made else []
        if self._made is None or [id(p) for p in known] != [id(p) for p in wanted]:
            self._made = self._make([{"params": wanted, "weight_decay": self._settings.get("weight_decay", 0.0)}])
        return self._made

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        raise NotImplementedError


class SGD(Optimizer):
    """Steps down the gradient, with momentum (Polyak 1964) or Nesterov's."""

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **more: Any) -> None:
        super().__init__(learning_rate, more, momentum=momentum, nesterov=nesterov)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        return own.SGD(groups, self._rate, self._settings["momentum"], bool(self._settings["nesterov"]))


class Adam(Optimizer):
    """Kingma and Ba 2015."""

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, **more: Any
    ) -> None:
        super().__init__(learning_rate, more, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        one, two, epsilon = (self._settings[name] for name in ("beta_1", "beta_2", "epsilon"))
        return own.Adam(groups, self._rate, (one, two), epsilon=epsilon)


class AdamW(Optimizer):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **more: Any,
    ) -> None:
        super().__init__(learning_rate, more, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        one, two, epsilon = (self._settings[name] for name in ("beta_1", "beta_2", "epsilon"))
        return own.Adam(groups, self._rate, (one, two), decoupled=True, epsilon=epsilon)


class RMSprop(Optimizer):
    """Gradients divided by a moving average of their size (Hinton 2012, lecture 6)."""

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-7, **more: Any
    ) -> None:
        super().__init__(learning_rate, more, rho=rho, momentum=momentum, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        rho, momentum, epsilon = (self._settings[name] for name in ("rho", "momentum", "epsilon"))
        return own.RMSprop(groups, self._rate, rho, momentum, epsilon)


class Adagrad(Optimizer):
    """Gradients divided by the root of all their squares so far (Duchi, Hazan and Singer 2011)."""

    def __init__(
        self, learning_rate: Any = 0.001, initial_accumulator_value: float = 0.1, epsilon: float = 1e-7, **more: Any
    ) -> None:
        settings = {"initial_accumulator_value": initial_accumulator_value, "epsilon": epsilon}
        super().__init__(learning_rate, more, **settings)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        return rules.Adagrad(groups, self._rate, *self._settings.values())


class Adadelta(Optimizer):
    """Gradients times the ratio of two moving averages, of steps and of gradients (Zeiler 2012)."""

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **more: Any) -> None:
        super().__init__(learning_rate, more, rho=rho, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        return rules.Adadelta(groups, self._rate, *self._settings.values())


class Adamax(Optimizer):
    """Adam by the largest gradient instead of the mean of squares (Kingma and Ba 2015, section 7)."""

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, **more: Any
    ) -> None:
        super().__init__(learning_rate, more, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        return rules.Adamax(groups, self._rate, *self._settings.values())


class Nadam(Adamax):
    """Adam with Nesterov's momentum (Dozat 2016)."""

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        return rules.Nadam(groups, self._rate, *self._settings.values())


class Given(Optimizer):
    """An optimizer of PyTorch's that the user made of `model.module.parameters()`."""

    def __init__(self, given: torch.optim.Optimizer) -> None:
        super().__init__(float(given.param_groups[0]["lr"]))
        self._made = given

    def start(self, parameters: Iterable[torch.nn.Parameter]) -> Made:
        """Return it as it is."""
        assert self._made is not None
        return self._made


NAMED: dict[str, Callable[..., Optimizer]] = {
    kind.__name__.lower(): kind for kind in (Adam, SGD, RMSprop, AdamW, Adagrad, Adadelta, Adamax, Nadam)
}
legacy = SimpleNamespace(**{kind.__name__: kind for kind in NAMED.values()})  # as TensorFlow 2.11 and later have it


def get(optimizer: Any) -> Optimizer:
    """Return the optimizer of a name, of what a Keras file says, or what was given. Raises ValueError for an unknown
    name, with those that are known.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, torch.optim.Optimizer):
        return Given(optimizer)
    found: Optimizer = made(optimizer, Optimizer, "an optimizer", NAMED)
    return found
