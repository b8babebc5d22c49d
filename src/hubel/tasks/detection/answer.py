"""What a model says of a picture's objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.data.boxes.draw import drawn
from hubel.tasks.answer import Answer


@dataclass(frozen=True, eq=False, repr=False)
class Detected(Answer):
    """Objects that are found, the surest first. boxes: float64, K×4, left, top, right, bottom in pixels of the picture;
    scores: K, 0 to 1; kinds: K, indices into `classes`; image: the picture, uint8 H×W or H×W×C. Shown are those of at
    least `threshold`.
    """

    classes: tuple[str, ...]
    ids: tuple[int, ...]
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.int64]
    image: npt.NDArray[np.uint8]
    threshold: float

    def above(self, threshold: float) -> Detected:
        """The same, with the objects of at least this probability."""
        return replace(self, threshold=threshold)

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects that are shown: class, the files' number of it, probability, and box in pixels."""
        return [
            {
                "class": self.classes[kind],
                "id": self.ids[kind],
                "probability": round(score, 6),
                "left": round(left, 2),
                "top": round(top, 2),
                "right": round(right, 2),
                "bottom": round(bottom, 2),
            }
            for (left, top, right, bottom), score, kind in zip(
                self.boxes.tolist(), self.scores.tolist(), self.kinds.tolist(), strict=True
            )
            if score >= self.threshold
        ]

    def data(self) -> dict[str, Any]:
        """The picture's size, and its objects."""
        return {
            "height": self.image.shape[0],
            "width": self.image.shape[1],
            "threshold": self.threshold,
            "objects": self.objects,
        }

    def words(self) -> tuple[str, ...]:
        """How many of each class, and the surest."""
        found = self.objects
        if not found:
            surest = f"the surest has {self.scores[0]:.1%}" if len(self.scores) else ""
            return "no object", f"of at least {self.threshold:g}", surest
        counts = Counter(each["class"] for each in found).most_common()
        first, *others = [f"{count} {name}" for name, count in counts]
        return first, f"{found[0]['probability']:.1%}", "  ".join(others)

    def rows(self) -> list[Mapping[str, Any]]:
        """A row an object; one without any where there is none, which is how tables of boxes say so."""
        titles = ("class", "#probability", "#left", "#top", "#right", "#bottom")
        found = [{title: each[title.lstrip("#")] for title in titles} for each in self.objects]
        return [*found] or [dict.fromkeys(titles)]

    def pictures(self) -> Mapping[str, npt.NDArray[np.uint8]]:
        """The picture with its boxes."""
        kept = self.scores >= self.threshold
        words = [
            f"{self.classes[kind]} {score:.0%}" for kind, score in zip(self.kinds[kept], self.scores[kept], strict=True)
        ]
        return {"boxes": drawn(self.image, self.boxes[kept], words, self.kinds[kept])}
