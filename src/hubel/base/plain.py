"""Plain values that a file says (JSON, TOML): taken for what they are, and nothing else for them."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

# what Python raises where values are read that are not of the kinds, numbers and names that they should be
MISREAD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


def as_whole(value: Any) -> int:
    """A whole number. Raises TypeError for anything else: a text, a fraction, true."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, received {value!r:.60}")
    return int(value)


def as_number(value: Any) -> float:
    """A finite number. Raises TypeError for anything else, and OverflowError for one that no computer's are."""
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(f"expected a finite number, received {value!r:.60}")
    return float(value)


def as_text(value: Any) -> str:
    """A text. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, received {value!r:.60}")
    return value
