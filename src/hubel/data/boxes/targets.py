"""Boxes: which objects lie where in an image; they move with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data import Targets
from hubel.data.feed.device import constant
from hubel.data.feed.moves import SEEN
from hubel.data.sources.listing import folded, some

if TYPE_CHECKING:
    import torch

    from hubel.data import Moves

LEFT, TOP, RIGHT, BOTTOM, CLASS, CROWD, AREA = range(7)
ROWS, COLUMNS, NUMBER = 4, 5, 6  # of the first row, which is of the whole picture
WIDTH = 7
_AT_EDGE = 0.005  # of a picture's side: boxes that end as near to its edge are cut there
# boxes that are cut, by which it is told how, and how often, such are marked; the share of them that is odd
_ENOUGH, _MANY, _FEWEST = 20, 100, 0.1
_MOST_SEEN, _LEAST_MARKED = 0.7, 0.5  # of an object that has to be seen, and of such objects, whatever the set says
NOTHING = -1.0  # the class of a row that holds no box


@dataclass(frozen=True, eq=False)
class Boxes(Targets):
    """The boxes of each image. rows: float32, N×(1 + most boxes of an image)×7.

    The first row of each is of the picture that the image was made of: its left, top, right and bottom edges in the
    image, its height and width in pixels, its number in the set. Others are boxes: left, top, right, bottom, class (an
    index into `classes`, -1 where there is no box), whether it is a crowd of objects (1 or 0), its area in pixels of
    the picture. Edges are shares of the image's width and height, so that they hold at any size.

    ids: what each class is called in the files by number.
    """

    rows: npt.NDArray[np.float32]
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    task: ClassVar[str] = "detection"
    moves: ClassVar[bool] = True

    @property
    def array(self) -> npt.NDArray[np.float32]:
        """The rows."""
        return self.rows

    def take(self, indices: npt.NDArray[np.int64]) -> Boxes:
        """Those at these positions, copied."""
        return replace(self, rows=self.rows[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there are not rows for each image, or a class is none of those that there are."""
        if self.rows.ndim != 3 or self.rows.shape[::2] != (images[0], WIDTH) or self.rows.dtype != np.float32:
            raise DataError(
                f"expected boxes as float32 of {images[0]}×(1 + boxes)×{WIDTH}, received {self.rows.dtype} of "
                f"{self.rows.shape}"
            )
        classes = self.rows[:, 1:, CLASS]
        if classes.size and not NOTHING <= classes.min() <= classes.max() < len(self.classes):
            raise DataError(
                f"expected classes from 0 to {len(self.classes) - 1} of boxes, or -1 for none, received "
                f"{classes.min():g} to {classes.max():g}"
            )
        if len(self.ids) != len(self.classes):
            raise DataError(f"expected {len(self.classes)} numbers of classes, received {len(self.ids)}")

    def check_training(self) -> None:
        """Refuse pictures without a single object."""
        if len(self.rows) and not self.class_counts().sum():
            raise DataError(f"expected objects to learn from, received {len(self):,} pictures without any")

    def class_counts(self) -> npt.NDArray[np.int64]:
        """How many boxes each class has."""
        own = self.rows[:, 1:, CLASS].astype(np.int64).reshape(-1)
        return np.bincount(own[own >= 0], minlength=len(self.classes))

    def strata(self) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """Each image goes with the rarest class that it shows, so that rare ones are held out too."""
        own = self.rows[:, 1:, CLASS].astype(np.int64)
        rank = np.append(np.argsort(np.argsort(self.class_counts(), kind="stable")), len(self.classes))
        rarest = rank[own].min(1, initial=len(self.classes))
        by_rank = np.append(np.argsort(self.class_counts(), kind="stable"), len(self.classes))
        return by_rank[rarest], (*(f"{name} as the rarest object" for name in self.classes), "no object")

    def aligned(self, classes: Sequence[str]) -> tuple[Boxes, tuple[str, ...]]:
        """The same in these classes, by their names; boxes of others are left out, which is said."""
        names = {folded(name): number for number, name in enumerate(classes)}
        places = np.array([names.get(folded(name), -1) for name in self.classes] + [-1])
        counts = self.class_counts()
        unknown = [f"{name} ({n:,})" for name, n, at in zip(self.classes, counts, places, strict=False) if at < 0 and n]
        if counts.sum() and not counts[places[:-1] >= 0].sum():
            raise DataError(
                f"expected objects of the classes {some(classes, 12)}, received {some(self.classes, 12)}; give its "
                "classes those names"
            )
        rows = self.rows.copy()
        rows[:, 1:, CLASS] = places[self.rows[:, 1:, CLASS].astype(np.int64)]
        told = (f"left out: objects of classes that the model does not know, {some(unknown, 5)}",) if unknown else ()
        known = {folded(name): number for name, number in zip(self.classes, self.ids, strict=True)}
        ids = tuple(known.get(folded(name), place) for place, name in enumerate(classes))
        return Boxes(rows, tuple(classes), ids), told

    def empty(self) -> npt.NDArray[np.bool_]:
        """Which images have no box."""
        return np.asarray((self.rows[:, 1:, CLASS] < 0).all(1))

    def drawn(self, image: npt.NDArray[np.uint8], target: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """An image under the boxes of one of the set, with their classes' names."""
        from hubel.data.boxes.draw import drawn

        own = target[1:][target[1:, CLASS] >= 0]
        boxes = own[:, LEFT : BOTTOM + 1] * np.array([image.shape[1], image.shape[0]] * 2)
        kinds = own[:, CLASS].astype(np.int64)
        return drawn(image, boxes, [self.classes[kind] for kind in kinds], kinds)

    def moved(self, targets: torch.Tensor, moves: Moves) -> torch.Tensor:
        """Boxes moved as their images are: of a turned one, what holds it; parts outside are cut off, and boxes of
        which less than `moves.seen` is left are none.
        """
        import torch

        height, width = moves.shape
        before = constant((width, height, width, height), targets.device, torch.float64)
        after = constant((*moves.size[::-1], *moves.size[::-1]), targets.device, torch.float64)
        boxes, left = moves.boxes(targets[:, 1:, LEFT : BOTTOM + 1].double() * before)
        moved = targets.clone()
        moved[:, 1:, LEFT : BOTTOM + 1] = (boxes / after).to(targets.dtype)
        moved[:, 1:, CLASS] = torch.where(left < moves.seen, NOTHING, targets[:, 1:, CLASS])
        return moved


def sides(rows: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Width and height, in pixels of images of `shape` (H×W…), of all boxes: float64, number×2."""
    there = rows[:, 1:][rows[:, 1:, CLASS] >= 0].astype(np.float64)
    return (there[:, RIGHT : BOTTOM + 1] - there[:, LEFT : TOP + 1]) * (shape[1], shape[0])


def at_edges(rows: npt.NDArray[np.float32]) -> tuple[float, float]:
    """What a set says of objects that its pictures' edges cut: how much of one has to be seen for it to be marked (nine
    tenths of the boxes that end at an edge show more, by their class's usual side), and how many of those are marked
    of as many as whole ones near edges let expect. A quarter and all, where few end there.

    What training cuts off has to count as what the pictures' edges cut. Cells of which half is seen are seldom marked,
    and where training says they are, the network is too sure of all that it sees at edges.
    """
    head, own = rows[:, :1].astype(np.float64), rows[:, 1:].astype(np.float64)
    whole = np.maximum(head[..., RIGHT : BOTTOM + 1] - head[..., LEFT : TOP + 1], 1e-9)
    gaps = np.concatenate([own[..., :2] - head[..., :2], head[..., 2:4] - own[..., 2:4]], -1) / np.tile(whole, 2)
    size = (own[..., RIGHT : BOTTOM + 1] - own[..., LEFT : TOP + 1]) / whole
    real, cut = (own[..., CLASS] >= 0) & (own[..., CROWD] == 0), gaps <= _AT_EDGE
    shows, far = [np.zeros(0)], [np.zeros(0)]  # of those that are cut, and of whole ones: in usual sides
    for kind in np.unique(own[..., CLASS][real]):
        of = real & (own[..., CLASS] == kind)
        inside = of & ~cut.any(-1)
        usual = np.median(size[inside], 0) if inside.any() else np.full(2, np.inf)
        for side, axis in enumerate((0, 1, 0, 1)):
            there = of & cut[..., side] & ~cut[..., 1 - axis :: 2].any(-1)
            shows.append(size[there][:, axis] / usual[axis])
            far.append((gaps[inside][:, side] - _AT_EDGE) / usual[axis])
    shown, away = np.concatenate(shows), np.concatenate(far)
    if len(shown) < _ENOUGH:
        return SEEN, 1.0
    seen = round(min(max(float(np.quantile(shown, _FEWEST)), SEEN), _MOST_SEEN), 2)
    if len(shown) < _MANY:
        return seen, 1.0
    nearer, near = (((away > of - 1 + seen) & (away <= of)).sum() for of in (1 - seen, 2 - 2 * seen))
    marked = (shown >= seen).sum() / max(1, 2 * nearer - near)  # of which fewer may lie the nearer an edge is
    return seen, round(min(max(float(marked), _LEAST_MARKED), 1.0), 2)
