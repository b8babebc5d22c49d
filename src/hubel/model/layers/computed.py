"""Layers of Keras's that are no node of the tree: models with them train, predict and are kept, for `load_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model.layers.layer import Layer
from hubel.model.layers.passed_over import ONE_SEED, unused

_NEEDED = object()
_ALPHA = 1.6732632423543772 * 1.0507009873554805  # what SELU comes to far below zero


class Computed(Layer):
    """A layer with a `call` in PyTorch. usual: its arguments, in Keras's order, with their defaults."""

    usual: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, *args: Any, **settings: Any) -> None:
        kind = type(self).__name__
        settings |= dict(zip(self.usual, args, strict=False))
        own = {name: settings.pop(name, default) for name, default in self.usual.items()}
        needed = next((name for name, value in own.items() if value is _NEEDED), None)
        if needed is not None:
            unknown = next(iter(settings), "")
            raise TypeError(f"{kind} needs the argument {needed!r}{did_you_mean(unknown, own)}")
        super().__init__(**settings)
        self.config = own
        self.checked()

    def checked(self) -> None:
        """Raise SettingError for settings that do not work out."""
        if self.config.get("data_format") not in (None, "channels_last"):
            raise SettingError(f"expected data_format='channels_last', received {self.config['data_format']!r}")

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {**super().get_config(), **self.config}


class Permute(Computed):
    """Put the axes in another order, counted from 1, without the batch's."""

    usual: ClassVar = {"dims": _NEEDED}

    def call(self, inputs: Tensor) -> Tensor:
        """Turn."""
        return inputs.permute(0, *self.config["dims"])


class RepeatVector(Computed):
    """Say a vector `n` times: (C,) → n×C."""

    usual: ClassVar = {"n": _NEEDED}

    def call(self, inputs: Tensor) -> Tensor:
        """Repeat."""
        return inputs[:, None].expand(-1, self.config["n"], -1)


class UnitNormalization(Computed):
    """Divide by the length along an axis, which is 1 after that."""

    usual: ClassVar = {"axis": -1}

    def call(self, inputs: Tensor) -> Tensor:
        """Divide."""
        length = inputs.square().sum(self.config["axis"], keepdim=True).clamp(min=1e-12).sqrt()
        return inputs / length


class ZeroPadding1D(Computed):
    """Add zeros before the first step and after the last."""

    usual: ClassVar = {"padding": 1, "data_format": None}

    def call(self, inputs: Tensor) -> Tensor:
        """Add."""
        return torch.nn.functional.pad(inputs, (0, 0, *_pair(self.config["padding"])))


class Cropping1D(Computed):
    """Take off the first and the last steps."""

    usual: ClassVar = {"cropping": (1, 1), "data_format": None}

    def call(self, inputs: Tensor) -> Tensor:
        """Cut."""
        before, after = _pair(self.config["cropping"])
        return inputs[:, before : inputs.shape[1] - after]


class UpSampling1D(Computed):
    """Say each step `size` times."""

    usual: ClassVar = {"size": 2}

    def call(self, inputs: Tensor) -> Tensor:
        """Repeat."""
        return inputs.repeat_interleave(int(self.config["size"]), 1)


class _Noise(Computed):
    """What changes numbers in training alone."""

    masks = "passes"
    usual: ClassVar = {"rate": _NEEDED, "seed": None}

    def checked(self) -> None:
        """Raise SettingError for a rate that is none."""
        if self.config["seed"] is not None:
            unused(self.name, "seed", self.config["seed"], ONE_SEED)
        if not 0 <= self.config["rate"] < 1:
            raise SettingError(
                f"expected a rate of {type(self).__name__} from 0 to below 1, received {self.config['rate']}"
            )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Change them."""
        return self.changed(inputs, float(self.config["rate"])) if training and self.config["rate"] else inputs

    def changed(self, inputs: Tensor, rate: float) -> Tensor:
        """Return the numbers with noise."""
        raise NotImplementedError


class GaussianDropout(_Noise):
    """Multiply by numbers around 1, of variance rate / (1 − rate) (Srivastava et al. 2014)."""

    def changed(self, inputs: Tensor, rate: float) -> Tensor:
        """Multiply."""
        return inputs.mul(1 + torch.randn_like(inputs) * (rate / (1 - rate)) ** 0.5)


class AlphaDropout(_Noise):
    """Put some numbers where SELU ends, and keep mean and variance (Klambauer et al. 2017)."""

    def changed(self, inputs: Tensor, rate: float) -> Tensor:
        """Replace, then scale and move."""
        kept = torch.rand_like(inputs) >= rate
        scale = float((1 - rate) * (1 + rate * _ALPHA**2)) ** -0.5
        return (torch.where(kept, inputs, -_ALPHA) + _ALPHA * rate).mul(scale)


def _pair(given: Any) -> tuple[int, int]:
    return (given, given) if isinstance(given, int) else (given[0], given[1])
