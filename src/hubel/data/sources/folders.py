"""Folders of images: which are parts, which are classes, and what is neither."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.data.decode.image import SUFFIXES, UNREAD_SUFFIXES
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import (
    Item,
    Listing,
    empty_folders,
    files_below,
    has_suffix,
    is_image_path,
    make_listing,
    natural_order,
    some,
)
from hubel.data.sources.parts import is_aside, part_and_rest, part_of


class Entry(NamedTuple):
    """An image and the folders that it lies in, from the source's own folder on."""

    folders: tuple[str, ...]
    file: str
    item: Item

    def below(self, levels: int) -> Entry:
        """The same image, seen from so many folders further down."""
        return self._replace(folders=self.folders[levels:])


class _Sorted(NamedTuple):
    """Images with part and class, and what is to be said of it."""

    found: list[tuple[str, str, Item]]
    notes: list[str]


_AS_CLASSES = "--parts none takes every folder for a class"
_Groups = Mapping[str, Sequence[Entry]]


def list_folder(folder: Path, layout: Layout) -> Listing:
    """The listing of a folder of class folders, with folders for its parts or without."""
    found = list_paths(str(folder), sorted(files_below(str(folder))), layout)
    return dataclasses.replace(found, notes=(*found.notes, *empty_folders(folder, found.classes)))


def list_paths(name: str, paths: Iterable[tuple[str, Item]], layout: Layout) -> Listing:
    """A listing of items by their relative paths with forward slashes: [folder/]class/….jpg, with folders for the parts
    above the class folders or inside each of them.

    Raises ValueError where the paths have no such layout, or may mean two things.
    """
    paths = list(paths)
    entries = [_entry(path, item) for path, item in paths if is_image_path(path)]
    unread = Counter(Path(path).suffix.lower() for path, _ in paths if has_suffix(path, UNREAD_SUFFIXES))
    if not entries:
        others = f" but {_kinds(unread)}" if unread else ""
        raise DataError(
            f"{name}: expected images ({', '.join(sorted(SUFFIXES))}) in one folder for each class, found none{others}"
        )
    outer, entries = _without_wrappers(entries)
    around = next((folder for folder in reversed(outer) if part_of(folder)), "train")
    own = part_of(around) or ""
    try:
        sorted_ = (_by_names if layout.labels else _by_folders)(name, entries, own, layout)
    except DataError as error:
        tables = [path for path, _ in paths if path.lower().endswith((".csv", ".tsv")) and "/" not in path]
        hint = f"; a table lies there, which may be meant: {name}/{tables[0]}" if tables else ""
        raise DataError(f"{error}{hint}") from None
    left = [f"left out: {_kinds(unread)}, which cannot be read; save them as PNG or TIFF"] if unread else []
    alone = around in outer and all(part == own for part, _, _ in sorted_.found)
    only = [f"parts by folder: {around} is {own} ({len(sorted_.found):,}), and there is no other"] if alone else []
    return make_listing(name, sorted_.found, [*only, *sorted_.notes, *left])


def _kinds(unread: Counter[str]) -> str:
    return "files of kinds " + some((f"{suffix} ({count:,})" for suffix, count in unread.most_common()), 4)


def _entry(path: str, item: Item) -> Entry:
    *folders, file = path.split("/")
    return Entry(tuple(folders), file, item)


def _without_wrappers(entries: list[Entry]) -> tuple[list[str], list[Entry]]:
    """The folders around all images that are in any, and the images as seen from inside them."""
    outer: list[str] = []
    while True:
        inner = [entry for entry in entries if entry.folders]
        deep = [entry for entry in inner if len(entry.folders) > 1]
        if len({entry.folders[0] for entry in inner}) != 1 or 2 * len(deep) <= len(inner):
            return outer, entries
        outer.append(inner[0].folders[0])
        entries = [entry.below(1) for entry in entries]


def _by_folders(name: str, entries: list[Entry], own: str, layout: Layout) -> _Sorted:
    strays = [entry for entry in entries if not entry.folders]
    groups = _grouped(entry for entry in entries if entry.folders)
    if not groups:
        raise DataError(_asks_for_labels(name, strays))
    parts = _parts(name, groups, layout)
    if parts is None:
        inside = _parts_inside(name, groups, layout)
        if inside is not None:
            found, notes = inside
        else:
            classes, notes = _without_copies(groups)
            found = [(own, folder, entry.item) for folder, group in classes.items() for entry in group]
    else:
        found, notes, lost = _in_parts(name, groups, parts, own)
        strays += lost
    if not found:
        raise DataError(_asks_for_labels(name, strays))
    if strays:
        shown = some((entry.item.name for entry in strays), 2)
        notes.append(f"left out: {_images(len(strays))} outside a class folder ({shown})")
    return _Sorted(found, notes)


def _without_copies(groups: _Groups) -> tuple[_Groups, list[str]]:
    """The class folders, less one that holds folders of the others' names, as of a set unpacked twice; and what to say
    where all hold the same folders, which may be the classes.
    """
    names = {folder.casefold() for folder in groups}
    inner = {folder: _classes_in([entry.below(1) for entry in group]) for folder, group in groups.items()}
    copies = [folder for folder in groups if len(inner[folder] & (names - {folder.casefold()})) > 1]
    left = {folder: group for folder, group in groups.items() if folder not in copies}
    notes = [f"left out: {folder}, which holds folders of the classes' names" for folder in copies]
    common = set.intersection(*(inner[folder] for folder in left)) if len(left) > 1 else set()
    if len(common) > 1:
        notes.append(
            f"the classes are {some(natural_order(left))}, all of which hold the folders {some(natural_order(common))}"
            "; --labels '*/{label}/*' would take those for the classes"
        )
    elif any(len(inner[folder]) > 1 for folder in left):
        deeper = natural_order(name for folder in left for name in inner[folder])
        notes.append(
            f"the classes are {some(natural_order(left))}; the folders in them are not told apart ({some(deeper)}); "
            "--labels '*/{label}/*' would take those for the classes"
        )
    return left, notes


def _in_parts(
    name: str, groups: _Groups, parts: Mapping[str, str], own: str
) -> tuple[list[tuple[str, str, Item]], list[str], list[Entry]]:
    """Sort the images of part folders; folders of no part are classes where the part folders hold no training images,
    else left out.
    """
    found: list[tuple[str, str, Item]] = []
    strays: list[Entry] = []
    bare: list[str] = []
    counts: dict[str, int] = {}
    others = {folder: group for folder, group in groups.items() if folder not in parts}
    known = _class_names(groups, parts)
    for folder, part in parts.items():
        inner = _inside(folder, groups[folder], known)
        labelled = [entry for entry in inner if entry.folders]
        if not labelled:
            bare.append(folder)
            continue
        counts[folder] = len(labelled)
        found += [(part, entry.folders[0], entry.item) for entry in labelled]
        strays += [entry for entry in inner if not entry.folders]
    notes = (
        [
            "parts by folder: "
            + ", ".join(f"{folder} is {parts[folder]} ({count:,})" for folder, count in counts.items())
            + f"; {_AS_CLASSES}"
        ]
        if counts
        else []
    )
    if "train" not in parts.values() and others and (not counts or known & {other.casefold() for other in others}):
        found += [(own, entry.folders[0], entry.item) for group in others.values() for entry in group]
        others = {}
    remedy = "--labels says classes by file names" if counts else _AS_CLASSES
    for folder in bare:
        what = f"{folder}, {_images(len(groups[folder]))} of the {parts[folder]} part outside class folders"
        notes.append(f"left out: {what}; {remedy}")
    if others:
        shown = some(f"{folder} ({len(group):,})" for folder, group in others.items())
        notes.append(f"left out: {shown}, of no part; --parts train=FOLDER,… says otherwise")
    return found, notes, strays


def _parts(name: str, groups: _Groups, layout: Layout) -> dict[str, str] | None:
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
    parts = _by_words(groups)
    if not parts:
        return None
    known = _class_names(groups, {})
    classes = {folder: _classes_in(_inside(folder, groups[folder], known)) for folder in groups}
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
                    + f". {_AS_CLASSES}; --parts train=FOLDER,test=FOLDER names the parts"
                )
        return parts
    (alone,) = labelled
    beside = {other.casefold() for other in others}
    agree = classes[alone] & beside or any(classes[other] & classes[alone] for other in others)
    if len(parts) > 1 or agree or all(is_aside(other) for other in others):
        return parts
    raise DataError(
        f"{name}: {alone} may be a part, since it holds folders ({some(natural_order(classes[alone]))}), or a class "
        f"beside {some(others)}; say which: --parts {parts[alone]}={alone}, or --parts none for a class"
    )


def _named(name: str, groups: _Groups, named: Mapping[str, str]) -> dict[str, str] | None:
    missing = [folder for folder in named if folder not in groups]
    if missing and any(entry.folders[1:2] == (missing[0],) for group in groups.values() for entry in group):
        return None  # inside the class folders
    if missing:
        raise DataError(f"{name}: expected a folder {missing[0]!r}, found {some(natural_order(groups), 8)}")
    return dict(named)


def _by_words(groups: _Groups) -> dict[str, str]:
    told = {folder: part_and_rest(folder) for folder in natural_order(groups)}
    beside = defaultdict(set)
    for part, rest in told.values():
        beside[rest].add(part)
    return {
        folder: part
        for folder, (part, rest) in told.items()
        if part is not None and (not rest or len(beside[rest] - {None}) > 1)
    }


def _flat(name: str, groups: _Groups, parts: dict[str, str], others: Sequence[str]) -> dict[str, str] | None:
    """Folders called as parts are, none of which holds class folders."""
    if not others and len(parts) > 1:
        training = [entry for folder, part in parts.items() if part == "train" for entry in groups[folder]]
        raise DataError(
            f"{name}: {some(natural_order(parts))} hold images without class folders{_how_names_say(training)}; where "
            "these folders are the classes: --parts none"
        )
    later = {folder: part for folder, part in parts.items() if part != "train"}
    if others and later and len(later) < len(parts):
        raise DataError(
            f"{name}: {some(natural_order(parts))} may be parts without class folders, or classes beside "
            f"{some(natural_order(others))}; say which: --parts none for classes, --parts test=FOLDER for parts"
        )
    return later if len(others) + (len(parts) - len(later)) > 1 and later else None


def _parts_inside(name: str, groups: _Groups, layout: Layout) -> _Sorted | None:
    """Parts inside each class: cat/train, cat/test, dog/train, …"""
    if layout.parts == "none":
        return None
    named = layout.named_parts()
    below = {folder: {entry.folders[1:2] for entry in group} for folder, group in groups.items()}
    words = {inner[0] for inners in below.values() for inner in inners if inner}
    parts = {word: named.get(word) or ("" if named else part_of(word) or "") for word in words}
    if len({part for part in parts.values() if part}) < 2:
        return None
    found: list[tuple[str, str, Item]] = []
    lost: list[Entry] = []
    for folder, group in groups.items():
        for entry in group:
            part = parts.get(entry.folders[1], "") if len(entry.folders) > 1 else ""
            if part:
                found.append((part, folder, entry.item))
            else:
                lost.append(entry)
    counts = Counter(entry.folders[1] for group in groups.values() for entry in group if len(entry.folders) > 1)
    kept = ", ".join(f"{word} is {parts[word]} ({counts[word]:,})" for word in natural_order(words) if parts[word])
    notes = [f"parts inside the class folders: {kept}; {_AS_CLASSES}"]
    if lost:
        shown = some((entry.item.name for entry in lost), 2)
        notes.append(f"left out: {_images(len(lost))} of no part, beside those that are of one ({shown})")
    return _Sorted(found, notes)


def _by_names(name: str, entries: list[Entry], own: str, layout: Layout) -> _Sorted:
    """Classes by file names; folders may be parts."""
    named = layout.named_parts()
    groups = _grouped(entry for entry in entries if entry.folders)
    parts = named or ({} if layout.parts == "none" else _by_words(groups))
    found: list[tuple[str, str, Item]] = []
    lost: list[Entry] = []
    for entry in entries:
        label = layout.label_in("/".join((*entry.folders, entry.file)))
        if label is None:
            lost.append(entry)
        else:
            found.append((parts.get(entry.folders[0] if entry.folders else "", own), label, entry.item))
    if not found:
        raise DataError(
            f"{name}: expected file names such as {layout.labels!r}, found {some((entry.file for entry in entries), 3)}"
        )
    notes = [f"classes by file names, {layout.labels}: {some((_counts(found)), 5)}"]
    if parts:
        notes.append(f"parts by folder: {', '.join(f'{folder} is {part}' for folder, part in parts.items())}")
    if lost:
        shown = some((entry.item.name for entry in lost), 2)
        notes.append(f"left out: {_images(len(lost))} whose names do not fit {layout.labels} ({shown})")
    return _Sorted(found, notes)


def _counts(found: Sequence[tuple[str, str, Item]]) -> list[str]:
    counts = Counter(label for _, label, _ in found)
    return [f"{label} ({counts[label]:,})" for label in natural_order(counts)]


def _asks_for_labels(name: str, strays: Sequence[Entry]) -> str:
    words = f"{name}: expected every image in a folder named after its class, found {_images(len(strays))} outside one"
    shown = f" ({some((entry.item.name for entry in strays), 2)})"
    return f"{words}{shown}{_how_names_say(strays)}"


def _how_names_say(strays: Sequence[Entry]) -> str:
    """How file names may say the class, as a remedy."""
    stems = Counter(re.sub(r"[\W_]*\d+$", "", os.path.splitext(entry.file)[0]) for entry in strays)
    if len(stems) > 1 and min(stems.values()) > 1 and "" not in stems:
        separator = next((match[1] for entry in strays if (match := re.search(r"([\W_]*)\d+\.\w+$", entry.file))), "_")
        told = some((f"{stem} ({count:,})" for stem, count in stems.items()), 4)
        return f"; where their names say the class ({told}): --labels '{{label}}{separator}{{number}}'"
    return "; where file names say the class, say how: --labels '{label}_{number}'"


def _inside(folder: str, group: Sequence[Entry], known: frozenset[str]) -> list[Entry]:
    """A part's images as seen from inside its folder, and inside any folder that is around all of them there (as in
    train/train/cat, seg_train/seg_train/forest) and no class that other parts have.
    """
    inner = [entry.below(1) for entry in group]
    while True:
        first = {entry.folders[0] for entry in inner if entry.folders}
        deep = [entry for entry in inner if len(entry.folders) > 1]
        if len(first) != 1:
            return inner
        (only,) = first
        same = only.casefold() == folder.casefold() or part_of(only) is not None
        if not same and (only.casefold() in known or 2 * len(deep) <= len(inner)):
            return inner
        inner = [entry.below(1) if entry.folders else entry for entry in inner]


def _class_names(groups: _Groups, parts: Mapping[str, str]) -> frozenset[str]:
    """The names, in small letters, that more than one folder lies under, or that lie beside one another."""
    chosen = parts or groups
    names = Counter(
        inner
        for folder in chosen
        for inner in {entry.folders[1].casefold() for entry in groups[folder] if entry.folders[1:]}
    )
    several = {
        inner
        for folder in chosen
        if len(inners := {entry.folders[1].casefold() for entry in groups[folder] if entry.folders[1:]}) > 1
        for inner in inners
    }
    return frozenset(name for name, count in names.items() if count > 1) | frozenset(several)


def _classes_in(entries: Sequence[Entry]) -> set[str]:
    return {entry.folders[0].casefold() for entry in entries if entry.folders}


def _grouped(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.folders[0]].append(entry)
    return dict(groups)


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"
