"""Recordings from files, as windows of samples in which what is told of them stands beside each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hubel.base import limits
from hubel.base.download import Progress
from hubel.base.errors import DataError, SettingError
from hubel.base.numbers import counted
from hubel.data._alike import traces_of_files
from hubel.data._dataset import Dataset, HeldOut, Splits, splits_of
from hubel.data._heard import heard
from hubel.data._load import checked
from hubel.data._source import layout_of, open_source
from hubel.data._split import Validation, held_out, share_to_hold_out
from hubel.data.cache.decoded import digests, working_cache
from hubel.data.cache.fill import BadImages
from hubel.data.decode.companding import SILENCE, codes_of
from hubel.data.decode.image import ImageError
from hubel.data.decode.parallel import in_order, workers_here
from hubel.data.decode.sound import RATE, Samples, Sound, is_sound, read_sound, resampled
from hubel.data.prepare.preprocessing import Preprocessing
from hubel.data.sources.layout import SPEAKER, Layout
from hubel.data.sources.listing import Item, Listing, natural_order, some
from hubel.data.sources.parts import PARTS
from hubel.data.speech.targets import VOID, Spoken, Told

_BLOCK, _LEAST, _MOST = 1024, 4096, 16_384  # steps of a window: a multiple of the first, between the others


def load(
    source: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    validation: Validation = 0.0,
    bad_images: BadImages = "stop",
    workers: int | None = None,
    progress: Progress | None = None,
    like: Preprocessing | None = None,
    told: Told | None = None,
    rate: int = 0,
    fit: str = "auto",
    channels: int | None = None,
    **layout: str,
) -> Splits:
    """The recordings of a source as windows of codes (see `companding`), from which each next one is to be told.

    Images are uint8 N×steps×1×(1 + words): the code before, silence before the first, and 255 in the place of each word
    that was told, all along. source: as `hubel.data.load` has sounds; what stands for {label} and {speaker} in
    `labels` is told, or the label of a folder or a table alone. size: (steps, 1); by default what
    leaves the least room empty, 4,096 to 16,384. Longer recordings go on in further windows, which begin a quarter
    earlier with samples that are not wanted again. rate: samples a second, by default that of most recordings, at most
    16,000. told: a model's own words. validation, bad_images, progress: as `hubel.data.load` has them.

    Raises DataError where the source has no sounds.
    """
    asked = layout_of(layout)
    listing = open_source(source, progress, asked)
    if isinstance(listing, Splits):
        raise DataError(f"{os.fspath(source)}: expected recordings as files, received pictures in arrays")
    workers = workers or workers_here()
    items = [item for part in PARTS for item, _ in listing.parts.get(part, ())]
    sounds, rejected = _read(items, workers, bad_images)
    there = np.array([each is not None for each in sounds])
    if not there.any():
        raise DataError(f"{listing.name}: none of the {len(items):,} recordings can be read; the first: {rejected[0]}")
    rate = rate or min(RATE, Counter(each.rate for each in sounds if each is not None).most_common(1)[0][0])
    codes = [None if each is None else codes_of(resampled(each.samples, each.rate, rate)) for each in sounds]
    lengths = np.array([0 if each is None else len(each) for each in codes])
    steps = size[0] if size else _usual(lengths[there])
    words, numbers = _told(listing, asked, told)
    limits.check("samples", int(_windows_of(lengths, steps).sum()) * steps, listing.name)
    about = Spoken(
        np.zeros((0, steps), np.int16), words, numbers[:0], rate, _seconds(lengths, numbers[:, 0], words, rate)
    )
    parts, held = _parts(listing, items, replace(about, values=lengths[:, None], words=numbers), validation, workers)
    name = os.path.basename(listing.name)
    sets = {}
    for part, rows in parts.items():
        if len(rows := rows[there[rows]]):
            whole = [codes[row] for row in rows.tolist()]
            names = [items[row].name for row in rows.tolist()]
            sets[part] = _windows(f"{name} {part}", whole, names, about, numbers[rows])
    longer = int((lengths > steps).sum())
    notes = (
        *listing.notes,
        *heard(items, workers, rate, sounds),
        f"told of each recording: {', '.join(f'{name} ({len(those)})' for name, those in words.items())}",
        f"{counted(int(there.sum()), 'recording')} of {rate:,} samples a second, in windows of {steps:,} "
        f"({steps / rate:.2f} s)" + (f"; {longer:,} that are longer go on in further ones" if longer else ""),
        *_copies(codes),
        *_unlearnt(words, numbers, parts["train"][there[parts["train"]]], held),
        *([f"left out: {counted(len(rejected), 'file')} that cannot be read ({rejected[0]})"] if rejected else ()),
    )
    return replace(splits_of(sets), rejected=tuple(rejected), held_out=held, notes=notes)


def _copies(codes: Sequence[npt.NDArray[np.uint8] | None]) -> list[str]:
    """How many recordings are the same as others, sample by sample."""
    every = [each.tobytes() for each in codes if each is not None]
    copies = len(every) - len(set(every))
    one = copies == 1
    return [
        f"{counted(copies, 'recording')} {'is an exact copy of another' if one else 'are exact copies of others'}"
    ] * (copies > 0)


def _unlearnt(
    words: Told, numbers: npt.NDArray[np.int64], training: npt.NDArray[np.int64], held: HeldOut | None
) -> list[str]:
    """Of which words that are told no recording is left to learn from, since all are held out."""
    if held is None:
        return []
    gone = [
        f"{name} {word}"
        for column, (name, those) in enumerate(words.items())
        for number, word in enumerate(those)
        if number in numbers[:, column] and number not in numbers[training, column]
    ]
    if not gone:
        return []
    return [
        f"nothing is learnt of {some(gone, 3)}, whose recordings are all held out, being nearly copies of one another; "
        "--validation 0 trains on all"
    ]


def encoded(samples: Samples, words: npt.NDArray[np.int64], told: Told, steps: int) -> npt.NDArray[np.uint8]:
    """What a network sees of a recording's beginning, uint8 steps×1×(1 + words)."""
    shown = np.full((steps, 1, 1 + sum(map(len, told.values()))), 0, np.uint8)
    shown[:, 0, 0] = SILENCE
    before = codes_of(samples)[: steps - 1]
    shown[1 : 1 + len(before), 0, 0] = before
    shown[:, 0, columns_of(words, told)] = 255
    return shown


def columns_of(words: npt.NDArray[np.int64], told: Told) -> npt.NDArray[np.int64]:
    """The channels that stand for words, one of each kind that is told."""
    starts = np.cumsum([1, *(len(those) for those in told.values())])[:-1]
    return starts + words


def _windows(
    name: str,
    recordings: Sequence[npt.NDArray[np.uint8]],
    names: Sequence[str],
    about: Spoken,
    words: npt.NDArray[np.int64],
) -> Dataset:
    """Each recording from its beginning on, in as many windows as it needs."""
    steps = about.values.shape[1]
    again = steps // 4
    needed = _windows_of(np.array(list(map(len, recordings))), steps).tolist()
    starts = [(row, number * (steps - again)) for row, windows in enumerate(needed) for number in range(windows)]
    channels = 1 + sum(map(len, about.known.values()))
    images = np.zeros((len(starts), steps, 1, channels), np.uint8)
    images[..., 0] = SILENCE
    values = np.full((len(starts), steps), VOID, np.int16)
    rows = np.array([row for row, _ in starts])
    for window, (row, at) in enumerate(starts):
        part = recordings[row][at : at + steps]
        new = again if at else 0
        values[window, new : len(part)] = part[new:]
        images[window, 1 : len(part), 0, 0] = part[: steps - 1][: len(part) - 1]
        if at:
            images[window, 0, 0, 0] = recordings[row][at - 1]
        images[window][:, 0, columns_of(words[row], about.known)] = 255
    targets = replace(about, values=values, words=words[rows])
    return Dataset(images, targets, name=name, fit="time", paths=[names[row] for row in rows.tolist()])


def _read(items: Sequence[Item], workers: int, bad_images: BadImages) -> tuple[list[Sound | None], list[ImageError]]:
    """Each item's sound, None where it cannot be read, and why not."""

    def sound(item: Item) -> Sound | ImageError:
        try:
            content = item.read()
            if not is_sound(content):
                raise SettingError("is no sound; recordings are WAV files, or others that soundfile reads")
            return read_sound(content)
        except ImageError as error:
            return error
        except ValueError as error:
            return ImageError(item.name, str(error))

    found = list(in_order(sound, items, workers))
    rejected = [(row, each) for row, each in enumerate(found) if isinstance(each, ImageError)]
    return [each if isinstance(each, Sound) else None for each in found], [
        error for _, error in checked(rejected, bad_images)
    ]


def _told(listing: Listing, layout: Layout, known: Told | None) -> tuple[Told, npt.NDArray[np.int64]]:
    """What is told of each recording, in words and their numbers; a model's own words where these are `known`."""
    pairs = [pair for part in PARTS for pair in listing.parts.get(part, ())]
    read = {"label": [listing.classes[label] for _, label in pairs]}
    if SPEAKER in layout.labels:
        places = [(item.place[1] or item.place[0]).replace(os.sep, "/") for item, _ in pairs]
        read["speaker"] = [layout.words_in(place)["speaker"] for place in places]
    words = dict(known) if known else {name: natural_order(those) for name, those in read.items()}
    numbers = np.zeros((len(pairs), len(words)), np.int64)
    for column, (name, those) in enumerate(words.items()):
        if name not in read:
            raise DataError(
                f"{listing.name}: expected names of files that say the {name}, as the model was told; "
                f"--labels with {{{name}}} in it says where it stands"
            )
        order = {word: number for number, word in enumerate(those)}
        strange = natural_order(word for word in read[name] if word not in order)
        if strange:
            raise DataError(
                f"{listing.name}: the model was told no {name} {some(strange, 3)}; it knows {some(those, 8)}"
            )
        numbers[:, column] = [order[word] for word in read[name]]
    return words, numbers


def _parts(
    listing: Listing, items: Sequence[Item], targets: Spoken, validation: Validation, workers: int
) -> tuple[dict[str, npt.NDArray[np.int64]], HeldOut | None]:
    """Which rows belong to each part, after some of training are held out for validation, and what that came to."""
    counts = {part: len(listing.parts.get(part, ())) for part in PARTS}
    ends = np.cumsum(list(counts.values()))
    rows = {part: np.arange(end - counts[part], end) for part, end in zip(PARTS, ends.tolist(), strict=True)}
    share = share_to_hold_out(validation, counts)
    if not share:
        return rows, None
    root, _ = working_cache()
    training = items[: counts["train"]]
    contents = digests(root, listing.name, training, workers, None)
    traces = traces_of_files(root, contents, training, workers, None)
    out, told = held_out(traces, targets.take(rows["train"]), share, "time")
    return {**rows, "train": np.flatnonzero(~out), "validation": np.flatnonzero(out)}, told


def _usual(lengths: npt.NDArray[np.int64]) -> int:
    """The steps of a window with which there are the fewest in all, ends and overlaps included."""
    least = min(_LEAST, -(-int(lengths.max()) // _BLOCK) * _BLOCK)
    return min(range(least, _MOST + 1, _BLOCK), key=lambda steps: steps * int(_windows_of(lengths, steps).sum()))


def _windows_of(lengths: npt.NDArray[np.int64], steps: int) -> npt.NDArray[np.int64]:
    """How many windows recordings need, of which further ones begin a quarter earlier."""
    again = steps // 4
    return np.maximum(1, -(-(lengths - again) // (steps - again)))


def _seconds(lengths: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], told: Told, rate: int) -> tuple[float, ...]:
    """How long the recordings of each label are, the one in the middle; of all where it has none."""
    own = [lengths[(labels == label) & (lengths > 0)] for label in range(len(told["label"]))]
    every = lengths[lengths > 0]
    return tuple(round(float(np.median(each if len(each) else every)) / rate, 3) for each in own)
