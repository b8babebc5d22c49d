"""Images with targets that lie beside them, in files of their own: masks, boxes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hubel.base.numbers import counted
from hubel.data._dataset import Fit, Splits
from hubel.data._load import decode_listing
from hubel.data._split import Validation
from hubel.data._targets import Targets
from hubel.data.cache.fill import BadImages
from hubel.data.decode.image import ImageError
from hubel.data.decode.parallel import workers_here
from hubel.data.sources.listing import FileItem, Listing
from hubel.data.sources.parts import PARTS

if TYPE_CHECKING:
    from hubel.data import Progress


def decode_beside(
    source: str | os.PathLike[str],
    parts: Mapping[str, Sequence[str]],
    targets: Callable[[list[int]], Targets],
    size: tuple[int, int],
    channels: int | None,
    fit: Fit,
    validation: Validation,
    bad_images: BadImages,
    workers: int | None,
    progress: Progress | None,
    *,
    framed: Fit | None,
    notes: Sequence[str] = (),
    problems: Sequence[ImageError] = (),
) -> Splits:
    """The images of files by parts, decoded at one size, each with its target.

    targets: of images by their numbers, in order over the parts train, validation and test. framed: how images came to
    their size, None where they had it. problems: files and lines that cannot be used, found before, which is said. The
    rest: as `hubel.data.load`.
    """
    paths = [path for part in PARTS for path in parts.get(part, ())]
    numbers = {path: number for number, path in enumerate(paths)}
    items = {part: tuple((FileItem(path), numbers[path]) for path in own) for part, own in parts.items() if own}

    def of(chosen: npt.NDArray[np.int64], _: tuple[str, ...]) -> Targets:
        return targets(chosen.tolist())

    if problems:
        many = counted(len(problems), "file or line", "files or lines")
        notes = [*notes, f"left out: {many} (the first: {problems[0]})"]
    listing = Listing(os.fspath(source), (), items, tuple(notes))
    workers = workers or workers_here()
    splits = decode_listing(listing, size, channels, fit, validation, bad_images, workers, progress, None, of)
    found: dict[str, Any] = {part: dataclasses.replace(own, fit=framed) for part, own in splits.parts().items()}
    return dataclasses.replace(splits, **found, rejected=(*problems, *splits.rejected))


def stop_at(problems: Sequence[ImageError], bad_images: BadImages) -> None:
    """Raise the first of these, unless such files are to be skipped."""
    if problems and bad_images == "stop":
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        raise ImageError(
            problems[0].path, f"{problems[0].reason}{more}; mend or remove it, or leave such out: --bad-images skip"
        )
