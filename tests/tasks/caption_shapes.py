"""Drawn shapes with sentences: "a red circle above a blue square"."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {"red": (230, 40, 40), "blue": (50, 80, 230), "green": (40, 190, 60)}
SHAPES = ("circle", "square")


def draw(folder: Path, number: int, seed: int = 0, side: int = 32) -> Path:
    """So many pictures of two shapes, one above or below the other, and `captions.csv` with two sentences each."""
    chance = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    lines = []
    for each in range(number):
        picture = Image.new("RGB", (side, side), tuple(int(c) for c in chance.integers(190, 256, 3)))
        pen, said = ImageDraw.Draw(picture), []
        for half in (0, 1):
            colour, shape = str(chance.choice(list(COLOURS))), str(chance.choice(SHAPES))
            x, y = int(chance.integers(2, side - 14)), int(half * side // 2 + chance.integers(1, 4))
            box = (x, y, x + 11, y + 11)
            (pen.ellipse if shape == "circle" else pen.rectangle)(box, fill=COLOURS[colour])
            said.append(f"a {colour} {shape}")
        picture.save(folder / "images" / f"{each}.png")
        lines += [(f"{each}.png", f"{said[0]} above {said[1]}"), (f"{each}.png", f"{said[1]} below {said[0]}.")]
    with open(folder / "captions.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "caption"), *lines])
    return folder
