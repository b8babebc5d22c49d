"""Pictures of a model's making, as one grid or a file each."""

from __future__ import annotations

import io
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.base.errors import SettingError
from hubel.base.words import json_text
from hubel.cli._numbers import whole

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hubel.tasks import LoadedModel

GRID = Path("made.png")
_MOST = 10_000


def add_making(parser: ArgumentParser) -> None:
    """Add how a model that makes pictures is asked for them; --seed is that of models that write."""
    group = parser.add_argument_group("of a model that makes pictures")
    group.add_argument("--number", type=whole(1, _MOST), metavar="N", help="how many pictures (default 64)")
    group.add_argument(
        "--between", action="store_true", help="in rows of ten, the pictures on the way from one to another"
    )


def asked_to_make(arguments: Namespace) -> list[str]:
    """Return the options of making that were given."""
    return [f"--{name}" for name in ("number", "between") if getattr(arguments, name)]


def make(model: LoadedModel, arguments: Namespace) -> int:
    """Write pictures of the model's making: one grid, or a folder with a file for each."""
    from hubel.base.files import write_atomically
    from hubel.tasks.synthesis.pictures import between, grid, pictures

    if arguments.images:
        raise SettingError(
            f"expected no IMAGE, since this model makes pictures, received {arguments.images[0]!r}; hubel evaluate RUN "
            "DATA says how far what it makes is from a set"
        )
    place: Path = arguments.output or GRID
    if place == Path("-") or (place.suffix and place.suffix.lower() != ".png"):
        raise SettingError(
            f"expected -o with a file that ends with .png, for a grid, or a folder, received {str(place)!r}"
        )
    seed, number = arguments.seed or 0, arguments.number or 64
    made = between(model, 10, -(-number // 10), seed) if arguments.between else pictures(model, number, seed)
    if place.suffix:
        files = [place]
        write_atomically(place, _png(grid(made, 10 if arguments.between else 0)))
    else:
        place.mkdir(parents=True, exist_ok=True)
        files = [place / f"{index:05}.png" for index in range(len(made))]
        for file, picture in zip(files, made, strict=True):
            write_atomically(file, _png(picture if picture.shape[2] == 3 else picture[..., 0]))
    told = {"number": len(made), "seed": seed, "files": [str(file) for file in files]}
    where = place if place.suffix else f"{place}/"
    line = f"{len(made)} pictures of {made.shape[1]}×{made.shape[2]}, seed {seed}: {where}"
    sys.stdout.write((json_text(told) if arguments.json else line) + "\n")
    return 0


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
