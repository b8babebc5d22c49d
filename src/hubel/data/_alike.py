"""Which images show nearly the same picture: copies saved again, scaled, brightened, or taken in one moment; and which
sounds are one recording.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.download import Progress
from hubel.base.files import keep
from hubel.data.decode.image import QUIET, ImageError, decode_image
from hubel.data.decode.parallel import in_order
from hubel.data.decode.sound import MARK, Sound, mixed
from hubel.data.prepare.framing import opaque
from hubel.data.sources.listing import Item

SIDE = 16  # of a thumbnail
_ALIKE, _ONE_RECORDING = 0.993, 0.95  # correlation of two thumbnails from which they count as one picture, one sound
_PLAIN = 3.0  # levels of deviation below which a thumbnail shows nothing to compare
_EACH = 2048  # thumbnails up to which each is compared with each
_BLOCK, _ROUNDS = 1024, 3  # where there are more: neighbours so many at once, in so many orders
_VERSION = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Traces:
    """What tells images from one another, row by row.

    contents: uint8 N×16, a digest of the content. thumbnails: uint8 N×16×16, grey; of sounds 256 sums of their samples,
    since spectrograms of steady tones are nearly one picture. readable: bool N.
    """

    contents: npt.NDArray[np.uint8]
    thumbnails: npt.NDArray[np.uint8]
    readable: npt.NDArray[np.bool_]

    def __getitem__(self, rows: slice | npt.NDArray[np.bool_]) -> Traces:
        return Traces(self.contents[rows], self.thumbnails[rows], self.readable[rows])


def trace(content: bytes, picture: Image.Image) -> tuple[bytes, npt.NDArray[np.uint8]]:
    """The digest of a file's content, and the thumbnail of the picture in it."""
    digest = hashlib.blake2b(content, digest_size=16).digest()
    if isinstance(sound := picture.info.get(MARK), Sound):
        return digest, mixed(sound, SIDE * SIDE).reshape(SIDE, SIDE)
    return digest, np.asarray(opaque(picture).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))


def gathered(traces: Iterable[tuple[bytes, npt.NDArray[np.uint8]] | None]) -> Traces:
    """Traces in rows; None stands for an image that cannot be read."""
    rows = list(traces)
    nothing = bytes(16), np.zeros((SIDE, SIDE), np.uint8)
    return Traces(
        np.array([np.frombuffer((row or nothing)[0], np.uint8) for row in rows]).reshape(-1, 16),
        np.array([(row or nothing)[1] for row in rows], np.uint8).reshape(-1, SIDE, SIDE),
        np.array([row is not None for row in rows], bool),
    )


def traces_of_files(
    root: Path, digests: Sequence[str], items: Sequence[Item], workers: int, progress: Progress | None
) -> Traces:
    """The traces of these images, kept in the cache under the digests of what they lie in."""
    key = hashlib.sha256("\n".join([str(_VERSION), *digests]).encode()).hexdigest()
    path = root / "traces" / f"{key}.bin"
    width = 17 + SIDE * SIDE
    if path.exists() and path.stat().st_size == width * len(items):
        table = np.fromfile(path, np.uint8).reshape(-1, width)
        return Traces(table[:, :16], table[:, 17:].reshape(-1, SIDE, SIDE), table[:, 16].astype(bool))
    rows: list[tuple[bytes, npt.NDArray[np.uint8]] | None] = []
    with QUIET:
        for row in in_order(_trace, items, workers):
            rows.append(row)
            if progress is not None and (len(rows) % 256 == 0 or len(rows) == len(items)):
                progress("comparing images", len(rows), len(items))
    found = gathered(rows)
    flat = found.thumbnails.reshape(len(items), -1)
    table = np.concatenate([found.contents, found.readable[:, None].astype(np.uint8), flat], axis=1)
    keep(path, table.tobytes())
    return found


def traces_of_arrays(images: npt.NDArray[np.uint8], sounds: bool = False) -> Traces:
    """The traces of images N×H×W×C. Of `sounds`, whose samples are not there any more, exact copies alone are known."""
    contents = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]
    thumbnails = np.zeros((len(images), SIDE, SIDE), np.uint8)
    for first in range(0, 0 if sounds else len(images), 1024):
        some = images[first : first + 1024].mean(axis=3, dtype=np.float32)
        thumbnails[first : first + 1024] = np.rint(_means(_means(some, 1), 2))
    return Traces(np.frombuffer(b"".join(contents), np.uint8).reshape(-1, 16), thumbnails, np.ones(len(images), bool))


def same_pictures(traces: Traces, sounds: bool = False) -> npt.NDArray[np.int64]:
    """A number for each image, equal where two show the same picture: their contents are equal, or their thumbnails
    correlate at 0.993 and more, of sounds at 0.95. Of more than 2,048 images only those are compared whose thumbnails
    lie near each other in one of the three directions in which thumbnails differ most.
    """
    exact = exact_copies(traces)
    _, first = np.unique(exact, return_index=True)  # one of each content
    vectors = traces.thumbnails[first].reshape(len(first), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.sqrt((vectors**2).sum(axis=1))
    telling = np.flatnonzero((lengths > _PLAIN * SIDE) & traces.readable[first])
    vectors = vectors[telling] / lengths[telling, None]
    group = np.arange(len(first))
    least = _ONE_RECORDING if sounds else _ALIKE
    for rows in _neighbours(vectors):
        for one, other in zip(rows.tolist(), rows[_components(vectors[rows], least)].tolist(), strict=True):
            if one != other:
                _join(group, int(telling[one]), int(telling[other]))
    roots = np.array([_root(group, row) for row in range(len(group))], np.int64)
    return first[roots][exact].astype(np.int64)


def exact_copies(traces: Traces) -> npt.NDArray[np.int64]:
    """A number for each image, equal where two have the same content."""
    return np.unique(traces.contents, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _trace(item: Item) -> tuple[bytes, npt.NDArray[np.uint8]] | None:
    try:
        content = item.read()
        return trace(content, decode_image(content, item.name, at_least=(SIDE, SIDE)))
    except ImageError:
        return None


def _means(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """`SIDE` means along an axis, of equal stretches; where it is shorter, its values again and again."""
    size = values.shape[axis]
    starts = np.arange(SIDE) * size // SIDE
    counts = np.maximum(1, np.diff([*starts, size]))
    shape = [1] * values.ndim
    shape[axis] = SIDE
    means: npt.NDArray[np.float32] = np.add.reduceat(values, starts, axis=axis)
    means /= counts.reshape(shape)
    return means


def _neighbours(vectors: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.int64]]:
    """Rows to compare with one another."""
    if len(vectors) < 2:
        return
    if len(vectors) <= _EACH:
        yield np.arange(len(vectors))
        return
    sample = vectors[:: max(1, len(vectors) // 4096)]
    _, directions = np.linalg.eigh(np.cov(sample, rowvar=False))
    for number in range(1, _ROUNDS + 1):
        order = np.argsort(vectors @ directions[:, -number], kind="stable")
        for start in range(0, len(order) - _BLOCK // 2, _BLOCK // 2):
            yield order[start : start + _BLOCK]


def _components(vectors: npt.NDArray[np.float32], correlation: float) -> npt.NDArray[np.int64]:
    """For each vector the first of those that it is alike to, by way of others too."""
    alike = vectors @ vectors.T >= correlation
    np.fill_diagonal(alike, True)
    first: npt.NDArray[np.int64] = alike.argmax(axis=1)
    while True:
        least = np.where(alike, first, len(first)).min(axis=1, initial=len(first))
        if (least == first).all():
            return first
        first = least


def _root(group: npt.NDArray[np.int64], row: int) -> int:
    while group[row] != row:
        group[row] = group[group[row]]
        row = int(group[row])
    return row


def _join(group: npt.NDArray[np.int64], one: int, other: int) -> None:
    one, other = _root(group, one), _root(group, other)
    group[max(one, other)] = min(one, other)
