"""What Keras sets of each weight by its word: initializer, regularizer, constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.model import initializers, regularizers

# how weights start where nothing is said, by their role

if TYPE_CHECKING:
    from hubel.model.layers.layer import Layer
USUAL: dict[str, Any] = {
    "kernel": "glorot_uniform",
    "bias": "zeros",
    "gamma": "ones",
    "beta": "zeros",
    "moving_mean": "zeros",
    "moving_variance": "ones",
    "embeddings": "uniform",
    "recurrent_kernel": "orthogonal",
}


ROLE_NAMES = frozenset(USUAL)


def take_roles(layer: Layer, roles: dict[str, str], settings: dict[str, Any]) -> None:
    """Take the initializers, regularizers and constraints of weights out of the settings: Keras's word → the role."""
    for word, role in roles.items():
        started = settings.pop(f"{word}_initializer", None)
        if started is not None:
            layer.initial[role] = initializers.get(started)
        penalty = regularizers.get(settings.pop(f"{word}_regularizer", None))
        if penalty is not None:
            layer.penalties[role] = penalty
        if settings.pop(f"{word}_constraint", None) is not None:
            raise SettingError(
                f"expected {type(layer).__name__} without {word}_constraint, which hubel does not hold weights to; "
                f"{word}_regularizer keeps them small"
            )
