"""A little data of every task, in files, and a network for it: what is tried of all tasks is tried with these."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tests.tasks.caption_shapes import draw
from tests.tasks.tables import TAGS, pictures, table

CONVOLUTIONS = "8x8x1: conv 4 3x3 same, norm, relu, maxpool 2, flatten, dropout 0.2"


class Little(NamedTuple):
    """source: what is trained on. network: its text form. settings: how the source is read. recipe: what the task asks
    of it besides.
    """

    source: Path | str
    network: str
    settings: Mapping[str, Any] = {}
    recipe: Mapping[str, Any] = {}


def _classification(folder: Path) -> Little:
    for row in pictures(folder, 32):
        place = folder / "classes" / ("light" if row["light"] else "dark")
        place.mkdir(parents=True, exist_ok=True)
        (folder / str(row["file"])).rename(place / Path(str(row["file"])).name)
    return Little(folder / "classes", f"{CONVOLUTIONS}, dense 2")


def _multilabel(folder: Path) -> Little:
    source = table(folder / "tags.csv", ("file", *TAGS), pictures(folder, 32), lambda row, head: row[head])
    return Little(source, f"{CONVOLUTIONS}, dense 3", {"task": "multilabel"})


def _regression(folder: Path) -> Little:
    source = table(folder / "means.csv", ("file", "mean"), pictures(folder, 32), lambda row, head: row[head])
    return Little(source, f"{CONVOLUTIONS}, dense 1", {"task": "regression"})


def _segmentation(folder: Path) -> Little:
    for name in ("images", "masks"):
        (folder / "drawn" / name).mkdir(parents=True)
    for row in pictures(folder, 32):
        pixels = np.asarray(Image.open(folder / str(row["file"])))
        name = Path(str(row["file"])).name
        Image.fromarray(pixels).save(folder / "drawn" / "images" / name)
        Image.fromarray((pixels > 110).astype(np.uint8) * 255).save(folder / "drawn" / "masks" / name)
    return Little(folder / "drawn", "8x8x1: conv 4 3x3 same, norm, relu, conv 2 1x1")


def _detection(folder: Path) -> Little:
    for name in ("images", "labels"):
        (folder / "found" / name).mkdir(parents=True)
    for number, row in enumerate(pictures(folder, 32)):
        name = Path(str(row["file"]))
        Image.open(folder / str(row["file"])).save(folder / "found" / "images" / name.name)
        box = f"{number % 2} 0.5 {0.3 + number % 3 / 5} 0.5 0.4\n"
        (folder / "found" / "labels" / f"{name.stem}.txt").write_text(box)
    return Little(folder / "found", "8x8x1: conv 4 3x3/2 same, norm, relu, conv 6 1x1", {"size": (8, 8)})


def _pose(folder: Path) -> Little:
    """Two animals with two points, drawn as a light and a dark pixel."""
    (folder / "posed").mkdir(parents=True)
    lines = ["image,animal,left eye x,left eye y,right eye x,right eye y"]
    for number, row in enumerate(pictures(folder, 32)):
        name = Path(str(row["file"])).name
        Image.open(folder / str(row["file"])).save(folder / "posed" / name)
        lines += [
            f"{name},{who},{who + number % 3},{number % 5},{who + number % 3 + 1},{number % 5 + 1}" for who in (1, 4)
        ]
    (folder / "posed" / "points.csv").write_text("\n".join(lines))
    return Little(folder / "posed", "8x8x1: conv 4 3x3/2 same, norm, relu, conv 11 1x1", {"size": (8, 8)})


def _colorize(folder: Path) -> Little:
    """Grounds of two colours, of which the darker is red."""
    (folder / "coloured").mkdir(parents=True)
    for row in pictures(folder, 32):
        grey = np.asarray(Image.open(folder / str(row["file"])), np.float64)[..., np.newaxis]
        tint = (1.2, 0.9, 0.9) if grey.mean() < 110 else (0.8, 1.0, 1.2)
        Image.fromarray((grey * tint).clip(0, 255).astype(np.uint8)).save(
            folder / "coloured" / Path(str(row["file"])).name
        )
    return Little(folder / "coloured", "8x8x1: conv 4 3x3/2 same, norm, relu, conv 260 1x1", {"task": "colorize"})


def _synthesis(folder: Path) -> Little:
    pictures(folder, 32)
    network = "8: dense 32, leaky 0.2, reshape 4x4x2, deconv 1 4x4 strides=2 same tanh"
    asked = {"augmentation": "none", "pixels": "symmetric", "monitor": "distance", "momentum": 0.0}
    return Little(folder / "shots", network, {"task": "synthesis"}, asked)


def tone(path: Path, pitch: float, seconds: float = 0.1, rate: int = 1000, loud: float = 0.5) -> None:
    """Write a WAV file of 16 bits."""
    samples = loud * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def _speech(folder: Path) -> Little:
    for number in range(32):
        label, speaker = ("low", "high")[number % 2], ("ann", "bob")[number // 2 % 2]
        tone(folder / "said" / f"{label}_{speaker}_{number}.wav", 40 + 60 * (number % 2) + number / 4)
    blocks = "sum(product(conv1d 6 2 causal, tanh | conv1d 6 2 causal, sigmoid), dropout 0.1 | identity)"
    network = f"128x5: conv1d 6 2 causal, {blocks}, relu, conv1d 256 1"
    settings = {"task": "speech", "labels": "{label}_{speaker}_{number}", "size": (128, 1)}
    return Little(folder / "said", network, settings, {"augmentation": "none"})


def _language(folder: Path) -> Little:
    folder.mkdir(parents=True)
    (folder / "rhyme.txt").write_text("one for sorrow, two for joy,\n" * 40, encoding="utf-8")
    size = {"size": (16, 1), "validation": 0.25}
    return Little(folder / "rhyme.txt", "16: embed 13 6, lstm 8 sequences, dropout 0.2, dense 13", size)


def _play(folder: Path) -> Little:
    network = "10x10x4: conv 4 3x3, layernorm, relu, flatten, dense 3"
    return Little("minatar:breakout", network, {"frames": 64}, {"augmentation": "none", "ema": 0.0})


def _caption(folder: Path) -> Little:
    network = "16x16x3: conv 4 3x3/2 same, norm, relu, flatten, dropout 0.2, dense 8, caption 8 10 8"
    return Little(draw(folder / "told", 32, side=32), network, {"size": (16, 16)})


LITTLE: dict[str, Callable[[Path], Little]] = {
    "classification": _classification,
    "multilabel": _multilabel,
    "regression": _regression,
    "segmentation": _segmentation,
    "colorize": _colorize,
    "synthesis": _synthesis,
    "detection": _detection,
    "pose": _pose,
    "language": _language,
    "speech": _speech,
    "play": _play,
    "caption": _caption,
}
