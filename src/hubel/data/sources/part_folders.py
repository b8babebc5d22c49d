"""The part of each image by the folders that it lies in, where these are no classes: beside masks and boxes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hubel.base.errors import DataError
from hubel.data.sources.folder_parts import parts_by_words
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import natural_order, some
from hubel.data.sources.parts import part_and_rest


class PartFolders:
    """Which folders are parts: by their words, or as `layout.parts` or a file of the format names them.

    paths: of the images, from their root on, with forward slashes. named: parts by folders, where a file says them.
    """

    def __init__(self, paths: Iterable[str], layout: Layout, named: Mapping[str, str] | None = None) -> None:
        self._paths = list(paths)
        self._named = {folder.strip("/"): part for folder, part in (layout.named_parts() or named or {}).items()}
        inside: dict[str, set[str]] = defaultdict(set)
        for path in self._paths:
            folders = path.split("/")[:-1]
            for depth, name in enumerate(folders):
                inside["/".join(folders[:depth])].add(name)
        self._inside, self._all = inside, layout.parts == "none"
        self._known: dict[str, dict[str, str]] = {}
        if not self._named and layout.parts != "none":
            self._known = {outer: known for outer, names in inside.items() if (known := parts_by_words(names))}
        if layout.named_parts():
            self._refuse_missing()

    def of(self, path: str) -> str | None:
        """An image's part; "" where no folder says one, None where its folders are of no part and others are."""
        folders = path.split("/")[:-1]
        if self._named:
            around = f"/{'/'.join(folders)}/"
            found = [folder for folder in self._named if f"/{folder}/" in around]
            return self._named[max(found, key=len)] if found else None if "train" in self._named.values() else ""
        for depth, name in enumerate(folders):
            known = self._known.get("/".join(folders[:depth]), {})
            if name in known:
                return known[name]
            if "train" in known.values():
                return None
        return ""

    def notes(self) -> list[str]:
        """What was taken for what, and what is of no part."""
        if self._named:
            counts = Counter(self.of(path) for path in self._paths)
            told = [f"{folder} is {part}" for folder, part in self._named.items()]
            left = counts[None]
            return [f"parts by folder: {', '.join(told)}", *([f"left out: {left:,} images of no part"] if left else [])]
        told = [f"{name} is {part}" for known in self._known.values() for name, part in known.items()]
        notes = [f"parts by folder: {', '.join(dict.fromkeys(told))}"] if told else []
        left_out = Counter(path.rpartition("/")[0] for path in self._paths if self.of(path) is None)
        if left_out:
            shown = some(f"{folder} ({left_out[folder]:,})" for folder in natural_order(left_out))
            notes.append(f"left out: {shown}, of no part; --parts train=FOLDER,… says otherwise")
        several = next((names for outer, names in self._inside.items() if len(names) > 1), None)
        if several and not told and not self._all:
            notes.append(
                f"no folder says a part ({some(natural_order(several))}): all are for training; "
                "--parts train=FOLDER,test=FOLDER says otherwise"
            )
        return notes

    def _refuse_missing(self) -> None:
        arounds = {f"/{path.rpartition('/')[0]}/" for path in self._paths}
        for folder in self._named:
            if not any(f"/{folder}/" in around for around in arounds):
                there = natural_order(name for names in self._inside.values() for name in names)
                raise DataError(f"expected a folder {folder!r} with images, found {some(there, 8) or 'none'}")


def folders_and_columns(layout: Layout, paths: Iterable[str], files: Sequence[Path]) -> tuple[Layout, Layout | None]:
    """What a layout means for folders, and for columns of tables: parts that it names may be folders of these paths,
    these files, or else values of a column; None where columns say nothing of them.
    """
    named = layout.named_parts()
    if not named:
        return layout, layout
    around = {f"/{path.rpartition('/')[0]}/" for path in paths}
    if all(any(f"/{name}/" in each for each in around) for name in named):
        return layout, None
    known = {word for file in files for word in (file.name, file.stem.replace(".", "_"))}
    return Layout(), None if known.issuperset(named) else layout


def parts_of_files(files: Sequence[Path], root: Path, layout: Layout) -> tuple[dict[Path, str], list[str]]:
    """The parts of files of annotations by the words of their names, or of their folders below `root`; "" where these
    say none. Those of none are left out where others are called training's. And what to say.
    """
    named = layout.named_parts()
    parts: dict[Path, str] = {}
    for path in files:
        folders = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
        words = [path.stem.replace(".", "_"), *reversed(folders)]
        by_words = "" if layout.parts == "none" else next(filter(None, (part_and_rest(word)[0] for word in words)), "")
        said = next((named[word] for word in (path.name, *words) if word in named), "")
        parts[path] = said if named else by_words
    left = [path for path, part in parts.items() if not part and "train" in parts.values()]
    known = [f"{path.name} is {part}" for path, part in parts.items() if part]
    notes = [f"parts by file: {', '.join(known)}"] if known else []
    if left:
        shown = some(path.name for path in left)
        notes.append(f"left out: {shown}, of no part beside those of training")
    return {path: part for path, part in parts.items() if path not in left}, notes
