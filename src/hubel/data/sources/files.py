"""Images without labels: those of a folder, a pattern, a list, or named one by one."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hubel.base.errors import DataError
from hubel.base.numbers import counted
from hubel.data.decode.image import SUFFIXES, UNREAD_SUFFIXES
from hubel.data.sources.listing import files_below, has_suffix, image_paths_in, natural_key
from hubel.data.sources.paired import paired
from hubel.data.sources.unread import unread_kinds

_LISTS = (".txt", ".lst", ".list")
_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
_HOLDING = dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"), "an archive; unpack it") | dict.fromkeys(
    (".npz", ".npy", ".idx"), "arrays; in Python, predict takes such"
)
_TRIED = 16  # files by which it is told whether a folder holds masks
Place = str | os.PathLike[str]


def image_files(given: Place | Iterable[Place], told: list[str] | None = None, unread: bool = False) -> list[str]:
    """The paths of the images that are meant, in order: of a folder those in it and below, in natural order, without
    masks in a folder of their own beside the images (how many goes to `told`, and what else cannot be read), and after
    them, where `unread`, the images of kinds that cannot be read; of a pattern ("shots/*.png", ** for any
    folders) those that fit; of a list (.txt, a path a line) or a table (.csv) those that it names. Any other path is an
    image's own, also where nothing is there yet.

    Raises DataError where a folder, a pattern or a list has none.
    """
    places = [given] if isinstance(given, (str, os.PathLike)) else given
    return [path for place in places for path in _images(os.fspath(place), [] if told is None else told, unread)]


def text_of_list(content: bytes, errors: str = "strict") -> str:
    """The text of a list of paths, in UTF-8, or in UTF-16 where it begins so (as PowerShell writes)."""
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if wide else "utf-8-sig", errors)


def listed(text: str, folder: Path) -> list[str]:
    """The paths of a list, one a line or with NUL between (`find -print0`), beside the list (`folder`) where they are
    not where they say; empty lines and those that begin with # are passed over, and quotes around a path.
    """
    lines = text.split("\0") if "\0" in text else map(str.strip, text.splitlines())
    names = [line[1:-1] if line[:1] in ("'", '"') and line.endswith(line[0], 1) else line for line in lines]
    return [
        name if os.path.exists(name) or not os.path.exists(folder / name) else str(folder / name)
        for name in names
        if name and not name.startswith("#")
    ]


def _images(place: str, told: list[str], unread: bool) -> list[str]:
    if not place.strip():
        raise DataError(f"expected an image, a folder, a pattern or a list; received {place!r}")
    path = Path(place).expanduser()
    if path.is_dir():
        found = sorted(image_paths_in(path), key=natural_key)
        others = [name for name, _ in files_below(str(path)) if os.path.splitext(name)[1].lower() not in SUFFIXES]
        kinds = unread_kinds(f"{path.name}/{name}" for name in others)
        if not found:
            raise DataError(f"{place}: expected images in the folder, found none{f' but {kinds}' if kinds else ''}")
        if kinds:
            told.append(f"{'cannot be read' if unread else 'left out'}: {kinds} in {place}")
        masks = set(_masks(path, found))
        if masks:
            told.append(f"not taken for images: {counted(len(masks), 'mask')} beside the images of {place}")
        lost = [str(path / name) for name in others if unread and has_suffix(name, UNREAD_SUFFIXES)]
        return [*(name for name in found if name not in masks), *sorted(lost, key=natural_key)]
    suffix = path.suffix.lower()
    if re.match(r"[a-z]+://", place):
        raise DataError(f"{place}: is an address, and pictures are not fetched; expected a file, a folder or a pattern")
    if path.is_file() and suffix in _TABLES:
        from hubel.data.sources.tables.listing import images_of_table  # most name images alone

        return [item.path for item in images_of_table(path)]
    if path.is_file() and suffix in _LISTS:
        found = listed(text_of_list(path.read_bytes(), "surrogateescape"), path.parent)
        if not found:
            raise DataError(f"{place}: expected a path a line, found none")
        return found
    if path.is_file() and suffix in _HOLDING:
        raise DataError(f"{place}: expected images, a folder, a pattern or a list, received {_HOLDING[suffix]}")
    if not path.exists() and glob.has_magic(place):
        found = sorted((name for name in glob.glob(str(path), recursive=True) if os.path.isfile(name)), key=natural_key)
        if not found:
            raise DataError(f"{place}: expected files that fit the pattern, found none")
        return found
    return [str(path)]


def _masks(root: Path, images: Sequence[str]) -> Iterator[str]:
    """Those of a folder's pictures that are masks of others: folders are called so, and most files after an image."""
    folders: dict[Path, list[str]] = {}
    inside: dict[Path, set[str]] = {}  # names of the folders in each
    for name in images:
        above = Path(name).parents
        for child, folder in itertools.pairwise(above):
            if child == root:
                break
            folders.setdefault(child, []).append(name)
            inside.setdefault(folder, set()).add(child.name)
    for folder, names in inside.items():
        for image, mask in paired(names):
            stems = {Path(name).stem for name in folders[folder / image]}
            own = folders[folder / mask]
            tried = [Path(name).stem for name in own[:_TRIED]]
            if 2 * sum(any(stem in one for stem in stems) for one in tried) > len(tried):
                yield from own
