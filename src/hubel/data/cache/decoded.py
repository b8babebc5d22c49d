"""Decoded images on disk, found again by the content of the files they came from.

An entry is a folder `decoded/<key>/` with `images.bin` (rows of uint8), `sums.bin` and `entry.json`. The key is a
SHA-256 over the content of every image, in order, and over what was made of them; so a moved or copied folder finds its
entry, and a changed image never meets a stale one. So that a start need not read every file, their digests are kept in
`digests/`, each good as long as the file's size and times of change are the same.
"""

from __future__ import annotations

import array
import functools
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.base.download import Progress
from hubel.base.errors import CacheError
from hubel.base.files import (
    cache_folder,
    keep,
    locked,
    made_folder,
    replacing,
    settled,
    sha256_of,
    stamp_of,
    write_atomically,
)
from hubel.base.model_file import WholenessWarning
from hubel.base.plain import MISREAD
from hubel.data.cache.sums import FILE, sum_of
from hubel.data.decode.image import ImageError
from hubel.data.decode.levels import Levels
from hubel.data.sources.listing import Item

_VERSION = 4  # of what decoding makes of an image; a new number leaves older entries unused
_BLOCK = 2**20
_SUMMED = 2**28  # bytes up to which an entry is summed when it is opened; larger ones image by image, when taken


def digests(root: Path, name: str, items: Sequence[Item], workers: int, progress: Progress | None) -> list[str]:
    """The SHA-256 of each item's content (for a member of an archive: of the archive and the member's place in it)."""
    book_path = root / "digests" / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:24]}.json"
    book = _read_json(book_path)
    rows = book.items() if isinstance(book, dict) else ()
    known: dict[str, list[Any]] = {
        place: row for place, row in rows if isinstance(row, list) and [*map(type, row)] == [int, int, int, str]
    }
    stats = {place: _stat(place) for place in dict.fromkeys(item.place[0] for item in items)}
    fresh = [place for place, stat in stats.items() if known.get(place, [])[:3] != stat]
    with ThreadPoolExecutor(workers) as pool:
        for number, (place, digest) in enumerate(zip(fresh, pool.map(_digest_file, fresh), strict=True), 1):
            known[place] = [*stats[place], digest]
            if progress is not None and (number % 256 == 0 or number == len(fresh)):
                progress("reading files", number, len(fresh))
    if fresh:
        keep(book_path, json.dumps({place: known[place] for place in stats if settled(stats[place])}))
    return [
        known[place][3]
        if not inside
        else hashlib.sha256(f"{known[place][3]}:{inside}".encode(errors="surrogateescape")).hexdigest()
        for place, inside in (item.place for item in items)
    ]


def entry_key(digests: Sequence[str], shape: tuple[int, int, int], fit: str, levels: Levels | None = None) -> str:
    """The key of what decoding these contents to this shape makes."""
    words = f"{_VERSION} {shape} {fit}" + (f" {levels}" if levels else "")
    whole = hashlib.sha256(f"{words}\n".encode())
    for digest in digests:
        whole.update(digest.encode())
    return whole.hexdigest()


def stored(
    root: Path,
    key: str,
    items: Sequence[Item],
    shape: tuple[int, int, int],
    make: Callable[[Callable[[npt.NDArray[np.uint8]], object]], list[tuple[int, ImageError]]],
) -> tuple[npt.NDArray[np.uint8], list[tuple[int, ImageError]]]:
    """The entry `key` as a read-only memory map N×H×W×C, and what was left out of it; made by `make(sink)` where it is
    not there. Of several processes that ask at once, one makes it and the others wait.

    Raises OSError where the disk has no room for it.
    """
    folder = root / "decoded" / key
    found = _open(folder, items, shape)
    if found is None:
        made_folder(folder.parent)
        with locked(folder.with_name(f"{key}.lock")):
            found = _open(folder, items, shape)
            if found is None:
                _make(folder, items, shape, make)
                found = _open(folder, items, shape)
    assert found is not None
    return found


def _open(
    folder: Path, items: Sequence[Item], shape: tuple[int, int, int]
) -> tuple[npt.NDArray[np.uint8], list[tuple[int, ImageError]]] | None:
    entry = _read_json(folder / "entry.json")
    try:
        rejected = [(int(place), ImageError(items[int(place)].name, str(why))) for place, why in entry["rejected"]]
        count, path = len(items) - len(rejected), folder / "images.bin"
        whole = path.stat().st_size == count * shape[0] * shape[1] * shape[2]
        whole = whole and (folder / FILE).stat().st_size == 4 * count  # which older entries have not
        digest = entry.get("sha256")  # older entries have none
        whole = whole and (digest is None or path.stat().st_size > _SUMMED or sha256_of(path) == digest)
    except FileNotFoundError:
        return None
    except (OSError, *MISREAD):
        whole = False
    if not whole:
        if entry is not None:
            told = f"{folder}: these decoded images were changed or damaged; made anew"
            warnings.warn(told, WholenessWarning, stacklevel=3)
        return None
    if not count:
        return np.zeros((0, *shape), np.uint8), rejected
    return np.memmap(path, np.uint8, "r", shape=(count, *shape)), rejected


def _make(
    folder: Path,
    items: Sequence[Item],
    shape: tuple[int, int, int],
    make: Callable[[Callable[[npt.NDArray[np.uint8]], object]], list[tuple[int, ImageError]]],
) -> None:
    needed = len(items) * shape[0] * shape[1] * shape[2]
    free = shutil.disk_usage(folder.parent).free
    if free < needed + 2**26:
        raise CacheError(
            f"{len(items):,} images of {shape[0]}×{shape[1]}×{shape[2]} need {needed / 1e9:.1f} GB in {folder.parent}, "
            f"where {free / 1e9:.1f} GB are free; set HUBEL_CACHE to a folder with more room, or take a smaller size"
        )
    shutil.rmtree(folder, ignore_errors=True)
    with replacing(folder, partial=f"{folder.name}.part") as part:  # one name, under the lock
        part.mkdir()
        total, sums = hashlib.sha256(), array.array("I")
        with open(part / "images.bin", "wb", buffering=_BLOCK) as file:

            def sink(image: npt.NDArray[np.uint8]) -> None:
                content = np.ascontiguousarray(image).data
                total.update(content)
                sums.append(sum_of(image))
                file.write(content)

            rejected = make(sink)
            file.flush()
            os.fsync(file.fileno())
        write_atomically(part / FILE, np.array(sums, "<u4").tobytes())
        entry = {
            "sha256": total.hexdigest(),
            "shape": shape,
            "rejected": [(position, error.reason) for position, error in rejected],
        }
        write_atomically(part / "entry.json", json.dumps(entry))


def _stat(place: str) -> list[int]:
    try:
        return [*stamp_of(os.stat(place))]
    except (OSError, ValueError):  # a name with a NUL is no file's
        return [-1, -1, -1]


def _digest_file(place: str) -> str:
    try:
        return sha256_of(place) if os.path.isfile(place) else "unreadable: no file"
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


@functools.lru_cache(maxsize=4)
def _own_folder(root: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hubel-")  # emptied when the process ends


def working_cache() -> tuple[Path, tuple[str, ...]]:
    """The cache folder; where nothing can be put there, a temporary one of this process, and what to say of it."""
    root = cache_folder()
    try:
        return made_folder(root), ()
    except CacheError as error:
        return Path(_own_folder(root).name), (f"{error}; without it images are decoded anew each time",)
