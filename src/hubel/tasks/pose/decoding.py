"""What pose makes of scores: points. Nothing here loads torch."""

from collections.abc import Mapping
from typing import Any

from hubel.tasks.decoding import PRIOR, Decoding, PointRules, shown_from

REACH = 3.0  # cells around a point in which each place tells how far it is
FAR = 8.0  # cells in which places at an individual's middle tell how far its points are
VOTES = 2  # cells around the surest one whose places' words are weighed together
NEAR = 0.12  # of an individual's size: how far a point may well lie from where its middle says
LEAST = 0.05  # of a place's probability, so weighed, below which the middle's word stands
SHOWN = 0.2  # where no validation images told it
_RULES = PointRules(PRIOR, REACH, FAR, VOTES, NEAR, LEAST, SHOWN)
DECODING = Decoding(points=_RULES)


def shown(summary: Mapping[str, Any]) -> float:
    """From which probability the points of a model with this summary are shown."""
    return shown_from(_RULES, summary)
