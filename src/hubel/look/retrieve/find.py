"""Images found by likeness: those that a trained network's last weights are given nearly the same for."""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from hubel.base.errors import LockedError, SettingError
from hubel.base.files import locked, settled, stamp_of
from hubel.base.model_file import WholenessWarning
from hubel.data import SUFFIXES, ImageError, Progress
from hubel.look.access.infer import features
from hubel.look.access.models import of_any_model
from hubel.look.retrieve.index import Index, IndexedFile, IndexFileError, fingerprint, rows_of
from hubel.tasks import LoadedModel, need_files
from hubel.view.words.finding import Drawn, Finding
from hubel.view.words.result import Part

__all__ = [
    "Alike",
    "Found",
    "Index",
    "IndexFileError",
    "IndexedFile",
    "Update",
    "embed",
    "find",
    "fingerprint",
    "update_index",
]

_NAMED = 10  # bad images that are named one by one
_CHUNK = 256  # files held in memory at once


@dataclass(frozen=True)
class Found:
    """An image that was found. path: of the file. similarity: the cosine of the features, -1 to 1.

    same: whether the file holds the very bytes that were asked for.
    """

    path: Path
    similarity: float
    same: bool = False


@dataclass(frozen=True, repr=False)
class Update(Finding):
    """What became of an index, which stands at `path`. added, changed, removed: paths within the folder. computed:
    images that went through the network; those whose content was known did not.
    """

    index: Index
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    computed: int
    path: Path

    def shown(self) -> list[Part]:
        """What became of it, in a line."""
        changes = {"added": self.added, "changed": self.changed, "removed": self.removed}
        words = ", ".join(f"{len(names):,} {what}" for what, names in changes.items() if names)
        words = words or ("nothing has changed" if len(self.index) else "none that could be taken in")
        images = f"{len(self.index):,} images of {self.index.folder} in {self.path}"
        return [f"{images}: {words}; {self.computed:,} went through the network"]

    def data(self) -> dict[str, Any]:
        """Counts, and what could not be read."""
        return {
            "index": str(self.path),
            "folder": str(self.index.folder),
            "images": len(self.index),
            "features": self.index.features.shape[1],
            "added": len(self.added),
            "changed": len(self.changed),
            "removed": len(self.removed),
            "computed": self.computed,
            "rejected": [{"path": name, "reason": reason} for name, reason in self.index.rejected],
        }

    @property
    def notes(self) -> list[str]:
        """What was left out, as it could not be read: some by name, and how many; and where nothing was found."""
        rejected = self.index.rejected
        if not rejected:
            none = f"{self.index.folder} holds no image, nor does a folder in it (hidden files are passed over)"
            return [] if len(self.index) else [none]
        more = f"; {len(rejected) - _NAMED:,} more are in --json" if len(rejected) > _NAMED else ""
        told = f"{len(rejected):,} image{'s' * (len(rejected) != 1)} could not be read and left out{more}"
        return [*(f"{name}: {reason}" for name, reason in rejected[:_NAMED]), told]


@dataclass(frozen=True, repr=False)
class Alike(Drawn):
    """What was found: for each image that was asked for, by its path, the files most like it. said: what is to be noted
    of each, "" of most; of none as well.
    """

    asked: tuple[str, ...]
    found: tuple[tuple[Found, ...], ...]
    said: tuple[str, ...] = ()

    drawn_by = "hubel.look.figures.find:sheet"

    def data(self) -> dict[str, Any]:
        """Each image with what was found for it."""
        notes = self.said or ("",) * len(self.asked)
        images = [
            {
                "image": image,
                **({"note": note} if note else {}),
                "found": [{"path": str(one.path), "similarity": one.similarity, "same": one.same} for one in results],
            }
            for image, results, note in zip(self.asked, self.found, notes, strict=True)
        ]
        return {"images": images}

    def lines(self, width: int = 160) -> Iterator[str]:
        """A line for each file."""
        for image, results in zip(self.asked, self.found, strict=True):
            if len(self.asked) > 1:
                yield image
            for one in results:
                yield f"{one.similarity:.3f}  {one.path}{' (the same file)' if one.same else ''}"
            if not results:
                yield "the index is empty"


@of_any_model
def embed(model: LoadedModel, images: Sequence[Any]) -> npt.NDArray[np.float32]:
    """The penultimate features of images (paths, bytes, Pillow images, arrays): float32, N×features, of length 1.

    A row is zero where the features are. Raises ImageError for a file that cannot be read, ValueError where features
    are not finite numbers.
    """
    need_files(model, "finding")
    prepared = [model.preprocessing.prepare(image) for image in images]
    if not prepared:
        return np.empty((0, 0), np.float32)
    found: npt.NDArray[np.float32] = _unit_rows(model, prepared).numpy()
    return found


@of_any_model
def find(model: LoadedModel, path: Path, images: Sequence[Any], top: int = 5) -> tuple[tuple[Found, ...], ...]:
    """For each image, the `top` files of the index at `path` that are most like it, the likest first.

    Raises FileNotFoundError where there is no index, IndexFileError where it is another model's, ImageError for an
    image that cannot be read, ValueError for a `top` below 1.
    """
    if top < 1:
        raise SettingError(f"expected at least 1 image to find, received {top}")
    index = Index.open(path)
    index.check_model(model, path)
    if not len(index) or not images:
        return ((),) * len(images)
    rows = embed(model, images)
    places, near = index.search(rows, top)
    found = []
    for image, row, nearest, cosines in zip(images, rows, places.tolist(), near.tolist(), strict=True):
        own, likeness = _sum_of(image), dict(zip(nearest, cosines, strict=True))
        if (same := index.place_of(own, image)) is not None:  # before others that the network takes for the same
            cosine = float(index.features[same].float() @ torch.from_numpy(row))
            likeness = {same: cosine, **{place: each for place, each in likeness.items() if place != same}}
        found.append(tuple(_found(index, place, each, own) for place, each in list(likeness.items())[:top]))
    return tuple(found)


@of_any_model
def update_index(
    model: LoadedModel, folder: str | os.PathLike[str], path: Path, progress: Progress | None = None
) -> Update:
    """Bring the index at `path` up to date with the images in `folder` and below, or make it; written last, and whole.

    A file counts as unchanged where its size and times are; else its content decides, so that a renamed or copied file
    is not computed again. Hidden files, and those without an image's ending, are passed over; those that cannot be read
    are left out and named in `Index.rejected`. An index of another model, or a damaged one, is made anew.

    Raises NotADirectoryError, and IndexFileError where another process is writing the index or `path` is no index.
    """
    need_files(model, "finding")
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(
            f"{folder}: expected a folder of images, found {'a file' if root.exists() else 'none'}"
        )
    try:
        with locked(Path(f"{path}.lock"), wait=False):
            return _update(model, root.resolve(), path, progress)
    except LockedError:
        raise IndexFileError(f"{path}: another process is writing this index; wait for it") from None


def _update(model: LoadedModel, root: Path, path: Path, progress: Progress | None) -> Update:
    own = fingerprint(model)
    before = _index_before(path)
    known = {} if before is None else {file.path: file for file in before.files}
    if before is not None and before.model == own:
        rows = {file.sha256: i for i, file in enumerate(before.files)}
        old = before.features
    else:
        rows, old = {}, torch.empty(0, 0, dtype=torch.float16)
    files, rejected, parts = [], [], [old]
    computed = 0
    same_folder = before is not None and before.folder == root
    for looked in _looked_at(model, root, known if same_folder else {}, rows, progress):
        fresh = [one for one in looked if one.prepared is not None]
        if fresh:
            vectors = _unit_rows(model, [one.prepared for one in fresh])
            parts.append(vectors.half())
            for one in fresh:
                rows[one.file.sha256] = len(old) + computed
                computed += 1
        files += [one.file for one in looked if not one.reason]
        rejected += [(one.file.path, one.reason) for one in looked if one.reason]
    stacked = rows_of([part for part in parts if len(part)], 0)
    places = torch.tensor([rows[file.sha256] for file in files], dtype=torch.int64)
    index = Index(own, root, tuple(files), stacked[places], tuple(rejected))
    index.save(path)
    now = {file.path: file.sha256 for file in files}
    return Update(
        index,
        added=tuple(name for name in now if name not in known),
        changed=tuple(name for name in now if name in known and known[name].sha256 != now[name]),
        removed=tuple(name for name in known if name not in now),
        computed=computed,
        path=path,
    )


def _index_before(path: Path) -> Index | None:
    """The index to bring up to date; None where there is none, or a damaged one, which is made anew."""
    try:
        return Index.open(path) if path.exists() else None
    except IndexFileError as error:
        if not error.damaged:
            raise
        warnings.warn(f"{error}; made anew", WholenessWarning, stacklevel=2)
        return None


@dataclass(frozen=True, eq=False)
class _Looked:
    """A file that was looked at: its image where that must be computed, the reason where it cannot be read."""

    file: IndexedFile
    prepared: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    reason: str = ""


def _looked_at(
    model: LoadedModel,
    root: Path,
    known: Mapping[str, IndexedFile],
    rows: Mapping[str, int],
    progress: Progress | None,
) -> Iterator[list[_Looked]]:
    """Look at all files in order, some hundred at a time; `rows` may grow in between."""
    names = _image_files(root)

    def look(name: str) -> _Looked:
        return _look(root, name, known.get(name), rows, model.preprocessing.prepare)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # decoders let other threads run
        for start in range(0, len(names), _CHUNK):
            if progress is not None:
                progress("indexing", start, len(names))
            yield list(pool.map(look, names[start : start + _CHUNK]))


def _look(
    root: Path,
    name: str,
    known: IndexedFile | None,
    rows: Mapping[str, int],
    prepare: Callable[[bytes], npt.NDArray[np.uint8]],
) -> _Looked:
    try:
        status = os.stat(root / name)
        if not stat.S_ISREG(status.st_mode):
            return _Looked(IndexedFile(name, "", 0, 0, 0), reason="is no file, but a pipe, a device or a folder")
        stamp = stamp_of(status)
        if known is not None and stamp == (known.size, known.modified, known.changed) and known.sha256 in rows:
            return _Looked(known)
        content = (root / name).read_bytes()
    except OSError as error:
        return _Looked(IndexedFile(name, "", 0, 0, 0), reason=f"cannot be opened ({error.strerror or error})")
    times = stamp[1:] if settled(stamp) else (0, 0)
    file = IndexedFile(name, hashlib.sha256(content).hexdigest(), stamp[0], *times)
    if file.sha256 in rows:
        return _Looked(file)
    try:
        return _Looked(file, prepare(content))
    except ImageError as error:
        return _Looked(file, reason=error.reason)


def _image_files(root: Path) -> list[str]:
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        within = Path(folder).relative_to(root)
        found += [
            (within / name).as_posix()
            for name in sorted(names)
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return found


def _unit_rows(model: LoadedModel, prepared: Sequence[Any]) -> torch.Tensor:
    vectors = features(model, torch.from_numpy(np.stack(prepared)))
    if not vectors.isfinite().all():
        raise SettingError("expected features that are finite numbers, received others; are the model's weights sound?")
    return F.normalize(vectors, dim=1)


def _found(index: Index, place: int, cosine: float, own: str) -> Found:
    file = index.files[place]
    return Found(index.folder / file.path, round(max(-1.0, min(1.0, cosine)), 6), file.sha256 == own)


def _sum_of(image: Any) -> str:
    """The SHA-256 of a file or its bytes; "" for what is neither."""
    if isinstance(image, (str, os.PathLike)):
        image = Path(image).read_bytes()
    return hashlib.sha256(image).hexdigest() if isinstance(image, bytes) else ""
