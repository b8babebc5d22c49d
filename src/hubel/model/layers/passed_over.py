"""Settings of Keras's that change nothing here, which is said."""

from __future__ import annotations

import warnings
from typing import Any

ONE_SEED = "random numbers of training follow from `keras.utils.set_random_seed`"


def unused(layer: str, setting: str, value: Any, why: str) -> None:
    """Warn of a setting that changes nothing."""
    warnings.warn(f"{layer}: {setting}={value!r} changes nothing here: {why}", stacklevel=4)


def check_dtype(layer: str, dtype: Any) -> None:
    """Warn where a layer, by its dtype or a policy (as a file may have it), is to compute in other numbers."""
    policy = getattr(dtype, "name", dtype)
    if isinstance(policy, dict):
        policy = (policy.get("config") or {}).get("name")
    if policy not in (None, "float32"):
        unused(layer, "dtype", policy, "layers of a `Model` compute in float32; `hubel.train` chooses the precision")
