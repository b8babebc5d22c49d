"""Whether a network's outputs see no later step of its sequence, so that it can be run a piece at a time."""

from __future__ import annotations

from hubel.arch.ops.operations import (
    Activate,
    Affine,
    DenseSum,
    Embed,
    Join,
    Normalise,
    Operation,
    Pass,
    Recur,
    Select,
    Slope,
    WindowedSum,
)

_EACH_STEP = (Activate, Affine, DenseSum, Embed, Join, Pass, Select, Slope)


def goes_on(operation: Operation) -> bool:
    """Whether an operation gives a step for each step, and makes it of that one and those before alone."""
    if isinstance(operation, WindowedSum):
        kept = len(operation.windows) == 1 and operation.output[0] == operation.input[0]
        return kept and (operation.is_causal or operation.windows[0].extent == 1)
    if isinstance(operation, Recur):
        return operation.sequences and not operation.backwards
    if isinstance(operation, Normalise):
        return operation.over != "groups"
    return isinstance(operation, _EACH_STEP) and (len(operation.output) == 2 or isinstance(operation, Embed))
