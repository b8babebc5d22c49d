"""Data that somebody gives by the page: files that come in pieces, bounded and counted, in a folder beside the runs."""

from __future__ import annotations

import base64
import binascii
import os
import tarfile
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from hubel.base.errors import HubelError, SettingError
from hubel.base.files import made_folder
from hubel.base.words import printable
from hubel.studio.runs.archives import looked_into
from hubel.studio.runs.folder import checked_name

FOLDER = "data"
MOST_FILES, MOST_BYTES, DEEPEST, LONGEST = 50_000, 4 * 2**30, 6, 200  # of a set; folders; bytes of a name
_SMALL = (64, 64)  # rows and columns that are enough to see whether a picture can be read
_SHOWN = 100  # classes that a page is told
_PARTIAL = ".part"


class OwnData:
    """Sets of files, each in a folder of its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._counted: dict[str, tuple[int, int]] = {}  # files and bytes of a set

    def put(self, name: str, path: str, at: int, size: int, content: str) -> dict[str, Any]:
        """Take a piece of a file: bytes in base64 that stand at a place of it. With its `size` it is there.

        The same piece may come again. Raises SettingError where it is too much, its name leads elsewhere, or it is a
        picture by its name and a training could not read it, which is not kept.
        """
        target = self._place(name, path)
        try:
            piece = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise SettingError("content: expected base64") from None
        if not 0 <= at <= at + len(piece) <= size:
            raise SettingError(f"{printable(path)[:60]}: expected bytes within its {size:,}")
        if target.is_file():
            if target.stat().st_size == size:
                return {"there": True}
            raise SettingError(f"{printable(path)[:60]} is there with other bytes: give this set another name")
        self._check_room(name, size)
        made_folder(target.parent)
        partial = target.with_name(f".{target.name}"[:LONGEST] + _PARTIAL)
        held = partial.stat().st_size if partial.exists() else 0
        if at > held:
            raise SettingError(
                f"{printable(path)[:60]}: expected its bytes from {held:,} on, received those from {at:,}"
            )
        with open(partial, "r+b" if held else "wb") as file:
            file.seek(at)
            file.write(piece)
            file.truncate()
        if at + len(piece) < size:
            return {"there": False}
        _check_picture(partial, path)
        os.replace(partial, target)
        files, taken = self._count(name)
        self._counted[name] = files + 1, taken + size
        return {"there": True}

    def own(self, name: str) -> dict[str, Any]:
        """A set: where it lies, as `hubel train` takes it, how many pictures (or sounds) each of its folders has that a
        training takes, notes on what it leaves out, and which other files there are; of an archive what `looked_into`
        tells. One that no training could read is not kept, and SettingError says why.
        """
        from hubel.data.sources.listing import is_image_path

        folder = self._folder / checked_name(name)
        found = sorted(each.relative_to(folder) for each in _whole(folder))
        taken, notes = _taken(folder)
        counted = Counter(
            each.parent.as_posix()
            for each in found
            if is_image_path(each.as_posix()) and (taken is None or str(folder / each) in taken)
        )
        others = [each.as_posix() for each in found if not is_image_path(each.as_posix())]
        alone = folder / found[0] if len(found) == 1 and others == [found[0].name] else None
        told: dict[str, Any] = {}
        if alone:
            counted["."] = 1
        if alone and alone.suffix.lower() in (".zip", ".tar"):
            told = self._looked_into(name, alone)
            counted = Counter(dict(told.pop("folders")))
        return {
            "path": str(alone or folder),
            "files": len(found),
            "bytes": sum((folder / each).stat().st_size for each in found),
            "folders": [[printable(place)[:60], number] for place, number in sorted(counted.items())[:_SHOWN]],
            "more": max(0, len(counted) - _SHOWN),
            "others": [] if alone else [printable(each)[:60] for each in others[:_SHOWN]],
            "moreOthers": max(0, len(others) - _SHOWN),
            "notes": notes,
            **told,
        }

    def _looked_into(self, name: str, archive: Path) -> dict[str, Any]:
        why = "it is damaged, or no archive"
        if (zipfile.is_zipfile if archive.suffix.lower() == ".zip" else tarfile.is_tarfile)(archive):
            try:
                told = looked_into(archive)
                if len(told["left"]) < told["tried"]:
                    return told
                why = f"none of its pictures can be read, such as {printable(told['left'][0])[:60]}"
            except HubelError as error:
                why = printable(str(error)).removeprefix(f"{archive}: ")
        archive.unlink()
        with suppress(OSError):  # there is something else
            archive.parent.rmdir()
        self._counted.pop(name, None)
        raise SettingError(f"{archive.name}: {why}; it is not kept")

    def _place(self, name: str, path: str) -> Path:
        parts = path.split("/")
        if not 1 <= len(parts) <= DEEPEST:
            raise SettingError(f"{printable(path)[:60]}: expected at most {DEEPEST - 1} folders around a file")
        for each in parts:
            if each.startswith(".") or not each or each != printable(each) or "\\" in each:
                raise SettingError(f"{printable(path)[:60]}: expected names that begin with no '.' and hide nothing")
            if len(each.encode()) > LONGEST:
                raise SettingError(f"{printable(path)[:60]}: expected names of at most {LONGEST} bytes")
        return self._folder.joinpath(checked_name(name), *parts)

    def _check_room(self, name: str, size: int) -> None:
        files, taken = self._count(name)
        if files >= MOST_FILES or taken + size > MOST_BYTES:
            raise SettingError(
                f"expected at most {MOST_FILES:,} files and {MOST_BYTES:,} bytes in a set; hubel train takes larger "
                "ones by their path"
            )

    def _count(self, name: str) -> tuple[int, int]:
        if name not in self._counted:
            sizes = [each.stat().st_size for each in _whole(self._folder / name)]
            self._counted[name] = len(sizes), sum(sizes)
        return self._counted[name]


def _check_picture(file: Path, path: str) -> None:
    """Remove what is a picture (or a sound) by its name and cannot be read as trainings read them, and raise
    SettingError that says why.
    """
    from hubel.data import ImageError, read_image
    from hubel.data.sources.listing import is_image_path

    if not is_image_path(path):
        return
    try:
        read_image(file.read_bytes(), at_least=_SMALL, name=path)
    except ImageError as error:
        file.unlink()
        raise SettingError(printable(str(error))[:200]) from None


def _taken(folder: Path) -> tuple[set[str] | None, list[str]]:
    """The paths of what a training takes from a folder of classes, and its notes; None where it is no such folder, or
    not yet.
    """
    from hubel.data.sources.folders import list_folder
    from hubel.data.sources.layout import Layout

    try:
        found = list_folder(folder, Layout())
    except (HubelError, OSError):
        return None, []
    paths = {item.name for items in found.parts.values() for item, _ in items}
    return paths, [printable(note).replace(f"{folder}/", "") for note in found.notes]


def _whole(folder: Path) -> list[Path]:
    """The files of a set that have come in whole."""
    return [each for each in folder.rglob("*") if each.is_file() and not each.name.startswith(".")]
