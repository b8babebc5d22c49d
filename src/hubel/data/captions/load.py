"""Pictures with sentences, at one size, and the words of the training part."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.errors import DataError
from hubel.base.numbers import counted
from hubel.data import Dataset, FitRule, Progress, Splits, Validation
from hubel.data._beside import decode_beside, stop_at
from hubel.data.cache.fill import BadImages
from hubel.data.captions.find import Told, read
from hubel.data.captions.targets import NUMBER, SEEN, VOID, Captions
from hubel.data.captions.words import END, LONGEST, RULE, UNKNOWN, Words, least_of, words_of
from hubel.data.prepare.preprocessing import Preprocessing
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.data.sources.parts import PARTS

MOST_STEPS, MOST_SENTENCES = 24, 20  # words of a sentence, with its end; sentences about a picture
_SIDE = 96  # pixels of a side at most, where no size is said
_LOOKED = 200  # pictures by which it is told


def load(
    source: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: FitRule = "auto",
    validation: Validation = 0.0,
    bad_images: BadImages = "stop",
    workers: int | None = None,
    progress: Progress | None = None,
    like: Preprocessing | None = None,
    words: Words | None = None,
    steps: int = 0,
    **others: object,
) -> Splits:
    """Pictures and sentences of a table (image,caption, several lines a picture; Flickr8k's and Flickr30k's too) or of
    COCO's JSON of captions.

    Pictures are held out, with all their sentences. words, steps: a model's own; else the words of the training part,
    and as many steps as the longest sentence, at most 24. Pictures come to `size`, padded; where none is said, to the
    size that most have, at most 96×96.

    Raises DataError where there are no sentences, or none of a picture that is there.
    """
    root = Path(source).expanduser()
    told = read(root, Layout.of_parts(source, others, "pictures with captions"))
    stop_at(told.problems, bad_images)
    parts, notes = _cut(told)
    every = [sentences for part in PARTS for sentences in parts.get(part, {}).values()]
    if not every:
        raise DataError(f"{root}: expected captions with words, found none")
    everything = Words(tuple(sorted({word for own in every for sentence in own for word in sentence})))
    long = max(len(sentence) for own in every for sentence in own) + 1
    steps = steps or max(2, min(MOST_STEPS, long))
    sentences = min(MOST_SENTENCES, max(map(len, every)))
    whole = _numbered(every, everything, sentences, steps)

    def of(numbers: list[int]) -> Captions:
        return Captions(whole[numbers], everything)

    files = {part: list(own) for part, own in parts.items()}
    chosen = "pad" if fit == "auto" else fit
    settings = size or _size_for(files), channels, chosen, validation, bad_images, workers, progress
    splits = decode_beside(source, files, of, *settings, framed=chosen, notes=told.notes, problems=told.problems)
    longer = sum(len(sentence) >= steps for own in every for sentence in own)
    more = sum(max(0, len(own) - sentences) for own in every)
    notes += [f"{counted(longer, 'sentence')} longer than {steps - 1} words: cut there"] if longer else []
    notes += [f"left out: {counted(more, 'sentence')} beyond {sentences} of a picture"] if more else []
    return _known(replace(splits, notes=(*splits.notes, *notes)), everything, words)


def _size_for(files: Mapping[str, Sequence[str]]) -> tuple[int, int]:
    """The size that most pictures have; 96×96 where those are larger."""
    every = [path for own in files.values() for path in own]
    sizes = Counter[tuple[int, int]]()
    for path in every[:: max(1, len(every) // _LOOKED)]:
        with suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError), Image.open(path) as picture:
            sizes[picture.height, picture.width] += 1  # what cannot be read is told where it is decoded
    height, width = sizes.most_common(1)[0][0] if sizes else (_SIDE, _SIDE)
    return (height, width) if max(height, width) <= _SIDE else (_SIDE, _SIDE)


def _cut(told: Told) -> tuple[dict[str, dict[str, list[list[str]]]], list[str]]:
    """The words of each picture's sentences, each sentence once; and what is left out."""
    empty = twice = huge = 0
    bare: list[str] = []
    found: dict[str, dict[str, list[list[str]]]] = {}
    for part, pictures in told.parts.items():
        for picture, sentences in pictures.items():
            own: list[list[str]] = []
            for sentence in sentences:
                words = words_of(sentence)
                empty, twice = empty + (not words), twice + (bool(words) and words in own)
                huge += sum(len(word) > LONGEST for word in words)
                own += [words] if words and words not in own else []
            if own:
                found.setdefault(part, {})[picture] = own
            else:
                bare.append(Path(picture).name)
    notes = [RULE]
    notes += [f"left out: {counted(empty, 'caption')} without a word"] if empty else []
    notes += [f"left out: {counted(len(bare), 'picture')} without a caption ({some(bare, 2)})"] if bare else []
    notes += [f"left out: {counted(twice, 'caption')} that a picture has twice"] if twice else []
    notes += [f"{counted(huge, 'word')} of more than {LONGEST} letters: taken for unknown"] if huge else []
    return found, notes


def _numbered(
    every: Sequence[Sequence[Sequence[str]]], words: Words, sentences: int, steps: int
) -> npt.NDArray[np.int32]:
    found = np.full((len(every), 1 + sentences, steps), VOID, np.int32)
    for row, own in enumerate(every):
        found[row, 0, NUMBER] = row
        for place, sentence in enumerate(own[:sentences], 1):
            numbers = [*words.numbers(sentence), END][:steps]
            found[row, place, : len(numbers)] = numbers
    return found


def _known(splits: Splits, everything: Words, words: Words | None) -> Splits:
    """The splits with the words of the training part, or a model's, and whether sentences are in training."""
    training = splits.train.targets.array[:, 1:]
    own = training[training[..., 0] != VOID]
    there = {row.tobytes() for row in own}
    notes = list(splits.notes)
    if words is None:
        least = least_of(len(own))
        words = Words.of((everything.said(row.tolist()) for row in own), least)
        notes.append(
            f"{counted(len(own), 'sentence')} of training, {counted(len(words) - 2, 'word')} known: those that stand "
            f"there at least {'once' if least == 1 else f'{least} times'}; the picture itself stands where a "
            "first word would, and an end and an unknown word come besides"
        )
    as_known = np.array([VOID, END, UNKNOWN, *words.numbers(everything.words)], np.int32)
    parts: dict[str, Any] = {name: _renumbered(part, as_known, words, there) for name, part in splits.parts().items()}
    strange = sum(int((part.targets.array[:, 1:] == UNKNOWN).sum()) for part in parts.values())
    notes += [f"{counted(strange, 'word')} in all parts that are not known"] if strange else []
    if "train" not in parts:
        parts["train"] = _renumbered(splits.train, as_known, words, there)
    return replace(splits, **parts, notes=tuple(notes))


def _renumbered(part: Dataset, as_known: npt.NDArray[np.int32], words: Words, there: set[bytes]) -> Dataset:
    values = part.targets.array.copy()
    rows = values[:, 1:]
    seen = [any(row.tobytes() in there for row in own if row[0] != VOID) for own in rows]
    values[:, 0, SEEN] = np.array(seen, np.int32) if there else VOID
    values[:, 1:] = as_known[rows + 1]
    return replace(part, targets=Captions(values, words))
