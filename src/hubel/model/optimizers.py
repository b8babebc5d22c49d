"""The optimizers by Keras's names and with its defaults. Those of `hubel.train` do the work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch

from hubel.base.errors import SettingError
from hubel.train.loop import optimizers as own

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get"]

Made: TypeAlias = "own.Optimizer | torch.optim.Optimizer"


class Optimizer:
    """How weights follow gradients. `learning_rate` may be read and set at any time, in training too.

    Its momenta and the like live from `compile` on through all calls of `fit`, as in Keras.
    """

    def __init__(self, learning_rate: float, **settings: float | bool) -> None:
        if not learning_rate >= 0:
            raise SettingError(f"expected a learning_rate of at least 0, received {learning_rate!r}")
        self._rate = float(learning_rate)
        self._settings = settings
        self._made: Made | None = None

    @property
    def learning_rate(self) -> float:
        """The step's size, now."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._rate = float(rate)
        for group in self._made.param_groups if self._made else ():
            group["lr"] = self._rate

    def get_config(self) -> dict[str, Any]:
        """All settings by name; `type(optimizer)(**optimizer.get_config())` is another of the same kind."""
        return {"learning_rate": self._rate, **self._settings}

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

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(learning_rate, momentum=momentum, nesterov=nesterov)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        return own.SGD(groups, self._rate, self._settings["momentum"], bool(self._settings["nesterov"]))


class Adam(Optimizer):
    """Kingma and Ba 2015."""

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
    ) -> None:
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        one, two, epsilon = (self._settings[name] for name in ("beta_1", "beta_2", "epsilon"))
        return own.Adam(groups, self._rate, (one, two), epsilon=epsilon)


class AdamW(Optimizer):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        one, two, epsilon = (self._settings[name] for name in ("beta_1", "beta_2", "epsilon"))
        return own.Adam(groups, self._rate, (one, two), decoupled=True, epsilon=epsilon)


class RMSprop(Optimizer):
    """Gradients divided by a moving average of their size (Hinton 2012, lecture 6)."""

    def __init__(
        self, learning_rate: float = 0.001, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-7
    ) -> None:
        super().__init__(learning_rate, rho=rho, momentum=momentum, epsilon=epsilon)

    def _make(self, groups: list[dict[str, Any]]) -> own.Optimizer:
        rho, momentum, epsilon = (self._settings[name] for name in ("rho", "momentum", "epsilon"))
        return own.RMSprop(groups, self._rate, rho, momentum, epsilon)


class Given(Optimizer):
    """An optimizer of PyTorch's that the user made of `model.module.parameters()`."""

    def __init__(self, given: torch.optim.Optimizer) -> None:
        super().__init__(float(given.param_groups[0]["lr"]))
        self._made = given

    def start(self, parameters: Iterable[torch.nn.Parameter]) -> Made:
        """Return it as it is."""
        assert self._made is not None
        return self._made


NAMED: dict[str, Callable[[], Optimizer]] = {"adam": Adam, "sgd": SGD, "rmsprop": RMSprop, "adamw": AdamW}


def get(optimizer: str | Optimizer | torch.optim.Optimizer) -> Optimizer:
    """Return the optimizer of this name, or what was given. Raises ValueError for an unknown name."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, torch.optim.Optimizer):
        return Given(optimizer)
    if not isinstance(optimizer, str) or optimizer.lower() not in NAMED:
        raise SettingError(f"expected an optimizer of {', '.join(NAMED)}, received {optimizer!r}")
    return NAMED[optimizer.lower()]()
