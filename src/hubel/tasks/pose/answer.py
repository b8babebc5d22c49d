"""What a model says of where a picture's points are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.data.points.annotations import SEEN, Pairs
from hubel.data.points.draw import skeletons
from hubel.tasks.answer import Answer

_MIDDLE = 0.5  # of the first pixel, from which files count


@dataclass(frozen=True, eq=False, repr=False)
class Posed(Answer):
    """Individuals that are found, the surest first. points: float64, K×P×3: x and y in pixels of the picture, counted
    from its corner, and the probability that the point is seen; scores: K, 0 to 1; image: the picture, uint8 H×W or
    H×W×C. Shown are those points and, of several, those individuals of at least `threshold`.
    """

    names: tuple[str, ...]
    bones: Pairs
    several: bool
    points: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    image: npt.NDArray[np.uint8]
    threshold: float

    def above(self, threshold: float) -> Posed:
        """The same, with the points and individuals of at least this probability."""
        return replace(self, threshold=threshold)

    @property
    def _kept(self) -> npt.NDArray[np.bool_]:
        """Which individuals are shown."""
        surest = self.scores if self.several else self.points[..., 2].max(1, initial=0.0)
        kept: npt.NDArray[np.bool_] = np.greater_equal(surest, self.threshold)
        return kept

    @property
    def individuals(self) -> list[dict[str, Any]]:
        """Those that are shown: probability, and of each point that is its name, x, y and probability. Places are in
        pixels from the middle of the first one, as files of points have them.
        """
        kept = self._kept
        return [
            {
                "probability": round(float(score), 6),
                "points": [
                    {"point": name, "x": round(x - _MIDDLE, 2), "y": round(y - _MIDDLE, 2), "probability": round(p, 6)}
                    for name, (x, y, p) in zip(self.names, own.tolist(), strict=True)
                    if p >= self.threshold
                ],
            }
            for own, score in zip(self.points[kept], self.scores[kept], strict=True)
        ]

    def data(self) -> dict[str, Any]:
        """The picture's size, and its individuals."""
        height, width = self.image.shape[:2]
        return {"height": height, "width": width, "threshold": self.threshold, "individuals": self.individuals}

    def words(self) -> tuple[str, ...]:
        """How many individuals and points, and where the first points are."""
        found = self.individuals
        if not found:
            surest = self.points[..., 2].max() if self.points.size else 0.0
            return "no point", f"of at least {self.threshold:g}", f"the surest has {surest:.1%}"
        number = sum(len(each["points"]) for each in found)
        counts = f"{number} point{'s' * (number != 1)}"
        first = f"{len(found)} individual{'s' * (len(found) != 1)}, {counts}" if self.several else counts
        where = [f"{each['point']} {each['x']:g}, {each['y']:g}" for each in found[0]["points"]]
        rest = f" and {len(where) - 4} more" if len(where) > 4 else ""
        return first, f"{found[0]['probability']:.1%}", f"{'; '.join(where[:4])}{rest}"

    def rows(self) -> list[Mapping[str, Any]]:
        """A row a point, which tables of points have; one without where there is none."""
        titles = ("individual", "point", "#x", "#y", "#probability")
        found = [
            {
                "individual": str(number),
                "point": each["point"],
                **{f"#{name}": each[name] for name in ("x", "y", "probability")},
            }
            for number, one in enumerate(self.individuals, 1)
            for each in one["points"]
        ]
        return [*found] or [dict.fromkeys(titles)]

    def pictures(self) -> Mapping[str, npt.NDArray[np.uint8]]:
        """The picture with its points, joined."""
        points = self.points[self._kept]  # a copy
        points[..., 2] = np.where(points[..., 2] >= self.threshold, SEEN, 0)
        return {"points": skeletons(self.image, points, self.names, self.bones)}
