"""What a model makes of a grey picture: the same in colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.tasks.answer import Answer

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False, repr=False)
class Coloured(Answer):
    """A picture in colour. given: as it came, uint8 H×W×3, grey or not; grey: its grey levels, H×W; picture: as light
    as these everywhere, with the colours that the model says, H×W×3. vivid, was: how colourful that is, and what came
    (Hasler, Süsstrunk 2003; 0 of grey).
    """

    given: Pixels
    grey: Pixels
    picture: Pixels
    vivid: float
    was: float

    def data(self) -> dict[str, Any]:
        """The picture's size, and how colourful it is and was."""
        height, width = self.grey.shape
        return {
            "height": height,
            "width": width,
            "colourfulness": round(self.vivid, 3),
            "given_colourfulness": round(self.was, 3),
        }

    def words(self) -> tuple[str, ...]:
        """How colourful it is, and was."""
        was = "given in grey" if self.was < 1 else f"given in colour ({self.was:.1f}), of which nothing was looked at"
        return f"colourfulness {self.vivid:.1f}", was

    def pictures(self) -> Mapping[str, Pixels]:
        """What was looked at beside what was made, and that alone, of the given size."""
        before = np.repeat(self.grey[..., np.newaxis], 3, 2)
        gap = np.full((before.shape[0], max(2, before.shape[1] // 60), 3), 255, np.uint8)
        return {"beside": np.concatenate([before, gap, self.picture], 1), "coloured": self.picture}
