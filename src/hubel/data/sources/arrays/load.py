"""Data sets that come as arrays: .npz, .npy and IDX files."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.base.names import listing
from hubel.data._dataset import Dataset, Splits, splits_of
from hubel.data.decode.levels import Levels, scaled, usual_levels, words_of_levels
from hubel.data.sources.arrays.idx import read_idx
from hubel.data.sources.arrays.npz import read_npy, read_npz
from hubel.data.sources.layout import Layout
from hubel.data.sources.parts import PARTS, part_and_rest, words_of
from hubel.data.sources.tables.rows import NOT_GIVEN, RowParts, parts_of_rows

Array = npt.NDArray[Any]
_IMAGES = frozenset(("x", "image", "images", "img", "imgs", "data", "features", "pixels"))
_MOST_CHANNELS = 32  # of pictures with more bands than red, green and blue
_CLASSES = frozenset(("classes", "classnames", "names", "labelnames", "targetnames", "categories"))
_SHORT = {"tr": "train", "va": "validation", "vl": "validation", "te": "test", "ts": "test"}  # beside x or y
_LABELS = frozenset(("y", "label", "labels", "target", "targets"))


def load_npz(path: Path, layout: Layout) -> Splits:
    """The data set in an .npz: x_train and y_train, with x_val, y_val, x_test, y_test if there are; or train_images and
    train_labels and so on, in any words for the parts; or images and labels, perhaps with an array that says the part
    of each (`split`, `is_valid`, `fold`), as a table's column does. Class names are taken from `classes` where that is
    there. layout.label_kind: "labels" and "numbers" take rows of several for texts (see `label_cells`).

    Raises ValueError where the arrays are missing or do not fit together. Pickled objects are refused.
    """
    arrays = read_npz(path)
    names = next((array for key, array in arrays.items() if _names_classes(key, array)), None)
    found, notes = _paired(path, arrays, layout)
    given = None if names is None else tuple(str(name) for name in names)
    if layout.label_kind in ("labels", "numbers"):
        found = {
            part: (images, _texts(f"{path.stem} {part}", labels, given)) for part, (images, labels) in found.items()
        }
        given = None
    splits = make_splits(path.stem, found, given)
    return dataclasses.replace(splits, notes=(*notes, *splits.notes))


def _texts(place: str, labels: Array, names: tuple[str, ...] | None) -> Array:
    """Labels of several, N×K, or of one, N, as texts."""
    if labels.ndim not in (1, 2) or labels.dtype.kind not in "iufbUS" or (labels.ndim == 2 and not labels.shape[1]):
        raise DataError(f"{place}: expected labels or numbers, N or N×K, received {labels.dtype} of {labels.shape}")
    if labels.ndim == 1:
        return np.array([str(label) for label in labels.tolist()])
    width = labels.shape[1]
    heads = names if names is not None and len(names) == width else tuple(f"output {n + 1}" for n in range(width))
    rows = (dict(zip(heads, row, strict=True)) for row in labels.astype(labels.dtype.str.replace("b", "u")).tolist())
    return np.array([json.dumps(row, ensure_ascii=False) for row in rows])


def _names_classes(key: str, array: Array) -> bool:
    return "".join(words_of(key)) in _CLASSES and array.ndim == 1 and (array.dtype.kind in "US" or key == "classes")


def _paired(
    path: Path, arrays: Mapping[str, Array], layout: Layout
) -> tuple[dict[str, tuple[Array, Array]], tuple[str, ...]]:
    """Images and labels by part, by words of the arrays' names (x_valid, y_valid; dev_images, …); and what to say."""
    told = {("train", "images"): "arr_0", ("train", "labels"): "arr_1"} if {"arr_0", "arr_1"} <= set(arrays) else {}
    for key in arrays:
        words = tuple(_SHORT.get(word, word) for word in words_of(re.sub(r"(?i)^([xy])(?=t[res]|va|vl)", r"\1_", key)))
        part, rest = part_and_rest(" ".join(words))
        kind = "images" if _IMAGES & set(words) else "labels" if _LABELS & set(words) else ""
        if kind and not set(rest) - _IMAGES - _LABELS and (part or len(words) == 1):
            told[part or "train", kind] = key
    pairs = {part: (told[part, "images"], told.get((part, "labels"), "")) for part in PARTS if (part, "images") in told}
    used = {key for pair in pairs.values() for key in pair} | {k for k, own in arrays.items() if _names_classes(k, own)}
    notes = []
    for part, (images, labels) in [*pairs.items()]:
        if not labels and part == "train":
            raise DataError(f"{path}: {images} is the images of {part}, and their labels are missing")
        if not labels:
            notes.append(f"left out: {images}, {len(arrays[images]):,} images of the {part} part without labels")
            del pairs[part]
    if not pairs:
        raise DataError(
            f"{path}: expected arrays x_train and y_train (or images and labels), found {', '.join(sorted(arrays))}"
        )
    found = {part: (arrays[images], arrays[labels]) for part, (images, labels) in pairs.items()}
    if set(pairs) != {"train"}:
        notes.append("parts by array: " + ", ".join(f"{images} is {part}" for part, (images, _) in pairs.items()))
    else:
        found, rows = _by_rows(
            path, {key: own for key, own in arrays.items() if key not in used}, *found["train"], layout
        )
        notes += [rows.said, *filter(None, [rows.left_out])] if rows.columns else []
        used |= {[key for key in arrays if key not in used][number] for number in rows.columns}
    if set(arrays) - used:
        notes.append(f"not used: {', '.join(sorted(set(arrays) - used))}")
    return found, tuple(notes)


def _by_rows(
    path: Path, others: Mapping[str, Array], images: Array, labels: Array, layout: Layout
) -> tuple[dict[str, tuple[Array, Array]], RowParts]:
    """The images and labels by part, where another array says the part of each, as columns of tables do."""
    cells = [own.tolist() if own.shape == images.shape[:1] else [""] * len(images) for own in others.values()]
    body = [(number, [str(cell) for cell in row]) for number, row in enumerate(zip(*cells, strict=True))]
    left = [number for number, own in enumerate(others.values()) if own.shape == images.shape[:1]]
    rows = parts_of_rows(path, list(others), body or [(0, [])] * len(images), left, layout)
    marks = np.array([part or "" for part in rows.parts])
    parts = [part for part in PARTS if (marks == part).any()]
    if parts == ["train"] and (marks == "train").all():
        return {"train": (images, labels)}, rows
    return {part: (images[marks == part], labels[marks == part]) for part in parts}, rows


def load_npy(path: Path) -> Splits:
    """The data set whose images are in one .npy file and whose labels lie beside it: images.npy and labels.npy,
    x.npy and y.npy, with train/val/test in both names if there are parts. Images stay a memory map.
    """
    found = _pairs(path, ".npy")
    arrays = {part: (read_npy(images, mapped=True), read_npy(labels)) for part, (images, labels) in found.items()}
    return make_splits(path.stem, arrays, None)


def load_idx(path: Path) -> Splits:
    """The data set in IDX files as MNIST's, gzip or plain: `path` is the folder, or the file of training images."""
    folder = path if path.is_dir() else path.parent
    found = {}
    for part, prefix in (("train", "train"), ("test", "t10k"), ("test", "test")):
        images = _only(folder, rf"(.*[-_])?{prefix}-images[-.]idx3-ubyte(\.gz)?")
        labels = _only(folder, rf"(.*[-_])?{prefix}-labels[-.]idx1-ubyte(\.gz)?")
        if images and labels:
            found[part] = (read_idx(images), read_idx(labels))
    if "train" not in found:
        raise DataError(
            f"{folder}: expected train-images-idx3-ubyte and train-labels-idx1-ubyte (with .gz or without), found "
            f"{listing(sorted(entry.name for entry in folder.iterdir()), 8)}"
        )
    return make_splits(folder.name, found, None)


def is_idx_folder(folder: Path) -> bool:
    """Whether a folder holds IDX files as MNIST's."""
    return any("-idx3-ubyte" in entry.name or ".idx3-ubyte" in entry.name for entry in folder.iterdir())


def make_splits(name: str, arrays: Mapping[str, tuple[Array, Array]], classes: tuple[str, ...] | None) -> Splits:
    """Splits of (images, labels) by part. Images may be N×H×W, N×H×W×C or N×C×H×W, bytes or floating point from 0 to
    1; labels numbers, text, or one-hot rows. Without `classes`, whole numbers are their own names.
    """
    arrays, bare = _labelled(arrays)
    labels = {part: _plain_labels(f"{name} {part}", pair[1]) for part, pair in arrays.items()}
    if classes is None:
        classes = _class_names(name, labels)
    else:
        labels = {part: _by_name(values, classes) for part, values in labels.items()}
    if any(values.dtype.kind in "US" for values in labels.values()):
        labels = {part: _by_name(values, classes) for part, values in labels.items()}
    first = next(part for part in PARTS if part in arrays)
    levels = _levels(f"{name} {first}", arrays[first][0])
    own = None if levels == (0.0, 1.0) else levels  # which is what floating point means anyway
    parts = {}
    for part, values in labels.items():
        place = f"{name} {part}"
        images = _images(place, arrays[part][0], levels)
        parts[part] = Dataset(images, values.astype(np.int64), classes, place, levels=own)
    notes = [f"values of the images: {words_of_levels(own)} become black to white"] if own else []
    return dataclasses.replace(splits_of(parts), notes=(*notes, *bare))


def _labelled(arrays: Mapping[str, tuple[Array, Array]]) -> tuple[Mapping[str, tuple[Array, Array]], list[str]]:
    """The images that have a label: those without have NaN beside whole numbers, or a text that says nothing."""
    found, count = {}, 0
    for part, (images, labels) in arrays.items():
        given = np.ones(labels.shape[:1], bool)
        if labels.ndim == 1 and labels.dtype.kind in "US":
            given = np.array([str(label).casefold() not in NOT_GIVEN for label in labels.tolist()], bool)
        elif labels.ndim == 1 and labels.dtype.kind == "f":
            given = ~np.isnan(labels)
        whole = given.all() or images.shape[:1] != labels.shape[:1]
        found[part] = (images, labels) if whole else (images[given], labels[given])
        count += 0 if whole else int((~given).sum())
    return found, [f"left out: {count:,} image{'s' * (count > 1)} without a label"] if count else []


def _images(place: str, images: Array, levels: Levels | None) -> npt.NDArray[np.uint8]:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim == 4 and _are_channels(images.shape[1]) and not _are_channels(images.shape[3], images.shape[1]):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or not _are_channels(images.shape[3]) or 0 in images.shape[1:]:
        raise DataError(
            f"{place}: expected images N×H×W, or N×H×W×C of up to {_MOST_CHANNELS} channels, received shape "
            f"{images.shape}"
        )
    if images.dtype == np.uint8:
        return images if images.flags.c_contiguous else np.ascontiguousarray(images)
    if levels is None:
        return np.ascontiguousarray(images.astype(np.uint8))
    found = np.empty(images.shape, np.uint8)
    for first in range(0, len(images), 256):
        found[first : first + 256] = scaled(images[first : first + 256], levels)
    return found


def _are_channels(size: int, other: int = _MOST_CHANNELS) -> bool:
    """Whether an axis of this size is that of the channels: 1, 3, or no more than the other one could have."""
    return size in (1, 3) or 0 < size <= (0 if other in (1, 3) else min(other, _MOST_CHANNELS))


def _levels(place: str, images: Array) -> Levels | None:
    """Which values are black and white; None where the values are bytes, of whatever type."""
    if images.dtype.kind not in "iufb":
        raise DataError(f"{place}: expected images as numbers, received {images.dtype}")
    if images.dtype == np.uint8 or not images.size:
        return None
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise DataError(f"{place}: expected images of finite numbers, received NaN or infinity; mend or remove those")
    low, high = float(images.min()), float(images.max())
    if (low >= 0 and 1 < high <= 255) or (images.dtype.kind != "f" and low >= 0 and high <= 255):
        return None
    return usual_levels(images[:: max(1, len(images) // 256)])


def _plain_labels(place: str, labels: Array) -> Array:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "iufb" and bool((labels.sum(axis=1) == 1).all()):
        labels = labels.argmax(axis=1)
    whole = labels.dtype.kind in "iubUS" or (labels.dtype.kind == "f" and bool((labels == np.floor(labels)).all()))
    if labels.ndim != 1 or not whole:
        raise DataError(
            f"{place}: expected labels as whole numbers, names or one-hot rows, received {labels.dtype} of shape "
            f"{labels.shape}; --task regression learns numbers, --task multilabel rows of yes and no"
        )
    return labels if labels.dtype.kind in "US" else labels.astype(np.int64)


def _class_names(name: str, labels: Mapping[str, Array]) -> tuple[str, ...]:
    from hubel.data.sources.listing import natural_order

    if any(values.dtype.kind in "US" for values in labels.values()):
        return natural_order(str(value) for values in labels.values() for value in np.unique(values))
    low = min((int(values.min()) for values in labels.values() if values.size), default=0)
    high = max((int(values.max()) for values in labels.values() if values.size), default=0)
    if low < 0 or high >= 100_000:
        raise DataError(
            f"{name}: expected labels from 0 up to the number of classes, received {low} to {high}"
            + "; leave out images without a label, which -1 often marks" * (low < 0)
        )
    return tuple(str(number) for number in range(high + 1))


def _by_name(labels: Array, classes: tuple[str, ...]) -> Array:
    if labels.dtype.kind not in "US":
        return labels
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index.get(str(label), -1) for label in labels], dtype=np.int64)


def _pairs(path: Path, suffix: str) -> dict[str, tuple[Path, Path]]:
    name = path.name
    swap = next(
        (pair for pair in (("images", "labels"), ("image", "label"), ("x", "y"), ("X", "y")) if pair[0] in name), None
    )
    if swap is None:
        raise DataError(f"{path}: expected a name with images (beside one with labels), as images.npy and labels.npy")
    found = {}
    own = part_and_rest(path.stem)[0]
    for images in sorted(path.parent.glob(f"*{suffix}")) if own else [path]:
        part, rest = part_and_rest(images.stem)
        labels = images.with_name(images.name.replace(*swap))
        if swap[0] in images.name and rest == part_and_rest(path.stem)[1] and labels.exists():
            found[part or "train"] = (images, labels)
    if "train" not in found:
        raise DataError(
            f"{path}: expected its labels beside it in {path.with_name(name.replace(*swap)).name}, not found"
        )
    return found


def _only(folder: Path, pattern: str) -> Path | None:
    return next((entry for entry in sorted(folder.iterdir()) if re.fullmatch(pattern, entry.name)), None)
