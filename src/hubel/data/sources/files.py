"""Images without labels: those of a folder, a pattern, a list, or named one by one."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from hubel.base.errors import DataError
from hubel.data.sources.listing import image_paths_in, natural_key

_LISTS = (".txt", ".lst", ".list")
_TABLES = (".csv", ".tsv")
Place = str | os.PathLike[str]


def image_files(given: Place | Iterable[Place]) -> list[str]:
    """The paths of the images that are meant, in order: of a folder those in it and below, in natural order; of a
    pattern ("shots/*.png", ** for any folders) those that fit; of a list (.txt, a path a line) or a table (.csv) those
    that it names. Any other path is an image's own, also where nothing is there yet.

    Raises DataError where a folder, a pattern or a list has none.
    """
    places = [given] if isinstance(given, (str, os.PathLike)) else given
    return [path for place in places for path in _images(os.fspath(place))]


def listed(lines: Iterable[str], folder: Path) -> list[str]:
    """The paths of a list's lines, beside the list (`folder`) where they are not where they say; empty lines and those
    that begin with # are passed over.
    """
    names = [line.strip() for line in lines]
    return [
        name if os.path.exists(name) or not os.path.exists(folder / name) else str(folder / name)
        for name in names
        if name and not name.startswith("#")
    ]


def _images(place: str) -> list[str]:
    if not place.strip():
        raise DataError(f"expected an image, a folder, a pattern or a list; received {place!r}")
    path = Path(place).expanduser()
    if path.is_dir():
        found = sorted(image_paths_in(path), key=natural_key)
        if not found:
            raise DataError(f"{place}: expected images in the folder, found none")
        return found
    suffix = path.suffix.lower()
    if path.is_file() and suffix in _TABLES:
        from hubel.data.sources.tables.listing import images_of_table  # most name images alone

        return [item.path for item in images_of_table(path)]
    if path.is_file() and suffix in _LISTS:
        found = listed(path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines(), path.parent)
        if not found:
            raise DataError(f"{place}: expected a path a line, found none")
        return found
    if not path.exists() and glob.has_magic(place):
        found = sorted((name for name in glob.glob(str(path), recursive=True) if os.path.isfile(name)), key=natural_key)
        if not found:
            raise DataError(f"{place}: expected files that fit the pattern, found none")
        return found
    return [str(path)]
