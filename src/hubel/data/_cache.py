"""Where downloads and decoded images are kept between runs, and how files get there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path:
    """The cache: $HUBEL_CACHE, else $XDG_CACHE_HOME/hubel, else ~/.cache/hubel. It may be deleted at any time."""
    own = os.environ.get("HUBEL_CACHE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "hubel"


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the lock beside `path`, so that of several processes one makes it and the others wait for it."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        yield


def put(path: Path, content: bytes) -> None:
    """Writes a small file so that it is there whole or not at all, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
