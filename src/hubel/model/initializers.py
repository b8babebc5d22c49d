"""How weights start, by Keras's names: each gives an array in Keras's axes, by PyTorch's generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model.training.named import made

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
]

Shape = Sequence[int]


class Initializer:
    """A base: write `__call__(shape, dtype)`. A `seed` makes each call give the same numbers."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Return an array of this shape."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return dict(self.__dict__)

    def generator(self) -> torch.Generator | None:
        """Return a generator of the seed; None for PyTorch's own."""
        return None if self.seed is None else torch.Generator().manual_seed(int(self.seed))


class Constant(Initializer):
    """One number everywhere, or an array that is spread."""

    def __init__(self, value: Any = 0.0) -> None:
        super().__init__()
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Fill."""
        return torch.as_tensor(np.asarray(self.value, np.float32)).broadcast_to(tuple(shape)).clone()


class Zeros(Constant):
    """Zeros."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """Ones."""

    def __init__(self) -> None:
        super().__init__(1.0)


class Identity(Initializer):
    """The unit matrix, times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Return a matrix. Raises `ValueError` for other shapes."""
        if len(shape) != 2:
            raise SettingError(f"expected Identity for a matrix, received the shape {tuple(shape)}")
        return self.gain * torch.eye(*shape)


class RandomUniform(Initializer):
    """Evenly spread from `minval` to `maxval`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Draw."""
        return torch.empty(tuple(shape)).uniform_(self.minval, self.maxval, generator=self.generator())


class RandomNormal(Initializer):
    """Normal numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Draw."""
        return torch.empty(tuple(shape)).normal_(self.mean, self.stddev, generator=self.generator())


class TruncatedNormal(RandomNormal):
    """Normal numbers, those beyond two deviations drawn again."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Draw."""
        limits = self.mean - 2 * self.stddev, self.mean + 2 * self.stddev
        found = torch.empty(tuple(shape))
        return torch.nn.init.trunc_normal_(found, self.mean, self.stddev, *limits, generator=self.generator())


class Orthogonal(Initializer):
    """A matrix of orthogonal rows or columns (Saxe et al. 2013), times `gain`; more axes count as rows."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Draw. Raises `ValueError` for a vector."""
        if len(shape) < 2:
            raise SettingError(f"expected Orthogonal for two axes or more, received the shape {tuple(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = torch.empty(max(rows, columns), min(rows, columns)).normal_(generator=self.generator())
        q, r = torch.linalg.qr(flat)
        q = q * torch.sign(torch.diagonal(r))
        found: Tensor = self.gain * (q.T if rows < columns else q).reshape(tuple(shape))
        return found


class VarianceScaling(Initializer):
    """Numbers whose variance is `scale` over the inputs ("fan_in"), the outputs, or their mean ("fan_avg").

    Glorot and Bengio (2010), He et al. (2015), LeCun et al. (1998) differ in these settings alone.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in",
        distribution: Literal["truncated_normal", "untruncated_normal", "uniform"] = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Draw."""
        field = math.prod(shape[:-2])
        inputs, outputs = (shape[-2] * field, shape[-1] * field) if len(shape) > 1 else (shape[0], shape[0])
        fans = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return RandomUniform(-limit, limit, self.seed)(shape)
        if self.distribution == "untruncated_normal":
            return RandomNormal(0.0, math.sqrt(variance), self.seed)(shape)
        # what is cut off is made up for, so that the variance is what was asked for
        return TruncatedNormal(0.0, math.sqrt(variance) / 0.87962566103423978, self.seed)(shape)


def _scaled(name: str, scale: float, mode: str, distribution: str, paper: str) -> type[VarianceScaling]:
    def start(self: VarianceScaling, seed: int | None = None) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed)  # type: ignore[arg-type]

    def settings(self: VarianceScaling) -> dict[str, Any]:
        return {"seed": self.seed}

    body = {"__init__": start, "get_config": settings, "__doc__": paper, "__module__": __name__}
    return type(name, (VarianceScaling,), body)


GlorotUniform = _scaled("GlorotUniform", 1.0, "fan_avg", "uniform", "Glorot and Bengio (2010), uniform.")
GlorotNormal = _scaled("GlorotNormal", 1.0, "fan_avg", "truncated_normal", "Glorot and Bengio (2010), normal.")
HeUniform = _scaled("HeUniform", 2.0, "fan_in", "uniform", "He et al. (2015), uniform.")
HeNormal = _scaled("HeNormal", 2.0, "fan_in", "truncated_normal", "He et al. (2015), normal.")
LecunUniform = _scaled("LecunUniform", 1.0, "fan_in", "uniform", "LeCun et al. (1998), uniform.")
LecunNormal = _scaled("LecunNormal", 1.0, "fan_in", "truncated_normal", "LeCun et al. (1998), normal.")

NAMED: dict[str, type[Initializer]] = {
    "constant": Constant,
    "zeros": Zeros,
    "zero": Zeros,
    "ones": Ones,
    "one": Ones,
    "identity": Identity,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "orthogonal": Orthogonal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
}


def __getattr__(name: str) -> type[Initializer]:
    if name in NAMED:  # `he_normal()`, as Keras has them too
        return NAMED[name]
    raise AttributeError(f"hubel.model.initializers has no {name}{did_you_mean(name, [*NAMED, *__all__])}")


Given = str | Initializer | Mapping[str, Any] | Callable[..., Any]


def get(initializer: Given) -> Callable[..., Any]:
    """Return the initializer of a name, of what a Keras file says, or what was given: a function of a shape.

    Raises ValueError for a name that is not known, with those that are.
    """
    if callable(initializer) and not isinstance(initializer, type):
        return initializer
    own: Initializer = made(
        initializer, Initializer, "an initializer", NAMED, besides=("dtype", "input_axes", "output_axes")
    )
    return own
