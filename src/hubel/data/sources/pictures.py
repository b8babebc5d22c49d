"""Pictures below a folder, which files of annotations call by their paths or names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hubel.base.numbers import counted
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import files_below, is_image_path, natural_key, some
from hubel.data.sources.part_folders import PartFolders, folders_and_columns
from hubel.data.sources.unread import unread_kinds

_ENDINGS = frozenset((*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)))


class Pictures:
    """The pictures below a folder, to be found by what files call them: by their path, or their name where one picture
    alone has it.
    """

    def __init__(
        self, root: Path, layout: Layout, named: Mapping[str, str] | None = None, tables: Sequence[Path] = ()
    ) -> None:
        """tables: those that call the pictures; `columns`: what their columns may say of parts, None: nothing."""
        self.root = root
        there = [path for path, _ in files_below(str(root))]
        own = [path for path in there if is_image_path(path) and os.path.isfile(root / path)]
        self.paths = [str(root / path) for path in own]
        layout, self.columns = folders_and_columns(layout, own, tables) if tables else (layout, None)
        self.folders = PartFolders(own, layout, named)
        self.unread = unread_kinds(there)
        self._exact = {Path(path).relative_to(root).as_posix(): path for path in self.paths}
        self._called: dict[str, list[str]] = {}
        for path in self.paths:
            for name in {Path(path).name, Path(path).stem}:
                self._called.setdefault(name, []).append(path)

    def find(self, called: str, near: str = "", part: str | None = None) -> str | None:
        """The picture that a file calls so. Of several of that name, the one that lies nearest `near`, the folder of
        that file inside the root, or in the part's folder.
        """
        called = called.replace("\\", "/").strip()
        inside = called.removeprefix("./").lstrip("/")
        for folder in (f"{near}/" if near else "", "", f"{near}/images/" if near else "images/"):
            if (found := self._exact.get(f"{folder}{inside}")) is not None:
                return found
        name = inside.rpartition("/")[2]
        same = (
            self._called.get(name) or self._called.get(Path(name).stem if Path(name).suffix in _ENDINGS else name) or []
        )
        chosen = [each for each in same if each.endswith(f"/{inside}")] or same
        if len(chosen) > 1 and near:
            chosen = [each for each in chosen if each.startswith(f"{self.root / near}/")] or chosen
        if len(chosen) > 1 and part:
            chosen = [each for each in chosen if self.part(each) == part] or chosen
        return chosen[0] if len(chosen) == 1 else None

    def exact(self, inside: str) -> str | None:
        """The picture that lies there in the root."""
        return self._exact.get(inside)

    def part(self, path: str) -> str | None:
        """The part that a picture's folders mean; "" where they mean none, None where others do (see `PartFolders`)."""
        return self.folders.of(Path(path).relative_to(self.root).as_posix())

    def notes(self, known: Iterable[str], what: str) -> list[str]:
        """What is to be said of pictures that `what` does not name, and of files that cannot be read."""
        left = sorted(set(self.paths) - set(known), key=natural_key)
        shown = f"{counted(len(left), 'picture')} that no {what} names ({some((Path(path).name for path in left), 2)})"
        notes = [f"left out: {shown}"] if left else []
        return [
            *notes,
            *([f"left out: {self.unread}, which cannot be read; save them as PNG or TIFF"] if self.unread else []),
        ]


def unmatched(called: str, pictures: Pictures) -> str:
    """Why a label has no picture: what it is called, and what pictures are."""
    there = some((Path(path).relative_to(pictures.root).as_posix() for path in pictures.paths), 2) or "none"
    return f"its picture is called {called!r}, and no picture below {pictures.root} is; those there: {there}"
