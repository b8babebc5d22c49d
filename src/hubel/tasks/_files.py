"""Writing a file so that whoever looks, also after a power cut, finds the old one or the new one, whole."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, partial: str = "") -> None:
    """Put `content` at `path`: written beside it under one fixed name, synced, renamed over it, the folder synced.

    The fixed name, `partial` or else the file's own with ".partial" after it, means that a writer killed halfway leaves
    at most one stray file, which the next write replaces.
    """
    unfinished = path.with_name(partial or path.name + ".partial")
    with open(unfinished, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` last through a power cut. Does nothing where folders cannot be opened (Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
