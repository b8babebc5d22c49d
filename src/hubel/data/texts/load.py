"""Texts from files: UTF-8 of any language, one file, or all of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from hubel.base.errors import DataError, MissingFileError, SettingError
from hubel.base.files import read_bytes
from hubel.base.numbers import counted
from hubel.data._dataset import Dataset, HeldOut, Splits
from hubel.data._split import Validation
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.unread import TEXTS
from hubel.data.texts.targets import Following
from hubel.data.texts.vocabulary import MOST_CHARACTERS, Vocabulary, named_characters

STEPS = 64  # symbols of a window, where nothing is said
_SHORT = 4096  # bytes from which no text is too short for a network by rule
_SHARE = 0.1  # at the end, by custom
_TABLES = (".csv", ".tsv", ".xlsx", ".json", ".jsonl", ".parquet")
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_HEAD, _LINES = 4096, 5  # bytes and lines of a file that are looked at
_GLANCE = 200  # files of a folder that are looked at
Symbols = Literal["auto", "characters", "bytes"]


def is_text(path: str) -> bool:
    """Whether a path is a text, or a folder of texts and nothing else, by the names of its files."""
    place = Path(path).expanduser()
    if not os.path.isdir(place):  # nor is what is far too long to be a path
        return place.suffix.lower() in TEXTS and os.path.isfile(place) and not _lists_images(place)
    names = [file.name.lower() for file, _ in zip(_files(place), range(_GLANCE), strict=False)]
    return bool(names) and all(name.endswith(TEXTS) for name in names)


def _lists_images(path: Path) -> bool:
    """Whether a file is a list of images: of paths, or one of VOC's."""
    if path.parent.parent.name == "ImageSets":
        return True
    with path.open("rb") as file:
        lines = file.read(_HEAD).split(b"\n")[:_LINES]
    words = [line.split()[0].decode("latin-1") for line in lines if line.strip()]
    return bool(words) and all(word.lower().endswith(tuple(SUFFIXES)) for word in words)


def load(
    source: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    vocabulary: Symbols | Vocabulary = "auto",
    validation: Validation = 0.0,
    **others: object,
) -> Splits:
    """The windows of a text, which follow each other, and what follows each of their symbols.

    source: a file of UTF-8, or a folder of such, joined in the order of their names; files called train, validation
    and test are these parts. size: (steps, 1), the symbols of a window. vocabulary: "characters" of all parts, "bytes",
    "auto" (characters, unless there are more than 4,096 different ones), or a model's own, without whose characters the
    text is then taken. validation: the share at the end to hold out where there is no such part; "auto" and "needed"
    are a tenth.

    Raises DataError for what is no text: empty, too short, not UTF-8 (with byte and offset), a table.
    """
    word, steps = os.fspath(source), size[0] if size else STEPS
    parts, notes = _read(Path(word).expanduser())
    if "train" not in parts:
        parts = {"train": parts.pop("test", "") or parts.pop("validation"), **parts}
    own, more = _vocabulary(parts.values(), vocabulary)
    left: list[str] = []
    if isinstance(vocabulary, Vocabulary):
        parts, left = _known(parts, own)
    share = _share(validation)
    held = None
    if share and parts.keys() == {"train"}:
        cut = int(len(parts["train"]) * (1 - share))
        text = parts["train"]
        if min(cut, len(text) - cut) > steps:
            parts = {"train": text[:cut], "validation": text[cut:]}
            held = HeldOut(share, len(text) - cut, len(text), each="", noun="characters at the end of the text")
        else:
            more.append(f"the text is too short to hold out a window of {steps} for validation")
    name = Path(word).stem or word
    called = {part: f"{name} {part}" if len(parts) > 1 else name for part in parts}
    fixed = isinstance(vocabulary, Vocabulary)
    try:
        sets = {part: _windows(text, own, steps, called[part], word, not fixed) for part, text in parts.items()}
    except DataError as error:
        raise DataError("; ".join([str(error), *left])) from None
    more += left + _left(parts, sets, own)
    return Splits(sets["train"], sets.get("validation"), sets.get("test"), held_out=held, notes=(*notes, *more))


def check(source: str, task: str | None, by_rule: bool) -> None:
    """Raise DataError for a text that is none, before more is loaded to learn it with; where the network is chosen by
    rule, for one that is too short for it, too. Of other sources, and for another task, nothing is said.
    """
    if task not in (None, "language") or not is_text(source):
        return
    place = Path(source).expanduser()
    if by_rule and place.is_file() and place.stat().st_size < _SHORT:
        load(source)
    else:
        _read(place)


def windows(text: str, vocabulary: Vocabulary, steps: int, name: str = "text") -> Dataset:
    """The windows of a text that is here, of so many symbols each; what is left at the end is left out."""
    return _windows(text, vocabulary, steps, name, name)


def _windows(text: str, vocabulary: Vocabulary, steps: int, name: str, place: str, choosable: bool = False) -> Dataset:
    """choosable: whether it may be another network that reads the text."""
    numbers = vocabulary.numbers(text)
    count = (len(numbers) - 1) // steps
    if count < 1:
        shorter = max(1, (len(numbers) - 1) // 2)
        wanted = "; one with a shorter input takes shorter texts" if steps > 2 and choosable else ""
        if len(numbers) > 2 and choosable:
            wanted = f"; '{shorter}: embed {len(vocabulary)} 16, gru 32 sequences, dense {len(vocabulary)}' takes it"
        raise DataError(
            f"{place}: expected a text of at least {steps + 1} {vocabulary.noun}s, since the network reads {steps} and "
            f"says what follows, received {counted(len(numbers), vocabulary.noun)}{wanted}"
        )
    end = count * steps
    following = Following(numbers[1 : end + 1].reshape(count, steps), vocabulary)
    images: Any = numbers[:end].reshape(count, steps, 1, 1)
    return Dataset(images, following, name=name)


def _left(parts: dict[str, str], sets: dict[str, Dataset], vocabulary: Vocabulary) -> list[str]:
    """What is to be said of ends that fill no window."""
    steps = next(iter(sets.values())).shape[0]
    left = {part: len(vocabulary.numbers(text)) - 1 - len(sets[part]) * steps for part, text in parts.items()}
    told = [
        counted(count, vocabulary.noun) + (f" of {part}" if len(parts) > 1 else "")
        for part, count in left.items()
        if count
    ]
    return [f"left out at the end, too few for a window of {steps}: {', '.join(told)}"] if told else []


def _vocabulary(texts: Sequence[str] | object, asked: Symbols | Vocabulary) -> tuple[Vocabulary, list[str]]:
    if isinstance(asked, Vocabulary):
        return asked, []
    if asked not in ("auto", "characters", "bytes"):
        raise SettingError(f"expected a vocabulary of characters, bytes or auto, received {asked!r}")
    if asked == "bytes":
        return Vocabulary(), []
    found = Vocabulary.of("".join(texts))  # type: ignore[arg-type]
    if asked == "auto" and len(found) > MOST_CHARACTERS:
        return Vocabulary(), [
            f"{len(found):,} different characters are more than {MOST_CHARACTERS:,}, so that the text is read as "
            "bytes; --vocabulary characters keeps them"
        ]
    return found, []


def _known(parts: dict[str, str], vocabulary: Vocabulary) -> tuple[dict[str, str], list[str]]:
    kept, unknown = dict[str, str](), dict[str, int]()
    for part, text in parts.items():
        kept[part], others = vocabulary.known(text)
        unknown |= {character: unknown.get(character, 0) + count for character, count in others.items()}
    if not unknown:
        return kept, []
    total = sum(unknown.values())
    return kept, [f"left out: {counted(total, 'character')} that the model does not know, {named_characters(unknown)}"]


def _share(validation: Validation) -> float:
    if isinstance(validation, str):
        if validation not in ("auto", "needed"):
            raise SettingError(f"expected a share from 0 to below 1 to hold out, or auto, received {validation!r}")
        return _SHARE
    if isinstance(validation, bool) or not 0 <= validation < 1:
        raise SettingError(f"expected a share from 0 to below 1 to hold out, or auto, received {validation!r}")
    return float(validation)


def _read(path: Path) -> tuple[dict[str, str], list[str]]:
    """The text of each part, and what is to be said of the files."""
    if not path.exists():
        raise MissingFileError(f"{path}: expected a text, found nothing there")
    if path.is_file():
        text, notes = _text(path)
        return {"train": text}, notes
    files = [file for file in _files(path) if file.suffix.lower() in TEXTS]
    if not files:
        raise DataError(f"{path}: expected texts ({', '.join(TEXTS)}) in the folder, found none")
    read = [(file, *_text(file, empty=True)) for file in files]
    notes = [note for _, _, more in read for note in more]
    parts, told = parts_of_files(files, path, Layout())
    texts: dict[str, list[str]] = {}
    for file, text, _ in read:
        if file in parts:
            texts.setdefault(parts[file] or "train", []).append(text)
    if "train" not in texts:
        raise DataError(f"{path}: expected texts to learn from, found only those of {some(sorted(texts))}")
    if not any("".join(each) for each in texts.values()):
        raise DataError(f"{path}: expected texts, found {counted(len(files), 'file')} without a character")
    joined = {
        part: "".join(text if text.endswith("\n") else f"{text}\n" for text in each) for part, each in texts.items()
    }
    several = any(len(each) > 1 for each in texts.values())
    order = [f"{counted(len(parts), 'text')} joined in the order of their names"] if several else []
    others = [
        name for file in _files(path) if file not in files and not (name := str(file.relative_to(path))).startswith(".")
    ]
    left = [f"left out: {some(others, 3)}, no text by its name ({', '.join(TEXTS)})"] if others else []
    return joined, [*order, *told, *left, *notes]


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".")))


def _text(path: Path, empty: bool = False) -> tuple[str, list[str]]:
    """What a file holds, and what is to be said of it."""
    if path.suffix.lower() in _TABLES:
        raise DataError(
            f"{path}: is a table ({path.suffix}), no text; where its lines are meant as a text, copy it to a name that "
            "ends with .txt"
        )
    content = read_bytes(path, "text")
    if not content and not empty:
        raise DataError(f"{path}: expected a text, found an empty file")
    if (mark := content[:2]) in _MARKS:
        raise DataError(
            f"{path}: expected UTF-8, received {_MARKS[mark]}; convert it: {_converted(path, _MARKS[mark])}"
        )
    if (at := content.find(b"\0")) >= 0:
        raise DataError(
            f"{path}: expected a text, received a nought (\\x00) at byte {at:,}, which texts have not: it is "
            "of another kind"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start
        line = content.count(b"\n", 0, at) + 1
        raise DataError(
            f"{path}: expected UTF-8, received the byte {content[at]:#04x} at offset {at:,} (line {line:,}); convert "
            f"it, where it is of western Europe: {_converted(path, 'ISO-8859-1')}"
        ) from None
    notes = []
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        notes.append(f"{path.name}: its line ends (CR, or CR and LF) are read as LF")
    rows = text.split("\n", 20)[:20]
    for separator in (",", "\t", ";"):
        counts = {row.count(separator) for row in rows if row}
        if len(rows) > 3 and len(counts) == 1 and min(counts) > 1:
            notes.append(f"{path.name} looks like a table with {min(counts) + 1} columns; it is read as a text")
            break
    return text, notes


def _converted(path: Path, kind: str) -> str:
    return f"iconv -f {kind} -t UTF-8 {path.name} > utf8-{path.name}"
