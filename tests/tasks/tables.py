"""Pictures with things to say of them, and tables that say them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

TAGS = ("left", "light", "right")


def pictures(folder: Path, count: int = 96) -> list[dict[str, object]]:
    """Pictures of 8×8, dark or light, with a bright bar at the left, at the right, at both or at none; and what is true
    of each.
    """
    random = np.random.default_rng(0)
    (folder / "shots").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for number in range(count):
        flags = {tag: bool(number >> place & 1) for place, tag in enumerate(TAGS)}
        width = int(random.integers(1, 4))
        image = random.integers(0, 20, (8, 8)).astype(np.uint8) + (90 if flags["light"] else 0)
        image[:, :width] += 120 * flags["left"]
        image[:, 8 - width :] += 120 * flags["right"]
        Image.fromarray(image).save(folder / "shots" / f"{number}.png")
        mean, tags = round(float(image.mean()), 3), [tag for tag in TAGS if flags[tag]]
        rows.append({"file": f"shots/{number}.png", "tags": tags, **flags, "mean": mean, "width": 3000 * width - 7000})
    return rows


def table(path: Path, heads: Sequence[str], rows: Sequence[dict[str, object]], cell: Callable[..., object]) -> Path:
    """A table with these heads, each cell as `cell(row, head)` has it."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows([[cell(row, head) for head in heads] for row in rows])
    return path
