"""Points: where the parts of each individual of an image lie; they move with it, and left is right in mirrored ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.base.names import listing
from hubel.data import Targets
from hubel.data.feed.device import constant
from hubel.data.points.annotations import UNSEEN, Pairs
from hubel.data.sources.listing import folded

if TYPE_CHECKING:
    import torch

    from hubel.data import Moves

LEFT, TOP, RIGHT, BOTTOM, KIND, AREA, _ = range(7)
ROWS, COLUMNS, NUMBER = 4, 5, 6  # of the first row, which is of the whole picture
FIRST = 7  # where points begin
NOTHING, INDIVIDUAL, CROWD = 0.0, 1.0, 2.0  # of a row: none, one whose points count, one that is passed over


@dataclass(frozen=True, eq=False)
class Points(Targets):
    """The points of each image's individuals. rows: float32, N×(1 + most individuals of an image)×(7 + 3·points).

    The first row of each image is of the picture that it was made of: its left, top, right and bottom edges in the
    image, its height and width in pixels, its number in the set. Others are individuals: left, top, right and bottom of
    the box around one, 1 for an individual, 2 for a crowd (0: there is none), the area in pixels of the picture; then
    x, y and 0 (unseen), 1 (hidden) or 2 of each point. Places are shares of the image's width and height, so that they
    hold at any size.

    classes: the points' names. pairs: which are left and right of each other. bones: which are joined when drawn.
    """

    rows: npt.NDArray[np.float32]
    classes: tuple[str, ...]
    pairs: Pairs = ()
    bones: Pairs = ()
    task: ClassVar[str] = "pose"
    moves: ClassVar[bool] = True
    noun: ClassVar[tuple[str, str]] = ("point", "points")

    @property
    def array(self) -> npt.NDArray[np.float32]:
        """The rows."""
        return self.rows

    def take(self, indices: npt.NDArray[np.int64]) -> Points:
        """Those at these positions, copied."""
        return replace(self, rows=self.rows[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there are not rows for each image, with three numbers for each point."""
        width = FIRST + 3 * len(self.classes)
        if self.rows.ndim != 3 or self.rows.shape[::2] != (images[0], width) or self.rows.dtype != np.float32:
            raise DataError(
                f"expected points as float32 of {images[0]}×(1 + individuals)×{width}, received {self.rows.dtype} of "
                f"{self.rows.shape}"
            )

    def check_training(self) -> None:
        """Refuse pictures without a single point."""
        if len(self.rows) and not self.class_counts().sum():
            raise DataError(f"expected points to learn from, received {len(self):,} pictures without any")

    def class_counts(self) -> npt.NDArray[np.int64]:
        """How often each point is told."""
        own = self.rows[:, 1:][self.rows[:, 1:, KIND] == INDIVIDUAL]
        return np.asarray((own[:, FIRST + 2 :: 3] > UNSEEN).sum(0), np.int64)

    @property
    def several(self) -> bool:
        """Whether there are images with more than one individual."""
        return bool(((self.rows[:, 1:, KIND] > NOTHING).sum(1) > 1).any())

    def sizes(self, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """The longer side of each individual's box, in pixels of images of `shape` (H×W…)."""
        own = self.rows[:, 1:][self.rows[:, 1:, KIND] == INDIVIDUAL].astype(np.float64)
        sides = (own[:, RIGHT : BOTTOM + 1] - own[:, LEFT : TOP + 1]) * (shape[1], shape[0])
        return np.asarray(sides.max(1, initial=0.0))

    def aligned(self, classes: Sequence[str]) -> tuple[Points, tuple[str, ...]]:
        """The same with these points, by their names; others are left out, and missing ones unseen, which is said."""
        own = {folded(name): number for number, name in enumerate(self.classes)}
        places = [own.get(folded(name)) for name in classes]
        if not any(place is not None for place in places):
            raise DataError(
                f"expected the points {listing(classes, 12)}, received {listing(self.classes, 12)}; give them those "
                "names"
            )
        rows = np.zeros((*self.rows.shape[:2], FIRST + 3 * len(classes)), np.float32)
        rows[..., :FIRST] = self.rows[..., :FIRST]
        for new, old in enumerate(places):
            if old is not None:
                rows[..., FIRST + 3 * new : FIRST + 3 * new + 3] = self.rows[..., FIRST + 3 * old : FIRST + 3 * old + 3]
        missing = [name for name, place in zip(classes, places, strict=True) if place is None]
        left = [name for number, name in enumerate(self.classes) if number not in places]
        told = [f"no point is called {listing(missing, 5)}: unseen everywhere"] if missing else []
        told += [f"left out: points that the model does not know, {listing(left, 5)}"] if left else []
        return Points(rows, tuple(classes)), tuple(told)

    def around(self, targets: torch.Tensor) -> torch.Tensor:
        """The middles of individuals."""
        own = targets[:, 1:]
        middles = (own[..., LEFT:RIGHT] + own[..., RIGHT:KIND]) / 2
        return middles.masked_fill((own[..., KIND] != INDIVIDUAL)[..., None], float("nan"))

    def empty(self) -> npt.NDArray[np.bool_]:
        """Which images have no individual."""
        return np.asarray((self.rows[:, 1:, KIND] != INDIVIDUAL).all(1))

    def drawn(self, image: npt.NDArray[np.uint8], target: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """An image under the points of one of the set, with their names."""
        from hubel.data.points.draw import skeletons

        own = target[1:][target[1:, KIND] == INDIVIDUAL]
        points = own[:, FIRST:].reshape(len(own), len(self.classes), 3).astype(np.float64)
        points[..., :2] *= (image.shape[1], image.shape[0])
        return skeletons(image, points, self.classes, self.bones)

    def moved(self, targets: torch.Tensor, moves: Moves) -> torch.Tensor:
        """Points moved as their images are, those of each pair exchanged where it is mirrored; what lies outside is
        unseen, and individuals of whose box less than `moves.seen` is left are none.
        """
        import torch

        height, width = moves.shape
        before = constant((width, height), targets.device, torch.float64)
        after = constant(moves.size[::-1], targets.device, torch.float64)
        moved = targets.clone()
        own = targets[:, 1:]
        boxes, left = moves.boxes(own[..., LEFT : BOTTOM + 1].double() * before.repeat(2))
        moved[:, 1:, LEFT : BOTTOM + 1] = (boxes / after.repeat(2)).to(targets.dtype)
        moved[:, 1:, KIND] = torch.where(left < moves.seen, NOTHING, own[..., KIND])
        points = own[..., FIRST:].reshape(len(own), -1, len(self.classes), 3)
        places = moves.points((points[..., :2].double() * before).flatten(1, 2)).view_as(points[..., :2]) / after
        inside = ((places >= 0) & (places < 1)).all(3, keepdim=True)
        points = torch.cat([places.to(targets.dtype), torch.where(inside, points[..., 2:], float(UNSEEN))], 3)
        points = moves.swapped(points.transpose(1, 2), self.pairs).transpose(1, 2)
        moved[:, 1:, FIRST:] = points.flatten(2)
        return moved
