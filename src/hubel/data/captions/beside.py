"""Text files beside pictures, each of its picture's name, a sentence a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from hubel.data.boxes.annotations import glance
from hubel.data.captions.words import words_of
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.listing import files_below, natural_key
from hubel.data.sources.parts import part_of
from hubel.data.sources.tables.read import decoded

SUFFIX = ".txt"
_LOOKED = 20  # texts by which it is told


def are_beside(root: Path) -> bool:
    """Whether sentences lie beside pictures in a folder, in folders of pictures or of parts in it, or in a folder of
    their own; by a glance. Folders of classes are classes, whatever lies in them.
    """
    there = [path for path in glance(root, SUFFIX, *SUFFIXES, deep=2) if _is_no_class(path.relative_to(root))]
    pictures = {path.stem for path in there if path.suffix.lower() in SUFFIXES}
    texts = [path for path in there if path.suffix.lower() == SUFFIX]
    found = [path for path in texts if path.stem in pictures][:_LOOKED]
    return 2 * len(found) > min(len(texts), _LOOKED) and any(map(_says_something, found))


def texts_of(root: Path, pictures: Iterable[str]) -> dict[Path, str]:
    """The texts below a folder and the pictures of their names: in the same folder, or one alone of that name."""
    named: dict[str, list[Path]] = defaultdict(list)
    for path in map(Path, pictures):
        named[path.stem].append(path)
    found = {}
    for inside, _ in sorted(files_below(str(root)), key=lambda each: natural_key(each[0])):
        path = root / inside
        same = named.get(path.stem, []) if path.suffix.lower() == SUFFIX else []
        chosen = [each for each in same if each.parent == path.parent] or same
        if len(chosen) == 1:
            found[path] = str(chosen[0])
    return found


def sentences_of(text: Path, notes: list[str]) -> Iterator[tuple[int, str]]:
    """The lines of a text that say something, with their numbers."""
    whole, read = decoded(text.read_bytes())
    notes += [f"{text.name}: {note}" for note in read]
    yield from ((number, line) for number, line in enumerate(whole.splitlines(), 1) if line.strip())


def _is_no_class(inside: Path) -> bool:
    """Whether all folders on the way are called as those of parts, pictures or captions are."""
    return all(part_of(name) or {*words_of(name)} <= _PLACES for name in inside.parts[:-1])


_PLACES = {"images", "image", "img", "pictures", "photos", "captions", "caption", "text", "texts", "sentences"}


def _says_something(text: Path) -> bool:
    """Whether a text's first line has a word, and is no line of a class and numbers."""
    with open(text, "rb") as file:
        first = decoded(file.read(2**12))[0].strip().partition("\n")[0]
    return any(word.isalpha() for word in words_of(first)) and len(words_of(first)) > 1
