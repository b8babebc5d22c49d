"""What detection makes of scores: boxes. Nothing here loads torch."""

from collections.abc import Mapping
from typing import Any

from hubel.tasks.decoding import PRIOR, BoxRules, Decoding, shown_from

FARTHEST = 8.0
OVERLAP = 0.6
LEAST = 0.01
SHOWN = 0.3  # where no validation images told it
MIDDLE = 0.27  # of a side, either way from an object's middle: places there tell its box
AROUND = 0.13
_RULES = BoxRules(PRIOR, FARTHEST, OVERLAP, LEAST, SHOWN, AROUND, MIDDLE)
DECODING = Decoding(boxes=_RULES)


def shown(summary: Mapping[str, Any]) -> float:
    """From which probability the boxes of a model with this summary are shown."""
    return shown_from(_RULES, summary)
