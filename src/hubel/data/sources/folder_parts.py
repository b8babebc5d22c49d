"""Which folders of a source are parts, and which are classes, by their words and by what they hold."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import Item, natural_order, some
from hubel.data.sources.parts import is_aside, part_and_rest, part_of, words_of


class Entry(NamedTuple):
    """An image and the folders that it lies in, from the source's own folder on."""

    folders: tuple[str, ...]
    file: str
    item: Item

    def below(self, levels: int) -> Entry:
        """The same image, seen from so many folders further down."""
        return self._replace(folders=self.folders[levels:])


AS_CLASSES = "--parts none takes every folder for a class"
Groups = Mapping[str, Sequence[Entry]]


def parts_of_folders(name: str, groups: Groups, layout: Layout) -> dict[str, str] | None:
    """Which folders are parts of the set; None where all are classes.

    A folder is a part by its words ("test", "Test set", "seg_test" beside "seg_train") and by what it holds: class
    folders that others of the set hold too. A class may be called "train" or "test", so folders without class folders
    in them are parts only where nothing else can be meant.
    """
    if layout.parts == "none":
        return None
    named = layout.named_parts()
    if named:
        return _named(name, groups, named)
    parts = parts_by_words(groups)
    if not parts:
        return None
    known = class_names(groups, {})
    classes = {folder: classes_in(seen_inside(folder, groups[folder], known)) for folder in groups}
    labelled = [folder for folder in parts if classes[folder]]
    others = [folder for folder in groups if folder not in parts]
    if not labelled:
        return _flat(name, groups, parts, others)
    if len(labelled) > 1:
        for folder in labelled:
            rest = set().union(*(classes[other] for other in labelled if other != folder))
            if not classes[folder] & rest:
                raise DataError(
                    f"{name}: expected parts with the same classes, found none in common: "
                    + "; ".join(f"{part} holds {some(natural_order(classes[part]))}" for part in labelled)
                    + f". {AS_CLASSES}; --parts train=FOLDER,test=FOLDER names the parts"
                )
        return _with_training(name, parts, others, classes)
    (alone,) = labelled
    beside = {other.casefold() for other in others}
    agree = classes[alone] & beside or any(classes[other] & classes[alone] for other in others)
    if len(parts) > 1 or agree or all(is_aside(other) for other in others):
        return _with_training(name, parts, others, classes)
    raise DataError(
        f"{name}: {alone} may be a part, since it holds folders ({some(natural_order(classes[alone]))}), or a class "
        f"beside {some(others)}; say which: --parts {parts[alone]}={alone}, or --parts none for a class"
    )


def _with_training(
    name: str, parts: dict[str, str], others: Sequence[str], classes: Mapping[str, set[str]]
) -> dict[str, str]:
    """The parts, and where none of them is training's the only other folder that holds the same classes."""
    known = set().union(*(classes[folder] for folder in parts))
    alike = [other for other in others if len(classes[other] & known) > 1]
    if "train" in parts.values() or not alike:
        return parts
    if len(alike) > 1:
        raise DataError(
            f"{name}: {some(alike)} hold the classes that {some(parts)} hold, and none is called train; say which is: "
            f"--parts train={alike[0]},{','.join(f'{part}={folder}' for folder, part in parts.items())}"
        )
    return {**parts, alike[0]: "train"}


def _named(name: str, groups: Groups, named: Mapping[str, str]) -> dict[str, str] | None:
    missing = [folder for folder in named if folder not in groups]
    if missing and any(entry.folders[1:2] == (missing[0],) for group in groups.values() for entry in group):
        return None  # inside the class folders
    if missing:
        raise DataError(f"{name}: expected a folder {missing[0]!r}, found {some(natural_order(groups), 8)}")
    return dict(named)


def parts_by_words(names: Iterable[str]) -> dict[str, str]:
    """The folders that are called as parts are, with the part of each."""
    told = {folder: part_and_rest(folder) for folder in natural_order(names)}
    beside = defaultdict(set)
    for part, rest in told.values():
        beside[rest].add(part)
    return {
        folder: part
        for folder, (part, rest) in told.items()
        if part is not None and (not rest or len(beside[rest] - {None}) > 1)
    }


def classes_beside_parts(groups: Groups) -> dict[str, tuple[str, str]]:
    """Part and class of each folder, where every name says both and none holds folders: cat_train, cat_test, dog_train,
    dog_test. Nothing where that is not so, or where a class is in one part alone.
    """
    told = {folder: part_and_rest(folder) for folder in groups}
    parts = Counter(rest for part, rest in told.values() if part and rest)
    deep = any(len(entry.folders) > 1 for group in groups.values() for entry in group)
    if deep or len(parts) < 2 or parts.total() < len(told) or min(parts.values()) < 2:
        return {}
    found = {}
    for folder, (part, rest) in told.items():
        label = re.sub(r"[^\W_]+", lambda word: "" if part_of(word[0]) else word[0], folder).strip("_-. ")
        found[folder] = (part or "", label if words_of(label) == rest else " ".join(rest))
    return found


def _flat(name: str, groups: Groups, parts: dict[str, str], others: Sequence[str]) -> dict[str, str] | None:
    """Folders called as parts are, none of which holds class folders."""
    if not others and len(parts) > 1:
        training = [entry for folder, part in parts.items() if part == "train" for entry in groups[folder]]
        raise DataError(
            f"{name}: {some(natural_order(parts))} hold images without class folders{how_names_say(training)}; where "
            "these folders are the classes: --parts none"
        )
    later = {folder: part for folder, part in parts.items() if part != "train"}
    if others and later and len(later) < len(parts):
        raise DataError(
            f"{name}: {some(natural_order(parts))} may be parts without class folders, or classes beside "
            f"{some(natural_order(others))}; say which: --parts none for classes, --parts test=FOLDER for parts"
        )
    return later if len(others) + (len(parts) - len(later)) > 1 and later else None


def how_names_say(strays: Sequence[Entry]) -> str:
    """How file names may say the class, as a remedy."""
    stems = Counter(re.sub(r"[\W_]*\d+$", "", os.path.splitext(entry.file)[0]) for entry in strays)
    if len(stems) > 1 and min(stems.values()) > 1 and "" not in stems:
        separator = next((match[1] for entry in strays if (match := re.search(r"([\W_]*)\d+\.\w+$", entry.file))), "_")
        told = some((f"{stem} ({count:,})" for stem, count in stems.items()), 4)
        return f"; where their names say the class ({told}): --labels '{{label}}{separator}{{number}}'"
    return "; where file names say the class, say how: --labels '{label}_{number}'"


def seen_inside(folder: str, group: Sequence[Entry], known: frozenset[str]) -> list[Entry]:
    """A part's images as seen from inside its folder, and inside any folder that is around all of them there (as in
    train/train/cat, seg_train/seg_train/forest) and no class that other parts have. So is one of unlabelled images
    beside parts with classes (test/unknown).
    """
    inner = [entry.below(1) for entry in group]
    while True:
        first = {entry.folders[0] for entry in inner if entry.folders}
        deep = [entry for entry in inner if len(entry.folders) > 1]
        if len(first) != 1:
            return inner
        (only,) = first
        same = only.casefold() == folder.casefold() or part_of(only) is not None
        unlabelled = known and only.casefold() not in known and part_of(folder) != "train"
        if not (same or unlabelled) and (only.casefold() in known or 2 * len(deep) <= len(inner)):
            return inner
        inner = [entry.below(1) if entry.folders else entry for entry in inner]


def class_names(groups: Groups, parts: Mapping[str, str]) -> frozenset[str]:
    """The names, in small letters, that more than one folder lies under, or that lie beside one another."""
    inners = [classes_in([entry.below(1) for entry in groups[folder]]) for folder in parts or groups]
    names = Counter(name for inner in inners for name in inner)
    several = {name for inner in inners if len(inner) > 1 for name in inner}
    deep = Counter(
        entry.folders[1].casefold() for folder in parts or groups for entry in groups[folder] if entry.folders[2:]
    )
    whole = {name for inner in inners for name in inner if len(inner) == 1 and deep[name] > 1}  # train/images/cat
    return frozenset(name for name, count in names.items() if count > 1 and name not in whole) | frozenset(several)


def classes_in(entries: Sequence[Entry]) -> set[str]:
    """The names of the outermost folders, in small letters."""
    return {entry.folders[0].casefold() for entry in entries if entry.folders}


def images_said(count: int) -> str:
    """A number of images in words."""
    return f"{count:,} image{'s' * (count != 1)}"
