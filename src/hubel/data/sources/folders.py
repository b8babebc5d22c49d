"""Folders of images: which are parts, which are classes, and what is neither."""

from __future__ import annotations

import dataclasses
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.base.numbers import counted
from hubel.data.decode import sound
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.folder_parts import (
    AS_CLASSES,
    Entry,
    Groups,
    class_names,
    classes_beside_parts,
    classes_in,
    how_names_say,
    images_said,
    parts_by_words,
    parts_of_folders,
    seen_inside,
)
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import (
    Item,
    Listing,
    files_below,
    folders_without_images,
    has_suffix,
    is_image_path,
    is_left_behind,
    make_listing,
    natural_order,
    some,
)
from hubel.data.sources.parts import PARTS, is_aside, part_of
from hubel.data.sources.unread import TEXTS, may_be_table, unread_kinds


class _Sorted(NamedTuple):
    """Images with part and class, and what is to be said of it."""

    found: list[tuple[str, str, Item]]
    notes: list[str]


def list_folder(folder: Path, layout: Layout) -> Listing:
    """The listing of a folder of class folders, with folders for its parts or without."""
    paths = sorted(files_below(str(folder)))
    found = list_paths(str(folder), paths, layout)
    bare = folders_without_images(folder, [path for path, _ in paths if is_image_path(path)], found.classes)
    return dataclasses.replace(found, notes=(*found.notes, *bare))


def list_paths(name: str, paths: Iterable[tuple[str, Item]], layout: Layout) -> Listing:
    """A listing of items by their relative paths with forward slashes: [folder/]class/….jpg, with folders for the parts
    above the class folders or inside each of them.

    Raises ValueError where the paths have no such layout, or may mean two things.
    """
    paths, behind = _without_left_behind(list(paths))
    paths, runs = _without_runs(paths)
    entries = [_entry(path, item) for path, item in paths if is_image_path(path)]
    unread = unread_kinds(path for path, _ in paths)
    tables = [path for path, _ in paths if may_be_table(path)]
    if not entries:
        others = f" but {unread}" if unread else ""
        alike = layout.label_kind == "none"  # of which sounds are none
        kinds = sorted(set(SUFFIXES) - set(sound.SUFFIXES) if alike else SUFFIXES)
        where = "" if alike else " in one folder for each class"
        texts = sum(path.lower().endswith(TEXTS) for path, _ in paths)
        meant = (
            f"; of its {counted(texts, 'text')} a network learns to write with --task language"
            if 2 * texts > len(paths)
            else ""
        )
        raise DataError(f"{name}: expected images ({', '.join(kinds)}){where}, found none{others}{meant}")
    outer, entries = _without_wrappers(entries)
    around = next((folder for folder in reversed(outer) if part_of(folder)), "train")
    own = part_of(around) or ""
    try:
        by_names = layout.labels or layout.label_kind == "none"
        sorted_ = (_by_names if by_names else _by_folders)(name, entries, own, layout)
    except DataError as error:
        hint = f"; a table lies there, which may be meant: {name}/{tables[0]}" if tables else ""
        raise DataError(f"{error}{hint}") from None
    left = [f"left out: {unread}, which cannot be read; save them as PNG, TIFF or WAV"] if unread else []
    alone = around in outer and all(part == own for part, _, _ in sorted_.found)
    only = [f"parts by folder: {around} is {own} ({len(sorted_.found):,}), and there is no other"] if alone else []
    beside = [f"not used: {some(tables)}, which hubel data {name}/{tables[0]} would read"] if tables else []
    return make_listing(name, sorted_.found, [*only, *sorted_.notes, *left, *behind, *runs, *beside])


def _without_left_behind(paths: list[tuple[str, Item]]) -> tuple[list[tuple[str, Item]], list[str]]:
    """The paths but those in folders that systems and programs keep for themselves; and what to say of such images."""
    kept, there = [], set()
    for path, item in paths:
        *folders, file = path.split("/")
        depth = next((depth for depth, folder in enumerate(folders, 1) if is_left_behind(folder)), 0)
        if not depth:
            kept.append((path, item))
        elif folders[depth - 1] != "__MACOSX" and is_image_path(file):
            there.add("/".join(folders[:depth]))
    return kept, [
        f"left out: {some(natural_order(there))}, which systems and programs keep for themselves"
    ] if there else []


def _without_runs(paths: list[tuple[str, Item]]) -> tuple[list[tuple[str, Item]], list[str]]:
    """The paths but those in runs of hubel's own, as `hubel train .` leaves in a folder of images; and what to say."""
    runs = natural_order(path.removesuffix("run.toml") for path, _ in paths if path.endswith("/run.toml"))
    kept = [(path, item) for path, item in paths if not path.startswith(runs)]
    return kept, [f"left out: {some(run.rstrip('/') for run in runs)}, where hubel keeps a run"] if runs else []


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


ALIKE = "pictures"  # the class of all images, where none are told apart


def _by_folders(name: str, entries: list[Entry], own: str, layout: Layout) -> _Sorted:
    strays = [entry for entry in entries if not entry.folders]
    groups = _grouped(entry for entry in entries if entry.folders)
    if not groups:
        raise DataError(_asks_for_labels(name, strays))
    beside = classes_beside_parts(groups) if layout.parts == "auto" else {}
    parts = None if beside else parts_of_folders(name, groups, layout)
    if beside:
        found = [(*beside[folder], entry.item) for folder, group in groups.items() for entry in group]
        said = (f"{folder} is {part}, of {label}" for folder, (part, label) in beside.items())
        notes = [f"parts and classes by folder: {some(said, 6)}; {AS_CLASSES}"]
    elif parts is None:
        inside = _parts_inside(name, groups, layout)
        if inside is not None:
            found, notes = inside
        else:
            classes, notes = _without_copies(name, groups, layout)
            found = [(own, folder, entry.item) for folder, group in classes.items() for entry in group]
    else:
        found, notes, lost = _in_parts(name, groups, parts, own, layout)
        strays += lost
    if not found:
        raise DataError(_asks_for_labels(name, strays))
    if strays:
        shown = some((entry.item.name for entry in strays), 2)
        notes.append(f"left out: {images_said(len(strays))} outside a class folder ({shown})")
    return _Sorted(found, notes)


def _without_copies(name: str, groups: Groups, layout: Layout) -> tuple[Groups, list[str]]:
    """The class folders, less one that holds folders of the others' names, as of a set unpacked twice; and what to say
    of folders in them.

    Raises DataError where all hold the same folders, which may be the classes, and theirs the parts.
    """
    names = {folder.casefold() for folder in groups}
    inner = {folder: classes_in(seen_inside(folder, group, frozenset())) for folder, group in groups.items()}
    copies = [folder for folder in groups if len(inner[folder] & (names - {folder.casefold()})) > 1]
    left = {folder: group for folder, group in groups.items() if folder not in copies}
    notes = [f"left out: {folder}, which holds folders of the classes' names" for folder in copies]
    if layout.parts != "none" and len(left) > 1:
        first, *_, last = natural_order(left)
        parts = f"--parts train={shlex.quote(first)},test={shlex.quote(last)} where {first} and {last} are parts"
        _refuse_alike(name, left, f"{parts}, --labels '*/{{label}}/*' for the inner folders in one part, --parts none")
    notes += _deeper(left)
    odd = [folder for folder in natural_order(left) if is_aside(folder)]
    if odd and len(odd) < len(left):
        shown = some(f"{folder} ({len(left[folder]):,})" for folder in odd)
        notes.append(f"taken for a class: {shown}; where that is none, move it out of the folder")
    return left, notes


def _deeper(classes: Groups) -> list[str]:
    """What is to be said of folders in class folders."""
    inner = [classes_in(seen_inside(folder, group, frozenset())) for folder, group in classes.items()]
    if all(len(each) < 2 for each in inner):
        return []
    return [
        f"the classes are {some(natural_order(classes))}; the folders in them are not told apart "
        f"({some(natural_order(set().union(*inner)))}); --labels '*/{{label}}/*' would take those for the classes"
    ]


def _told_apart(name: str, classes: Groups, parts: Mapping[str, str], layout: Layout) -> list[str]:
    """What is to be said of folders in class folders, where those lie in parts. Raises DataError where that may be
    meant otherwise and was not answered by `layout.parts`.
    """
    if not layout.named_parts():
        order = sorted(natural_order(parts), key=lambda folder: PARTS.index(parts[folder]))
        named = ",".join(f"{parts[folder]}={shlex.quote(folder)}" for folder in order)
        _refuse_alike(name, classes, f"--labels '*/{{label}}/*' for the inner folders, --parts {named}")
    return _deeper(classes)


def _refuse_alike(name: str, classes: Groups, remedy: str) -> None:
    """Raise DataError where all class folders hold the same folders, which may be the classes."""
    inner = [classes_in(seen_inside(folder, group, frozenset())) for folder, group in classes.items()]
    common = set.intersection(*inner) if len(inner) > 1 else set()
    if len(common) > 1:
        raise DataError(
            f"{name}: {some(natural_order(classes))} all hold the folders {some(natural_order(common))}: either may be "
            f"the classes; say which: {remedy} for the outer ones"
        )


def _in_parts(
    name: str, groups: Groups, parts: Mapping[str, str], own: str, layout: Layout
) -> tuple[list[tuple[str, str, Item]], list[str], list[Entry]]:
    """Sort the images of part folders; folders of no part are classes where the part folders hold no training images,
    else left out.
    """
    found: list[tuple[str, str, Item]] = []
    strays: list[Entry] = []
    bare: list[str] = []
    counts: dict[str, int] = {}
    classes: dict[str, list[Entry]] = defaultdict(list)
    others = {folder: group for folder, group in groups.items() if folder not in parts}
    known = class_names(groups, parts)
    for folder, part in parts.items():
        inner = seen_inside(folder, groups[folder], known)
        labelled = [entry for entry in inner if entry.folders]
        if not labelled:
            bare.append(folder)
            continue
        counts[folder] = len(labelled)
        found += [(part, entry.folders[0], entry.item) for entry in labelled]
        for entry in labelled:
            classes[entry.folders[0]].append(entry)
        strays += [entry for entry in inner if not entry.folders]
    notes = (
        [
            "parts by folder: "
            + ", ".join(f"{folder} is {parts[folder]} ({count:,})" for folder, count in counts.items())
            + f"; {AS_CLASSES}"
        ]
        if counts
        else []
    )
    notes += _told_apart(name, classes, parts, layout)
    if "train" not in parts.values() and others and (not counts or known & {other.casefold() for other in others}):
        found += [(own, entry.folders[0], entry.item) for group in others.values() for entry in group]
        others = {}
    remedy = "--labels says classes by file names" if counts else AS_CLASSES
    for folder in bare:
        what = f"{folder}, {images_said(len(groups[folder]))} of the {parts[folder]} part outside class folders"
        notes.append(f"left out: {what}; {remedy}")
    if others:
        shown = some(f"{folder} ({len(group):,})" for folder, group in others.items())
        notes.append(f"left out: {shown}, of no part; --parts train=FOLDER,… says otherwise")
    return found, notes, strays


def _parts_inside(name: str, groups: Groups, layout: Layout) -> _Sorted | None:
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
    classes: dict[str, list[Entry]] = defaultdict(list)
    for folder, group in groups.items():
        for entry in group:
            part = parts.get(entry.folders[1], "") if len(entry.folders) > 1 else ""
            if part:
                found.append((part, folder, entry.item))
                classes[folder].append(entry._replace(folders=(folder, *entry.folders[2:])))
            else:
                lost.append(entry)
    counts = Counter(entry.folders[1] for group in groups.values() for entry in group if len(entry.folders) > 1)
    kept = ", ".join(f"{word} is {parts[word]} ({counts[word]:,})" for word in natural_order(words) if parts[word])
    own = {word: part for word, part in parts.items() if part}
    notes = [f"parts inside the class folders: {kept}; {AS_CLASSES}", *_told_apart(name, classes, own, layout)]
    if lost:
        shown = some((entry.item.name for entry in lost), 2)
        notes.append(f"left out: {images_said(len(lost))} of no part, beside those that are of one ({shown})")
    return _Sorted(found, notes)


def _by_names(name: str, entries: list[Entry], own: str, layout: Layout) -> _Sorted:
    """Classes by file names, or none; folders may be parts, wherever they lie."""
    alike = layout.label_kind == "none"
    named = layout.named_parts()
    groups = _grouped(entry for entry in entries if entry.folders)
    parts = named or ({} if layout.parts == "none" else parts_by_words(groups))
    found: list[tuple[str, str, Item]] = []
    lost: list[Entry] = []
    told = dict(parts)
    for entry in entries:
        label = ALIKE if alike else layout.label_in("/".join((*entry.folders, entry.file)))
        if label is None:
            lost.append(entry)
        else:
            inside = () if layout.parts == "none" else (folder for folder in entry.folders[1:] if folder != label)
            deep = {folder: named.get(folder) if named else part_of(folder) for folder in inside}
            told |= {folder: part for folder, part in deep.items() if part}
            part = parts.get(entry.folders[0] if entry.folders else "") or next(filter(None, deep.values()), own)
            found.append((part, label, entry.item))
    if not found:
        raise DataError(
            f"{name}: expected file names such as {layout.labels!r}, found {some((entry.file for entry in entries), 3)}"
        )
    notes = [] if alike else [f"classes by file names, {layout.labels}: {some((_counts(found)), 5)}"]
    if told:
        notes.append(f"parts by folder: {', '.join(f'{folder} is {part}' for folder, part in told.items())}")
    if lost:
        shown = some((entry.item.name for entry in lost), 2)
        notes.append(f"left out: {images_said(len(lost))} whose names do not fit {layout.labels} ({shown})")
    return _Sorted(found, notes)


def _counts(found: Sequence[tuple[str, str, Item]]) -> list[str]:
    counts = Counter(label for _, label, _ in found)
    return [f"{label} ({counts[label]:,})" for label in natural_order(counts)]


def _asks_for_labels(name: str, strays: Sequence[Entry]) -> str:
    words = (
        f"{name}: expected every image in a folder named after its class, found {images_said(len(strays))} outside one"
    )
    shown = f" ({some((entry.item.name for entry in strays), 2)})"
    heard = all(has_suffix(entry.file, frozenset(sound.SUFFIXES)) for entry in strays)
    line = shlex.join(["hubel", "train", "r3gan", name])
    made = f"; where more such pictures are to be made, classes are not needed: {line}"
    made = "" if heard else f"{made}; nor where grey pictures are to get colours: --task colorize"
    return f"{words}{shown}{how_names_say(strays)}{made}"


def _grouped(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.folders[0]].append(entry)
    return dict(groups)
