"""One word or path to a data set."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.download import Progress
from hubel.base.errors import DataError, SettingError
from hubel.base.numbers import counted
from hubel.data._alike import traces_of_files
from hubel.data._dataset import Dataset, Splits, splits_of
from hubel.data._heard import heard
from hubel.data._source import layout_of, open_source
from hubel.data._split import IN_MEMORY, Validation, held_out, hold_out, share_to_hold_out
from hubel.data._survey import FitRule, Survey, survey
from hubel.data._targets import Labels, Targets, TargetsOf
from hubel.data.cache.decoded import digests, entry_key, stored, working_cache
from hubel.data.cache.fill import BadImages, Decoder, decode_into, decoder, prepared
from hubel.data.decode.image import ImageError
from hubel.data.decode.parallel import workers_here
from hubel.data.prepare.preprocessing import Preprocessing, fit_bands, fit_image
from hubel.data.sources.listing import Item, Listing, some
from hubel.data.sources.named import NamedSet
from hubel.data.sources.parts import PARTS

NOT_KEPT = 2**21  # bytes of decoded images up to which decoding them again is quicker than looking for them


def load(
    source: str | os.PathLike[str] | NamedSet,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: FitRule = "auto",
    validation: Validation = 0.0,
    bad_images: BadImages = "stop",
    workers: int | None = None,
    progress: Progress | None = None,
    like: Preprocessing | None = None,
    targets: TargetsOf = Labels,
    **layout: str,
) -> Splits:
    """The data set that a word or a path means, decoded.

    source: "mnist" (inside the package), another name of `NAMED_SETS` (from a system's package or downloaded once), or
        a path: a folder of class folders (in train, val, test folders or not), a zip or tar of one, tar shards in
        WebDataset's layout (a tar, a folder of tars, or a pattern such as "train-{000..099}.tar"), a CSV file of
        paths and labels, .npz, .npy, IDX files; or "hf:owner/name", a data set of the Hugging Face hub.
    size: height and width that images are brought to; where not given, their own where that is one, else 224×224 (or
        less, for smaller ones); one size of up to 256 is kept.
    channels: 1 or 3; where not given, 1 where the images are grey. Arrays may have other numbers, which stay.
    fit: how another size is met (see Preprocessing); "auto" crops, unless that would cut more than half of the picture
        away in more than a tenth of the images, and then pads.
    validation: the share of each class's training images to hold out where the source has no validation part; "auto"
        is a fifth (a tenth of 5,000 images and more) where it has neither validation nor test part, "needed" the same
        where it has no validation part. `Splits.held_out` says what that came to.
    bad_images: "stop" raises ImageError at the first file that cannot be read; "skip" leaves such files out and lists
        them in `Splits.rejected`.
    workers: images decoded at once, by default one a processor.
    progress: called with what is being done, how much of it is done, and how much it is.
    like: a model's preprocessing, which images are then brought to as in prediction; for size, channels and fit.
    targets: what labels and the names of their classes come to, for tasks that take these names for texts.
    layout: what to take for what, where folders and tables do not say: parts, labels, image_column, label_column,
        label_kind, image_folder (see `Layout`). `Splits.notes` says what was taken for what.

    Image files are decoded once, into the cache folder; later runs read them from there, or map them above 64 MiB.

    Raises ValueError or OSError, saying what was expected and found where, for a source that is not understood.
    """
    if channels is not None and channels < 1:
        raise SettingError(f"expected 1 or 3 channels, or those of arrays, received {channels}")
    if size is not None and (isinstance(size, int) or len(size) != 2 or min(size) < 1):
        raise SettingError(f"expected size as (height, width), such as (24, 24), received {size!r}")
    if bad_images not in ("stop", "skip"):
        raise SettingError(f"expected bad_images 'stop' or 'skip', received {bad_images!r}")
    found = open_source(source, progress, layout_of(layout))
    if like is not None:
        size, channels = (like.height, like.width), like.channels
        fit = like.fit if fit == "auto" else fit
    if isinstance(found, Splits):
        if size is not None or channels is not None:
            found = _resized(found, size, channels, fit)
        parts = {part: _changed(getattr(found, part), targets, found.train.name) for part in PARTS}
        found = dataclasses.replace(found, **parts)
        return hold_out(dataclasses.replace(found, notes=(*found.notes, *found.train.targets.told())), validation)
    workers = workers or workers_here()
    return decode_listing(found, size, channels, fit, validation, bad_images, workers, progress, like, targets)


def _meant(targets: TargetsOf, name: str, labels: npt.NDArray[np.int64], classes: tuple[str, ...]) -> Targets:
    """What labels of a source come to. Raises DataError that names it."""
    try:
        return targets(labels, classes)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def _changed(part: Dataset | None, targets: TargetsOf, name: str) -> Any:
    """The same images, with what their labels come to."""
    if part is None or targets is Labels:
        return part
    meant = _meant(targets, name, part.labels, part.classes)
    return dataclasses.replace(part, targets=meant, classes=meant.classes)


def decode_listing(
    listing: Listing,
    size: tuple[int, int] | None,
    channels: int | None,
    rule: FitRule,
    validation: Validation,
    bad_images: BadImages,
    workers: int,
    progress: Progress | None,
    like: Preprocessing | None,
    targets: TargetsOf,
) -> Splits:
    """The images of a listing at one size; size, channels, rule: as `load` has size, channels and fit."""
    if channels not in (None, 1, 3):
        raise SettingError(f"{listing.name}: expected 1 or 3 channels for image files, received {channels}")
    seen = survey([item for item, _ in next(listing.parts[part] for part in PARTS if listing.parts.get(part))])
    shape = (*(size or seen.usual_size()), channels or (1 if seen.grey else 3))
    fit = seen.choose(rule, shape)
    as_found = set(seen.sizes) == {shape[:2]}
    pairs = [pair for part in PARTS for pair in listing.parts.get(part, ())]
    ends = np.cumsum([len(listing.parts.get(part, ())) for part in PARTS])
    items, labels = [item for item, _ in pairs], np.array([label for _, label in pairs], np.int64)
    marks = np.searchsorted(ends, np.arange(len(items)), side="right")  # 0 train, 1 validation, 2 test
    size_in_all = len(items) * shape[0] * shape[1] * shape[2]
    kept = size_in_all > NOT_KEPT
    share = share_to_hold_out(validation, {part: len(entries) for part, entries in listing.parts.items()})
    root, unkept = working_cache() if kept or share else (Path(), ())
    contents = digests(root, listing.name, items, workers, progress) if kept or share else []
    told = None
    if share:
        # put before the test images, so that every part is one stretch of the decoded rows
        traces = traces_of_files(root, contents[: ends[0]], items[: ends[0]], workers, progress)
        strata = _meant(targets, listing.name, labels[: ends[0]], listing.classes)
        out, told = held_out(traces, strata, share, fit)
        marks[: ends[0]][out] = 1
        order = np.argsort(marks, kind="stable")
        items, labels, marks = [items[i] for i in order], labels[order], marks[order]
        contents = [contents[i] for i in order]

    decode = decoder(shape, fit, seen.levels) if like is None else prepared(like)
    how = fit if like is None else like.to_json()
    images, rejected = (
        stored(
            root,
            entry_key(contents, shape, how, seen.levels),
            items,
            shape,
            lambda sink: checked(decode_into(sink, items, decode, workers, progress), bad_images),
        )
        if kept
        else _in_memory(items, shape, decode, workers, progress)
    )
    checked(rejected, bad_images)
    if size_in_all <= IN_MEMORY:
        images = np.array(images)
    readable = np.ones(len(items), bool)
    readable[[position for position, _ in rejected]] = False
    labels, marks = labels[readable], marks[readable]
    names = [item.name for item, read in zip(items, readable.tolist(), strict=True) if read]
    parts = {}
    for number, part in enumerate(PARTS):
        first, last = np.searchsorted(marks, [number, number + 1])
        if first < last:
            parts[part] = Dataset(
                images[first:last],
                _meant(targets, listing.name, labels[first:last], listing.classes),
                (),
                f"{Path(listing.name).name} {part}",
                None if as_found else fit,
                seen.levels,
                names[first:last],
            )
    if not parts or ("train" in listing.parts and "train" not in parts):
        raise DataError(f"{listing.name}: none of the {len(items):,} images can be read; the first: {rejected[0][1]}")
    unread = tuple(error for _, error in rejected)
    framing = seen.notes(fit, shape) if like is None else []
    splits = splits_of(parts)
    framing += heard(items, workers) if seen.sounds else []
    notes = (*listing.notes, *framing, *unkept, *_unread(listing, unread, marks, labels), *splits.train.targets.told())
    return dataclasses.replace(splits, rejected=unread, held_out=told, notes=notes)


def _unread(
    listing: Listing, rejected: Sequence[ImageError], marks: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
) -> Iterator[str]:
    """What is to be said of files that could not be read, and of classes that have no training image left."""
    if not rejected:
        return
    first = f"{rejected[0].path}: {rejected[0].reason}"
    files = "1 file" if len(rejected) == 1 else f"{len(rejected):,} files"
    yield f"left out: {files} that cannot be read ({first}{'; …' if len(rejected) > 1 else ''})"
    had, left = {label for _, label in listing.parts.get("train", ())}, set(labels[marks < 2].tolist())
    if listing.classes and had - left:
        yield f"no training image is left of {some(listing.classes[label] for label in sorted(had - left))}"


def checked(rejected: list[tuple[int, ImageError]], bad_images: BadImages) -> list[tuple[int, ImageError]]:
    """The same. Raises the first of them, unless they are to be left out."""
    if rejected and bad_images == "stop":
        error = rejected[0][1]
        more = len(rejected) - 1
        count = f" (and {more:,} more file{'s' * (more > 1)} cannot be read)" if more else ""
        raise ImageError(error.path, f"{error.reason}{count}; mend or remove it, or leave such out: --bad-images skip")
    return rejected


def _in_memory(
    items: Sequence[Item], shape: tuple[int, int, int], decode: Decoder, workers: int, progress: Progress | None
) -> tuple[npt.NDArray[np.uint8], list[tuple[int, ImageError]]]:
    images: list[npt.NDArray[np.uint8]] = []
    rejected = decode_into(images.append, items, decode, workers, progress)
    return np.stack(images) if images else np.zeros((0, *shape), np.uint8), rejected


def _resized(splits: Splits, size: tuple[int, int] | None, channels: int | None, rule: FitRule) -> Splits:
    seen = Survey((splits.train.shape[:2],), splits.train.shape[2] == 1, None)
    shape = (*(size or splits.train.shape[:2]), channels or splits.train.shape[2])
    fit = seen.choose(rule, shape)

    def change(part: Dataset) -> Dataset:
        height, width = size or part.shape[:2]
        depth = channels or part.shape[2]
        if (height, width, depth) == part.shape:
            return part
        if depth != part.shape[2] and not {depth, part.shape[2]} <= {1, 3}:
            raise SettingError(
                f"{part.name}: expected {counted(part.shape[2], 'channel')}, as its images have, received {depth}"
            )
        images = np.empty((len(part), height, width, depth), np.uint8)
        for row, image in zip(images, part.images, strict=True):
            if depth not in (1, 3):
                row[:] = fit_bands(image, height, width, fit)
                continue
            picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
            row[:] = fit_image(picture, height, width, depth, fit)
        same_form = height * part.shape[1] == width * part.shape[0]
        return dataclasses.replace(part, images=images, fit=part.fit if same_form else fit)

    return dataclasses.replace(
        splits,
        notes=(*splits.notes, *seen.notes(fit, shape)),
        train=change(splits.train),
        validation=splits.validation and change(splits.validation),
        test=splits.test and change(splits.test),
    )
