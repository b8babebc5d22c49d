"""Drawn animals seen from above, with the places of snout, ears and tail, in the formats that points are in."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

NAMES = ("snout", "left_ear", "right_ear", "tail")
Places = npt.NDArray[np.float64]


def animal(pen: ImageDraw.ImageDraw, middle: Places, turn: float, long: float, shade: int = 30) -> Places:
    """Draw one; where its points are, 4×2, in pixels from the corner."""
    ahead = np.array([np.cos(turn), np.sin(turn)])
    left = np.array([ahead[1], -ahead[0]])  # y goes down
    snout, tail = middle + ahead * long / 2, middle - ahead * long / 2
    ears = [middle + ahead * 0.22 * long + side * left * 0.2 * long for side in (1, -1)]
    body = [middle + ahead * long * 0.3 * np.cos(a) + left * long * 0.2 * np.sin(a) for a in np.linspace(0, 6.28, 24)]
    pen.polygon([(p[0], p[1]) for p in body], fill=(shade,) * 3)
    head = [snout, ears[0], ears[1]]
    pen.polygon([(p[0], p[1]) for p in head], fill=(shade + 25,) * 3)
    for place, colour, size in zip(
        (snout, *ears), ((250, 250, 250), (150, 90, 90), (150, 90, 90)), (0.05, 0.08, 0.08), strict=True
    ):
        r = size * long
        pen.ellipse((place[0] - r, place[1] - r, place[0] + r, place[1] + r), fill=colour)
    pen.line([tuple(middle - ahead * 0.28 * long), tuple(tail)], fill=(90, 70, 70), width=max(1, round(long / 16)))
    return np.array([snout, *ears, tail])


def pictures(
    folder: Path, number: int, size: tuple[int, int] = (96, 96), most: int = 1, long: float = 48, seed: int = 0
) -> list[tuple[str, Places]]:
    """Pictures of one to `most` animals each; their names, and their points, individuals×4×2."""
    draw = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    found = []
    for place in range(number):
        ground = draw.normal(150, 12, (*size, 3)) + draw.normal(0, 15, (1, 1, 3))
        picture = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
        pen = ImageDraw.Draw(picture)
        own: list[Places] = []
        middles: list[Places] = []
        for _ in range(int(draw.integers(1, most + 1))):
            for _ in range(50):
                middle = draw.uniform(long * 0.55, np.array(size[::-1]) - long * 0.55)
                if all(np.linalg.norm(middle - other) > long * 0.9 for other in middles):
                    middles.append(middle)
                    own.append(animal(pen, middle, draw.uniform(0, 6.28), long * draw.uniform(0.8, 1.1)))
                    break
        name = f"images/shot{place:03}.png"
        picture.save(folder / name)
        found.append((name, np.array(own)))
    return found


def deeplabcut(folder: Path, shown: Sequence[tuple[str, Places]], gaps: Sequence[tuple[int, int]] = ()) -> Path:
    """DeepLabCut's table of pictures with one animal; gaps: pictures and points that are unseen."""
    head = ["scorer", *["me"] * 8], ["bodyparts", *[n for n in NAMES for _ in "xy"]], ["coords", *["x", "y"] * 4]
    rows = [
        [name, *("" if (place, p) in gaps else round(v - 0.5, 3) for p, point in enumerate(own[0]) for v in point)]
        for place, (name, own) in enumerate(shown)
    ]
    with open(folder / "CollectedData_me.csv", "w", newline="") as file:
        csv.writer(file).writerows([*head, *rows])
    return folder / "CollectedData_me.csv"


def coco(folder: Path, shown: Sequence[tuple[str, Places]], size: tuple[int, int], boxes: bool = True) -> Path:
    """COCO's file of them, with boxes."""
    images, annotations = [], []
    for number, (name, every) in enumerate(shown, 1):
        images.append({"id": number * 7, "file_name": name, "height": size[0], "width": size[1]})
        for own in every:
            low, high = own.min(0) - 4, own.max(0) + 4
            told = {"id": len(annotations) + 1, "image_id": number * 7, "category_id": 3, "iscrowd": 0}
            told["keypoints"] = [v for x, y in own for v in (round(x - 0.5, 2), round(y - 0.5, 2), 2)]  # type: ignore[assignment]
            if boxes:
                told |= {"bbox": [*low.tolist(), *(high - low).tolist()], "area": float((high - low).prod())}
            annotations.append(told)
    category = {"id": 3, "name": "animal", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3], [2, 4], [3, 4]]}
    path = folder / "annotations.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return path


def table(
    path: Path, shown: Sequence[tuple[str, Places]], long: bool = False, size: tuple[int, int] | None = None
) -> Path:
    """A plain table: a line a picture or a point; in pixels or, where the pictures' size is said, in shares."""
    rows: list[list[object]] = [
        ["path", "point", "x", "y"] if long else ["path", *(f"{n}_{a}" for n in NAMES for a in "xy")]
    ]
    for name, (own, *_) in shown:
        told = own / size[::-1] if size else own - 0.5
        told = told.round(6)
        rows += (
            [[name, point, *place.tolist()] for point, place in zip(NAMES, told, strict=True)]
            if long
            else [[name, *told.ravel().tolist()]]
        )
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path
