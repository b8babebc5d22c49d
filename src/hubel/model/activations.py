"""Activations by Keras's names: `activation="relu"`, `activation=activations.relu`, or as functions of a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hubel.arch.layers.activation import NAMES
from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean

ALIASES = {"swish": "silu", "hard_silu": "hardswish", "hard_swish": "hardswish", "leakyrelu": "leaky_relu"}
SLOPE = 0.2  # of Keras's function `leaky_relu`; the layer has another, 0.3
_LIBRARIES = ("torch", "keras", "tensorflow", "jax", "hubel")


def name_of(activation: Any) -> str | None:
    """Return the tree's name of an activation: of Keras's name, of a function, or of what a Keras file says; None for
    none. "leaky_relu" is a layer of its own.

    Raises SettingError for one that is not known, with those that are.
    """
    if activation is None:
        return None
    if isinstance(activation, Mapping):
        activation = activation.get("config") if activation.get("class_name") == "function" else activation
        if isinstance(activation, Mapping):
            activation = activation.get("class_name") or activation.get("name")
    elif callable(activation) and not isinstance(activation, str):
        home = str(getattr(activation, "__module__", None) or type(activation).__module__).partition(".")[0]
        named = getattr(activation, "__name__", None)
        if home not in (*_LIBRARIES, "None") or named is None or named == "<lambda>":
            raise SettingError(
                f"expected an activation by its name, received {activation!r}; a function of your own stands in a "
                "layer of your own, whose `call` applies it"
            )
        activation = named
    name = str(activation).lower()
    name = ALIASES.get(name, name)
    if name not in (*NAMES, "leaky_relu"):
        known = [*NAMES, "leaky_relu", *ALIASES]
        raise SettingError(
            f"expected an activation of {', '.join(known)}, received {activation!r}{did_you_mean(name, known)}"
        )
    return None if name == "linear" else name


def relu(x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """max(x, 0)."""
    found = (
        torch.where(x >= threshold, x, negative_slope * (x - threshold)) if threshold or negative_slope else x.relu()
    )
    return found if max_value is None else found.clamp(max=max_value)


def leaky_relu(x: Tensor, negative_slope: float = SLOPE) -> Tensor:
    """x, or `negative_slope`·x below 0."""
    return functional.leaky_relu(x, negative_slope)


def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6)."""
    return functional.relu6(x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return torch.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """Tanh x."""
    return torch.tanh(x)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """eˣ / Σ eˣ along an axis."""
    return torch.softmax(x, axis)


def silu(x: Tensor) -> Tensor:
    """X / (1 + e⁻ˣ)."""
    return functional.silu(x)


swish = silu


def hard_silu(x: Tensor) -> Tensor:
    """x·min(max(x + 3, 0), 6) / 6."""
    return functional.hardswish(x)


hard_swish = hard_silu


def hard_sigmoid(x: Tensor) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return functional.hardsigmoid(x)


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """x·Φ(x)."""
    return functional.gelu(x, approximate="tanh" if approximate else "none")


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, or `alpha`·(eˣ − 1) below 0."""
    return functional.elu(x, alpha)


def selu(x: Tensor) -> Tensor:
    """Klambauer et al. (2017)."""
    return functional.selu(x)


def softplus(x: Tensor) -> Tensor:
    """ln(1 + eˣ)."""
    return functional.softplus(x)


def mish(x: Tensor) -> Tensor:
    """x·tanh(ln(1 + eˣ))."""
    return functional.mish(x)


def linear(x: Tensor) -> Tensor:
    """X."""
    return x


def get(activation: Any) -> Any:
    """Return the function of a name, or what was given."""
    if callable(activation):
        return activation
    name = name_of(activation) or "linear"
    return {"hardswish": hard_silu}.get(name) or globals()[name]
