"""How often a model looks at an image for an answer: measured on the validation part, once training is over."""

from __future__ import annotations

from collections.abc import Mapping

from hubel.tasks import Figure
from hubel.train.run.found import Looked

_GAIN = 0.02  # of what a share lacks, or of another figure, from which twice the time is worth it


def looked(figure: Figure, one: Mapping[str, float], two: Mapping[str, float]) -> Looked:
    """What looking twice gains, by a task's first figure in those of one and of two views."""
    before, after = one[figure.name], two[figure.name]
    gain = after - before if figure.best == "highest" else before - after
    lacks = 1 - before if figure.kind == "share" and figure.best == "highest" else abs(before)
    return Looked(figure.name, before, after, gain > 0 and gain >= _GAIN * lacks)
