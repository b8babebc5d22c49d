"""Where the images that a table names are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hubel.base.errors import DataError
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import FileItem, folded, some


def looks_like_image(cell: str) -> bool:
    """Whether a cell ends as names of images do."""
    return Path(cell.replace("\\", "/")).suffix.lower() in SUFFIXES


class Places:
    """Where the images that a table names are: at their paths, or under its folder by name."""

    def __init__(self, table: Path, layout: Layout) -> None:
        own = Path(layout.image_folder).expanduser() if layout.image_folder else None
        self.roots = [table.parent] if own is None else [own] if own.is_absolute() else [own, table.parent / own]
        if own is not None and not any(root.is_dir() for root in self.roots):
            raise DataError(f"expected --image-folder as a folder, found none at {' or '.join(map(str, self.roots))}")
        self.table = table
        self.missing: list[str] = []
        self.several: list[tuple[str, list[Path]]] = []
        self.elsewhere: list[tuple[str, str]] = []
        self.count = 0
        self._names: dict[str, list[Path]] | None = None

    def item(self, cell: str) -> FileItem:
        """The image that a cell names; a file that is not there is told by whoever reads it."""
        self.count += 1
        given = cell.replace("\\", "/") if "\\" in cell and not os.path.exists(cell) else cell
        direct = [root / given for root in self.roots]
        for path in direct:
            if os.path.isfile(path):
                return FileItem(str(path))
        near = self._by_name(given)
        if len(near) == 1:
            self.elsewhere.append((cell, str(near[0])))
            return FileItem(str(near[0]))
        if near:
            self.several.append((cell, near))
        else:
            self.missing.append(cell)
        return FileItem(str(direct[0]))

    def has(self, cell: str) -> bool:
        """Whether a cell names an image that is there."""
        return bool(cell) and (any(os.path.isfile(root / cell) for root in self.roots) or bool(self._by_name(cell)))

    def notes(self) -> list[str]:
        """What is to be said of where images were found. Raises ValueError where most were not."""
        looked = " and ".join(map(str, self.roots))
        several = [self._in_several_places()] if self.several else []
        if (len(self.missing) + len(self.several)) * 2 > self.count:
            gone = f"{len(self.missing):,} of {self.count:,} images are not there, such as "
            told = [*([f"{gone}{self.missing[0]!r}"] if self.missing else []), *several]
            raise DataError(
                f"{self.table}: {'; '.join(told)}; looked in {looked} and all folders below; say where the paths "
                "begin: --image-folder FOLDER"
            )
        found = []
        if self.elsewhere:
            cell, path = self.elsewhere[0]
            count = len(self.elsewhere)
            found.append(f"{count:,} image{'s' * (count > 1)} found by name, such as {cell} at {path}")
        if self.missing:
            count = len(self.missing)
            gone = "1 image is" if count == 1 else f"{count:,} images are"
            found.append(f"{gone} not there ({some(self.missing, 2)}), looked in {looked}")
        return [*found, *several]

    def _in_several_places(self) -> str:
        (cell, places), count = self.several[0], len(self.several)
        stand = "1 image stands" if count == 1 else f"{count:,} images stand"
        may = " or ".join(map(str, places[:3])) + " or another" * (len(places) > 3)
        return f"{stand} in several places, of which none is taken: {cell} may be {may}"

    def _by_name(self, given: str) -> list[Path]:
        """The images under the folders whose name, with or without its ending, and nearest folders agree best."""
        if self._names is None:
            self._names = {}
            for root in self.roots:
                for path in root.rglob("*"):
                    if path.suffix.lower() in SUFFIXES:
                        for key in {folded(path.name), folded(path.stem)}:
                            self._names.setdefault(key, []).append(path)
        parts = [folded(part) for part in given.split("/") if part not in ("", ".", "..")]
        stem = Path(parts[-1]).stem if parts and looks_like_image(parts[-1]) else ""
        candidates = (self._names.get(parts[-1]) or self._names.get(stem) or []) if parts else []
        best = max((_agreement(path, parts) for path in candidates), default=0)
        return sorted(path for path in candidates if _agreement(path, parts) == best)


def _agreement(path: Path, parts: Sequence[str]) -> int:
    own = [folded(part) for part in path.parts]
    own[-1] = parts[-1]
    count = 0
    for one, other in zip(reversed(own), reversed(parts), strict=False):
        if one != other:
            break
        count += 1
    return count
