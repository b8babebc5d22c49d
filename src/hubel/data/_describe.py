"""What a data set holds, told before anything is trained on it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from hubel.base.download import Progress
from hubel.base.names import listing
from hubel.base.numbers import counted
from hubel.data._alike import SIDE, gathered, trace
from hubel.data._dataset import Dataset, HeldOut, Splits
from hubel.data._heard import heard
from hubel.data._sheet import CELL, sheet
from hubel.data._source import layout_of, open_source
from hubel.data._split import Validation, held_out, hold_out, share_to_hold_out
from hubel.data._survey import FitRule, header_of_tiff, survey
from hubel.data._targets import Labels, Targets, TargetsOf
from hubel.data._told import (
    MOST_CLASSES,
    MOST_FILES,
    SOUND,
    files_lines,
    note_lines,
    sizes_data,
    unreadable_data,
    unreadable_lines,
)
from hubel.data.decode import sound
from hubel.data.decode.image import QUIET, ImageError, decode_image, formats_of
from hubel.data.decode.parallel import in_order, workers_here
from hubel.data.feed.augment import Augmentation
from hubel.data.prepare.preprocessing import Preprocessing, fit_image
from hubel.data.sources.listing import Item, Listing
from hubel.data.sources.named import NamedSet
from hubel.data.sources.parts import PARTS
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

USUAL_EPOCHS = 10  # for which the rule's augmentation is told
_SHOWN = 12  # images a class on the contact sheet
_ROWS = 40  # classes on the contact sheet


@dataclasses.dataclass(frozen=True, repr=False)
class Description(Finding):
    """A data set's contents.

    classes: in natural order. counts: for each part, how many images each class has. sizes: how many images have each
    (height, width); modes: each kind of pixel (Pillow's modes; for arrays "L" or "RGB"); formats: each file format.
    duplicates: names of images with the same content, a group a tuple. leaks: how many images of validation or test
    are also in an earlier part. unreadable: the files that cannot be read, with reasons. imbalance: the largest class's
    training images over the smallest's. preprocessing, augmentation: what the rules would choose, where that is known
    without decoding everything. held_out: what training would hold out for validation where it is not told anything
    else. notes: what to look at, in sentences. all_images: how many images there are, where some are in several classes
    or in none. noun: what the classes are called, one and many.
    """

    name: str
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    sizes: Mapping[tuple[int, int], int]
    modes: Mapping[str, int]
    formats: Mapping[str, int]
    duplicates: tuple[tuple[str, ...], ...]
    leaks: int
    unreadable: tuple[ImageError, ...]
    imbalance: float
    notes: tuple[str, ...]
    sheet: Image.Image
    preprocessing: Preprocessing | None = None
    augmentation: Augmentation | None = None
    held_out: HeldOut | None = None
    all_images: int | None = None
    noun: tuple[str, str] = ("class", "classes")

    @property
    def images(self) -> int:
        """How many images there are in all, with the unreadable ones."""
        return sum(map(sum, self.counts.values())) if self.all_images is None else self.all_images

    def shown(self) -> list[Part]:
        """How many images of each class the parts have, and what to look at."""
        rows = list(zip(self.classes, *self.counts.values(), strict=True))
        table = Table((self.noun[0], *(f"#{part}" for part in self.counts)), rows[:20])
        more = [f"… {len(rows):,} {self.noun[1]}"] if len(rows) > 20 else []
        classes = f"{len(self.classes):,} {self.noun[len(self.classes) != 1]}"
        return [f"{self.name}: {self._examples()}, {classes}", table, *more, *self.notes]

    def _examples(self) -> str:
        word = "sound" if set(self.formats) == {SOUND} else "image" if self.formats else "file"
        return f"{self.images:,} {word}{'s' * (self.images != 1)}"

    def data(self) -> dict[str, object]:
        """All of it but the sheet, of plain types, for JSON."""
        return {
            "name": self.name,
            "images": self.images,
            "classes": list(self.classes),
            "counts": {part: list(counts) for part, counts in self.counts.items()},
            "sizes": sizes_data(self.sizes),
            "modes": dict(self.modes),
            "formats": dict(self.formats),
            "duplicates": [list(group) for group in self.duplicates],
            "leaks": self.leaks,
            "unreadable": unreadable_data(self.unreadable),
            "imbalance": self.imbalance,
            "notes": list(self.notes),
            "preprocessing": None if self.preprocessing is None else str(self.preprocessing),
            "augmentation": None if self.augmentation is None else str(self.augmentation),
            "held_out": None if self.held_out is None else dataclasses.asdict(self.held_out),
        }

    to_dict = data

    def lines(self, width: int = 160) -> Iterator[RenderableType]:
        """The description, part by part."""
        from hubel.view.words.terminal import styled

        within = "in" if self.all_images is None else "with"
        told = "[bold cyan]{}[/]: {} {} {:,} {}"
        classes = len(self.classes)
        yield styled(told, self.name, self._examples(), within, classes, self.noun[classes != 1])
        yield self._table()
        yield ""
        yield from files_lines(self.sizes, self.modes, self.formats)
        if self.preprocessing is not None:
            yield f"prepared   {self.preprocessing}"
            yield f"augmented  {self.augmentation}"
        yield from unreadable_lines(self.unreadable)
        for group in self.duplicates[:MOST_FILES]:
            yield styled("[yellow]same[/]       {}", " = ".join([*group[:4], *(["…"] if len(group) > 4 else [])]))
        if len(self.duplicates) > MOST_FILES:
            yield f"           and {len(self.duplicates) - MOST_FILES:,} more groups; --json lists all"
        yield from note_lines(self.notes)

    def _table(self) -> RenderableType:
        from hubel.view.words.terminal import styled, table

        rows: list[list[object]] = [
            [str(label), styled("[cyan]{}[/]", name), *(f"{counts[label]:,}" for counts in self.counts.values())]
            for label, name in enumerate(self.classes[:MOST_CLASSES])
        ]
        left = len(self.classes) - MOST_CLASSES
        if left > 0:
            rest = (sum(counts[MOST_CLASSES:]) for counts in self.counts.values())
            rows.append(["", f"and {left:,} more", *(f"{count:,}" for count in rest)])
        if self.all_images is None:
            rows.append(["", "all", *(f"{sum(counts):,}" for counts in self.counts.values())])
        return table("#label", self.noun[0], *(f"#{part}" for part in self.counts), rows=rows)

    def tables(self) -> list[Table]:
        """How many images each class has in each part."""
        parts = self.counts
        rows: list[tuple[str | int, ...]] = [
            (label, name, *(parts[part][label] for part in parts)) for label, name in enumerate(self.classes)
        ]
        return [Table(("#label", self.noun[0], *(f"#{part}" for part in parts)), tuple(rows), self.name)]


@dataclasses.dataclass(frozen=True)
class _Seen:
    """One image, as it was found. thumbnail: uint8, for the sheet."""

    name: str
    part: str
    label: int
    digest: str
    size: tuple[int, int] | None
    mode: str
    format: str
    error: ImageError | None
    thumbnail: npt.NDArray[np.uint8] | None
    trace: tuple[bytes, npt.NDArray[np.uint8]] | None


def describe(
    source: str | os.PathLike[str] | NamedSet,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    validation: Validation = "auto",
    targets: TargetsOf = Labels,
    fit: FitRule = "auto",
    **layout: str,
) -> Description:
    """Looks at every image of a source (see `load`, `layout` too), decoding each in full, and tells what is there.

    validation: what training is to hold out (see `load`). targets: what labels and the names of their classes come to,
    for tasks that take these names for texts. fit: how training brings images to one size (see `load`).

    Raises ValueError or OSError for a source that is not understood; unreadable images are part of the description.
    """
    found = open_source(source, progress, layout_of(layout))
    if isinstance(found, Splits):
        images = list(_of_arrays(found))
        classes = found.train.classes
        described = _describe(found.train.name.removesuffix(" train"), _targets(targets, images, classes), images)
        preprocessing = Preprocessing.for_dataset(found.train)
        augmentation = Augmentation.for_dataset(found.train, preprocessing, USUAL_EPOCHS)
        described = dataclasses.replace(described, preprocessing=preprocessing, augmentation=augmentation)
        train = dataclasses.replace(
            found.train, targets=(own := targets(found.train.labels, classes)), classes=own.classes
        )
        share = share_to_hold_out(validation, {part: len(own) for part, own in found.parts().items()})
        held = hold_out(Splits(train), share).held_out
        return _with_notes(described, found.notes, held)
    workers = workers or workers_here()
    images = list(_of_files(found, workers, progress))
    wanted = _targets(targets, images, found.classes)
    entries = [item for part in PARTS for item, _ in found.parts.get(part, ())]
    sounds = [item for item, seen in zip(entries, images, strict=True) if seen.format == SOUND]
    notes = (*found.notes, *(heard(sounds, workers) if sounds else ()), *_in_training(found, fit))
    return _with_notes(_describe(found.name, wanted, images), notes, _to_hold_out(found, wanted, images, validation))


def _targets(targets: TargetsOf, images: Sequence[_Seen], classes: tuple[str, ...]) -> Targets:
    return targets(np.array([seen.label for seen in images], np.int64), classes)


def _in_training(listing: Listing, fit: FitRule) -> list[str]:
    """What training decides of the images where the network says no other size."""
    seen = survey([item for item, _ in next(listing.parts[part] for part in PARTS if listing.parts.get(part))])
    shape = (*seen.usual_size(), 1 if seen.grey else 3)
    return [f"in training, {note}" for note in seen.notes(seen.choose(fit, shape), shape)]


def _to_hold_out(listing: Listing, targets: Targets, images: Sequence[_Seen], validation: Validation) -> HeldOut | None:
    share = share_to_hold_out(validation, {part: len(entries) for part, entries in listing.parts.items()})
    if not share:
        return None
    rows = [row for row, seen in enumerate(images) if seen.part == "train"]
    own = targets.take(np.array(rows, np.int64))
    fit = "time" if {seen.format for seen in images} - {""} == {SOUND} else None
    return held_out(gathered(images[row].trace for row in rows), own, share, fit)[1]


def _with_notes(described: Description, notes: Sequence[str], held: HeldOut | None) -> Description:
    last = [] if held is None else [f"in training, {held}"]
    return dataclasses.replace(described, held_out=held, notes=(*notes, *described.notes, *last))


def _of_files(listing: Listing, workers: int, progress: Progress | None) -> Iterable[_Seen]:
    entries = [(part, item, label) for part in PARTS for item, label in listing.parts.get(part, ())]
    shown: Counter[tuple[str, int]] = Counter()
    with QUIET:
        looked = in_order(_look, [item for _, item, _ in entries], workers)
        for number, ((part, item, label), seen) in enumerate(zip(entries, looked, strict=True), 1):
            digest, size, mode, kind, error, thumbnail, own = seen
            shown[part, label] += thumbnail is not None
            keep = thumbnail if shown[part, label] <= _SHOWN and label < _ROWS else None
            yield _Seen(item.name, part, label, digest, size, mode, kind, error, keep, own)
            if progress is not None and (number % 32 == 0 or number == len(entries)):
                progress("looking at images", number, len(entries))


_Thumbnail: TypeAlias = "npt.NDArray[np.uint8]"
_Trace: TypeAlias = "tuple[bytes, _Thumbnail]"
_Look: TypeAlias = "tuple[str, tuple[int, int] | None, str, str, ImageError | None, _Thumbnail | None, _Trace | None]"


def _look(item: Item) -> _Look:
    digest = ""
    try:
        content = item.read()
        digest = hashlib.sha256(content).hexdigest()
        picture = decode_image(content, item.name)
        if sound.MARK in picture.info:
            mode, kind = picture.info[sound.MARK].recorded, SOUND
        else:
            mode, kind = _kind_of(content, item.name)
        size = picture.height, picture.width
        scale = CELL / max(size)
        height, width = (max(1, round(side * scale)) for side in size)
        grey = picture.mode in ("L", "LA")
        small = fit_image(picture, height, width, 1 if grey else 3, "stretch")
        own = trace(content, decode_image(content, item.name, at_least=(SIDE, SIDE)))
        return digest, size, mode, kind, None, small, own
    except ImageError as error:
        return digest, None, "", "", error, None, None


def _kind_of(content: bytes, name: str) -> tuple[str, str]:
    """Return what pixels an image has, and its format."""
    try:
        with Image.open(io.BytesIO(content), formats=formats_of(content, name)) as header:
            return header.mode, header.format or ""
    except UnidentifiedImageError:  # a TIFF that Pillow cannot read, and hubel can
        own = header_of_tiff(content)
        return own.mode if own else "", "TIFF"


def _of_arrays(splits: Splits) -> Iterable[_Seen]:
    for part in PARTS:
        dataset: Dataset | None = getattr(splits, part)
        if dataset is None:
            continue
        shown: Counter[int] = Counter()
        height, width, channels = dataset.shape
        for row, (image, label) in enumerate(zip(dataset.images, dataset.labels.tolist(), strict=True)):
            digest = hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest()
            shown[label] += 1
            thumbnail = image if shown[label] <= _SHOWN and label < _ROWS else None
            mode = {1: "L", 3: "RGB"}.get(channels, f"{channels} channels")
            yield _Seen(f"{part} {row}", part, label, digest, (height, width), mode, "array", None, thumbnail, None)


def _describe(name: str, targets: Targets, images: Sequence[_Seen]) -> Description:
    classes, (groups_of, groups_named) = targets.classes, targets.strata()
    rows = {part: np.flatnonzero([seen.part == part for seen in images]) for part in PARTS}
    counts = {part: targets.take(own).class_counts().tolist() for part, own in rows.items()}
    several = int(sum(map(sum, counts.values()))) != len(images)
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    same: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    unreadable: list[ImageError] = []
    pictures: dict[int, list[npt.NDArray[np.uint8]]] = defaultdict(list)
    for seen, group in zip(images, groups_of.tolist(), strict=True):
        if seen.error is not None or seen.size is None:
            unreadable += [seen.error] if seen.error else []
            continue
        sizes[seen.size] += 1
        modes[seen.mode] += 1
        formats[seen.format] += 1
        same[seen.digest].append((seen.part, seen.name, seen.label))
        if seen.thumbnail is not None and len(pictures[group]) < _SHOWN:
            pictures[group].append(seen.thumbnail)
    groups = [group for group in same.values() if len(group) > 1]
    leaks = sum(len({part for part, _, _ in group}) > 1 for group in groups)
    present = {part: tuple(counts[part]) for part in PARTS if len(rows[part])}
    total = np.bincount(groups_of, minlength=len(groups_named)).tolist()
    lines = [(f"{label} ({total[n]:,})", pictures[n]) for n, label in enumerate(groups_named[:_ROWS])]
    train = [count for count in counts["train"] if count]
    noun = "sound" if set(formats) == {SOUND} else "image"
    imbalance = max(train, default=0) / min(train, default=1)
    return Description(
        name=name,
        classes=classes,
        counts=present,
        sizes=dict(sizes.most_common()),
        modes=dict(modes.most_common()),
        formats=dict(formats.most_common()),
        duplicates=tuple(tuple(image for _, image, _ in group) for group in groups),
        leaks=leaks,
        unreadable=tuple(unreadable),
        imbalance=imbalance,
        notes=(*targets.told(), *_notes(classes, present, groups, leaks, unreadable, imbalance, noun)),
        all_images=len(images) if several else None,
        noun=targets.noun,
        sheet=sheet(lines, _SHOWN),
    )


def _notes(
    classes: tuple[str, ...],
    counts: Mapping[str, tuple[int, ...]],
    groups: Sequence[Sequence[tuple[str, str, int]]],
    leaks: int,
    unreadable: Sequence[ImageError],
    ratio: float,
    noun: str,
) -> Iterable[str]:
    for part, numbers in counts.items():
        if absent := [name for name, count in zip(classes, numbers, strict=True) if not count]:
            yield f"{part} has no {noun} of {listing(absent, 5)}; labels are not shifted by that"
    if "train" not in counts:
        yield f"no {noun} is for training; --parts train=… says which are"
    if few := [name for name, count in zip(classes, counts.get("train", ()), strict=False) if 0 < count < 10]:
        yield f"fewer than 10 training {noun}s: {listing(few, 5)}"
    if ratio >= 3:
        yield f"the largest class has {ratio:.1f} times the training {noun}s of the smallest: consider class weights"
    if unreadable:
        files, them = ("1 file", "it") if len(unreadable) == 1 else (f"{len(unreadable):,} files", "them")
        yield f"{files} cannot be read: training stops at {them}, with --bad-images skip it leaves {them} out"
    if groups:
        copies = sum(len(group) - 1 for group in groups)
        yield f"{_are(copies, noun)} exact {'copy of another' if copies == 1 else 'copies of others'}"
    if leaks:
        yield f"{_are(leaks, noun)} in two parts at once: results on the later one will look better than they are"
    torn = sum(len({label for _, _, label in group}) > 1 for group in groups)
    if torn:
        yield f"{_are(torn, noun)} in two classes at once"


def _are(count: int, noun: str) -> str:
    return f"{counted(count, noun)} {'is' if count == 1 else 'are'}"
