"""What a data set is once it is loaded: an array of images, an array of labels, the names of the classes."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError, SettingError
from hubel.base.words import writable
from hubel.data.cache.sums import sums_of
from hubel.data.decode.sound import outlines
from hubel.data.prepare.arrays import as_array
from hubel.view.words.result import Part, Result
from hubel.view.words.tables import Table

if TYPE_CHECKING:
    import torch

    from hubel.data.decode.image import ImageError
    from hubel.data.feed.examples import Examples
    from hubel.data.prepare.preprocessing import Preprocessing

from hubel.data._targets import Labels, Targets

Fit = Literal["crop", "pad", "stretch", "time"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False, init=False)
class Dataset:
    """Examples, decoded and of one size: images, and what is wanted of each.

    images: uint8, N×height×width×channels, in memory or a memory map; not to be written to. Where they are texts, the
        numbers of their symbols, N×steps×1×1 (int32 where there are more than 256).
    targets: what a network should say of them; an array of labels (int64, N, each an index into `classes`) is taken
        for `Labels`.
    classes: the names of the classes, in order; those of the targets, and given with an array of labels alone.
    name: what to call the set.
    fit: how the images were brought to their size ("crop", "pad", "stretch", of sounds "time"; see Preprocessing); None
        where they are as they were found.
    levels: which values became black and white, where pixels had more than eight bits; None where they had eight.
    paths: where each image came from, a path or archive:member; none where images were no files.

    Raises ValueError where these do not fit together.
    """

    images: npt.NDArray[np.uint8]
    targets: Targets
    classes: tuple[str, ...]
    name: str
    fit: Fit | None
    levels: tuple[float, float] | None
    paths: tuple[str, ...]

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        targets: Targets | npt.NDArray[np.int64],
        classes: Sequence[str] = (),
        name: str = "",
        fit: Fit | None = None,
        levels: tuple[float, float] | None = None,
        paths: Sequence[str] = (),
    ) -> None:
        if not isinstance(targets, Targets):
            given = as_array(targets, "labels")
            whole = not isinstance(targets, np.ndarray) and given.dtype.kind in "iu"
            targets = Labels(given.astype(np.int64) if whole else given, tuple(classes))
        if type(images) not in (np.ndarray, np.memmap):
            images = as_array(images, "images")
        names = tuple(map(writable, classes or targets.classes))
        if names != targets.classes:
            targets = targets.renamed(names)
        name = writable(name)
        about = {"classes": names, "name": name, "fit": fit, "levels": levels, "paths": tuple(paths)}
        for field, value in {"images": images, "targets": targets, **about}.items():
            object.__setattr__(self, field, value)
        kinds = (np.uint8, np.int32) if targets.looked_up else (np.uint8,)
        if images.ndim != 4 or images.dtype not in kinds:
            raise DataError(
                f"{name or 'data set'}: expected images as uint8 N×height×width×channels, "
                f"received {images.dtype} of shape {images.shape}"
            )
        if paths and len(paths) != len(images):
            raise DataError(
                f"{name or 'data set'}: expected {len(images):,} paths, one an image, received {len(paths):,}"
            )
        try:
            targets.check(images.shape)
        except ValueError as error:
            raise DataError(f"{name or 'data set'}: {error}") from None

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Each image's class, int64, N. Raises ValueError for a set of another task, whose images have none."""
        if not isinstance(self.targets, Labels):
            raise DataError(
                f"{self.name or 'data set'}: expected labels, one class an image (classification), received targets "
                f"for {self.targets.task}"
            )
        return self.targets.values

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width, channels = self.shape
        return (
            f"Dataset({self.name!r}: {len(self):,} images of {height}×{width}×{channels}, {len(self.classes)} classes)"
        )

    def seen(self, which: Any) -> npt.NDArray[np.uint8]:
        """These images (indices, or a slice) as people see them: of waveforms their outlines, others as they are."""
        images = self.images[which]
        return outlines(images) if self.fit == "time" and self.shape[1:] == (1, 1) else images

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    @property
    def cache_key(self) -> str:
        """The key of the decoded cache's entry that the images are mapped from, a SHA-256 over the content of all the
        files that it was made of; "" where they come from elsewhere.
        """
        entry = Path(getattr(self.images, "filename", None) or "").parent
        return entry.name if entry.parent.name == "decoded" else ""

    def take(self, indices: npt.NDArray[np.int64]) -> Dataset:
        """The examples at these positions, copied, with the same classes."""
        images, sums = self.images[indices], sums_of(self.images)
        if sums is not None:
            sums.check(np.arange(len(self))[indices], images)
        return dataclasses.replace(
            self, images=images, targets=self.targets.take(indices), paths=self.paths_of(indices)
        )

    def paths_of(self, indices: npt.NDArray[np.int64]) -> tuple[str, ...]:
        """Where the images at these positions came from; nothing where images were no files."""
        return tuple(self.paths[index] for index in indices.tolist()) if self.paths else ()

    def renamed(self, name: str) -> Dataset:
        """The same examples under another name."""
        return dataclasses.replace(self, name=name)

    def examples(self, preprocessing: Preprocessing | None = None) -> Examples:
        """The set for `torch.utils.data.DataLoader`: (image, target) by position, the image float32 C×H×W normalised as
        `preprocessing` says, by default as these images suggest (`Preprocessing.for_dataset`).
        """
        from hubel.data.feed.examples import Examples
        from hubel.data.prepare.preprocessing import Preprocessing

        return Examples(self, preprocessing or Preprocessing.for_dataset(self))

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (uint8, N×H×W×C) and targets (labels: int64, N) as tensors on the processor that share this memory."""
        import torch

        with warnings.catch_warnings():  # torch warns that the arrays are read-only; nothing writes to them
            warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
            return torch.from_numpy(self.images), self.targets.tensor()


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What was held out of the training images, since there was no validation part.

    share: of each class. images: how many, out of `of`. kept: classes that have too few pictures to spare one, with how
    many images each has, all of which stay in training. each: what the share is of, "a class"; "" for the whole set.
    noun: what is counted. less: classes of which clearly less than the share is held out, since copies stay together,
    with how many are, and of how many; more: likewise those of which clearly more is.
    """

    share: float
    images: int
    of: int
    kept: Mapping[str, int] = dataclasses.field(default_factory=dict)
    each: str = "a class"
    noun: str = "training images"
    less: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    more: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        if not self.of:
            return "no image can be read, so none can be held out for validation"
        one = self.noun.split()[-1].removesuffix("s")
        shown = "picture" if one == "image" else one  # of which there may be copies
        if not self.images:
            why = f"each class has one {shown} at most" if self.each else "all are copies of one, or nearly"
            if self.of == 1:
                return f"the only {one} is not held out for validation"
            return f"no {one} of {self.of:,} can be held out for validation: {why}"
        share = f"{self.share:.0%} {self.each}".rstrip()
        if uneven := {**self.less, **self.more}:
            of = [f"of {name} {held:,} of {count:,}" for name, (held, count) in list(uneven.items())[:5]]
            of += [f"and {len(uneven) - 5:,} more"] if len(uneven) > 5 else []
            why = "many are nearly copies, which stay together" if self.more else "the others are nearly copies"
            share += f", but {', '.join(of)}: {why}" if self.each else " wanted; many are copies"
        words = f"{self.images:,} of {self.of:,} {self.noun} are held out for validation ({share})"
        names = [f"{name} ({count:,} {one}{'s' * (count > 1)})" for name, count in list(self.kept.items())[:5]]
        more = f" and {len(self.kept) - 5:,} more" if len(self.kept) > 5 else ""
        return words + (f"; none of {', '.join(names)}{more}, too few {shown}s" if names else "")


@dataclasses.dataclass(frozen=True, repr=False)
class Splits(Result):
    """A data set's parts. All have the same classes in the same order, also where a class is absent from a part.

    rejected: the files that could not be read and were left out, each with its reason (`bad_images="skip"`).
    held_out: what was moved from training into validation; None where nothing was.
    notes: what was taken for what and what was left out, in sentences.

    Where a source has no training images, `train` is empty.
    """

    train: Dataset
    validation: Dataset | None = None
    test: Dataset | None = None
    rejected: tuple[ImageError, ...] = ()
    held_out: HeldOut | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part in (self.validation, self.test):
            own, other = ((each.targets.task, each.classes, each.shape) for each in (self.train, part or self.train))
            if part is not None and other != own:
                raise DataError(
                    f"{part.name}: expected the classes and the image shape of the training part "
                    f"({len(self.train.classes)} classes, {self.train.shape}), "
                    f"received {len(part.classes)} classes and {part.shape}"
                )

    def shown(self) -> list[Part]:
        """How many images of what size the parts have, and what was decided about them."""
        parts = self.parts()
        first = next(iter(parts.values()), self.train)
        size = "×".join(map(str, first.shape))
        counts = ", ".join(f"{len(part):,} {name}" for name, part in parts.items()) or "no images"
        rows = [(name, *(_count(part, i) for part in parts.values())) for i, name in enumerate(first.classes[:20])]
        table: list[Part] = [Table(("class", *(f"#{name}" for name in parts)), rows)]
        more = [f"… {len(first.classes):,} classes"] if len(first.classes) > 20 else []
        told = [*self.notes, *([str(self.held_out)] if self.held_out else [])]
        told += [f"{len(self.rejected):,} files could not be read"] if self.rejected else []
        labelled = isinstance(first.targets, Labels)
        return [
            f"{counts} of {size}, {len(first.classes):,} classes",
            *(table if labelled else []),
            *(more if labelled else []),
            *told,
        ]

    def parts(self) -> dict[str, Dataset]:
        """The parts that there are, by "train", "validation", "test"."""
        found = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in found.items() if part is not None and len(part)}

    def part(self, wanted: str | None = None) -> tuple[str, Dataset]:
        """A part by name and itself; where none is wanted, what a model is measured on: test, else validation, else
        train. Raises SettingError where there is no such part.
        """
        parts = self.parts()
        name = wanted or next((each for each in ("test", "validation", "train") if each in parts), "test")
        if name not in parts:
            of = f"{self.train.name}: " if self.train.name else ""
            there = ", ".join(parts) or "images, of which there are none"
            raise SettingError(f"{of}expected a part of {there}; received {name!r}")
        whole = len(parts) == 1 and name == "train"  # of a set without parts
        return name, parts[name].renamed(parts[name].name.removesuffix(" train")) if whole else parts[name]


def _count(part: Dataset, number: int) -> int | None:
    return int((part.labels == number).sum()) if isinstance(part.targets, Labels) else None


def splits_of(parts: Mapping[str, Dataset]) -> Splits:
    """The splits of these parts; without training images, those are an empty set."""
    train = parts.get("train")
    if train is None:
        other = next(iter(parts.values()))
        train = other.take(np.zeros(0, np.int64)).renamed(f"{other.name.rpartition(' ')[0]} train")
    return Splits(train, parts.get("validation"), parts.get("test"))
