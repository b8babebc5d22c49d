"""Downloads that are checked, and kept."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from hubel.data._cache import alone

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much it is in all (0 where that is unknown)."""

_BLOCK = 2**18


@dataclasses.dataclass(frozen=True)
class Download:
    """A file somewhere, with the checksum it must have: "md5:…" or "sha256:…", as its makers publish it."""

    url: str
    checksum: str

    def __post_init__(self) -> None:
        kind, _, digest = self.checksum.partition(":")
        if kind not in ("md5", "sha256") or not digest:
            raise ValueError(f"{self.url}: expected a checksum md5:… or sha256:…, received {self.checksum!r}")
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"expected an address that begins with https:// or http://, received {self.url!r}")

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


def fetch(download: Download, folder: Path, progress: Progress | None = None, timeout: float = 30.0) -> Path:
    """The file in `folder`, downloaded unless it is there already; checked in either case.

    Raises OSError, naming the address and where the file may be put by hand, where it cannot be had, and ValueError
    where what came is not what was expected (nothing is kept then).
    """
    path = folder / download.name
    if path.exists() and _checksum(path, download) == download.checksum:
        return path
    with alone(path):
        if not path.exists() or _checksum(path, download) != download.checksum:
            _download(download, path, progress, timeout)
    return path


def _download(download: Download, path: Path, progress: Progress | None, timeout: float) -> None:
    import urllib.error  # here: they take longer to import than all of this package
    import urllib.request

    temporary = path.with_name(f"{path.name}.part")  # one name, under the lock: a killed download leaves one file
    digest = _new_digest(download)
    try:
        request = urllib.request.Request(download.url, headers={"User-Agent": "hubel"})
        with urllib.request.urlopen(request, timeout=timeout) as answer, open(temporary, "wb") as file:
            total = int(answer.headers.get("Content-Length") or 0)
            done = 0
            while block := answer.read(_BLOCK):
                file.write(block)
                digest.update(block)
                done += len(block)
                if progress is not None:
                    progress(f"downloading {download.name}", done, total)
            file.flush()
            os.fsync(file.fileno())
        received = f"{digest.name}:{digest.hexdigest()}"
        if received != download.checksum:
            raise ValueError(
                f"{download.url}: expected a file with {download.checksum}, received {done:,} bytes with {received}; "
                "the file changed or was damaged on the way, try again"
            )
        os.replace(temporary, path)
    except (urllib.error.URLError, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", None) or error
        raise OSError(f"{download.url} cannot be downloaded ({reason}); the file may also be put at {path}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _checksum(path: Path, download: Download) -> str:
    digest = _new_digest(download)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{digest.name}:{digest.hexdigest()}"


def _new_digest(download: Download) -> hashlib._Hash:
    return hashlib.new(download.checksum.partition(":")[0], usedforsecurity=False)
