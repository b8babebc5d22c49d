"""Downloads that are checked, and kept."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from hubel.base.errors import CacheError, ChecksumError, DownloadError, SettingError
from hubel.base.files import BLOCK, digest_of, locked, made_folder, replacing

if TYPE_CHECKING:
    from http.client import HTTPResponse

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much it is in all (0 where that is unknown)."""

LARGEST = 2**36  # bytes: what sends more than that without end is no file
_PATIENCE = 60.0  # seconds in which at least `_LEAST` bytes must come
_LEAST = 2**16
_RESERVE = 2**26  # bytes that stay free for whatever else writes there
_CHECKSUM = re.compile(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Download:
    """A file somewhere, with the checksum it must have, as its makers publish it: "md5:…", or "sha256:…" of which the
    first eight digits or more are enough.

    The address begins with https://, or http:// where the checksum is whole or the server in one's own network.
    """

    url: str
    checksum: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise SettingError(f"expected an address that begins with https:// or http://, received {self.url!r}")
        if not _CHECKSUM.fullmatch(self.checksum):
            raise SettingError(
                f"{self.url}: expected a checksum of digits 0-9 and a-f, md5:… of 32 or sha256:… of 8 to 64, received "
                f"{self.checksum!r}"
            )
        try:
            urlsplit(self.url).port  # noqa: B018 (asked for, since only then it is read)
        except ValueError as error:
            raise SettingError(f"expected an address, received {self.url!r}: {error}") from None
        if self.name in ("", ".", "..") or re.search(r'[/\\:*?"<>|\x00-\x1f]', self.name):
            raise SettingError(f"{self.url}: expected an address that ends with a file's name, received {self.name!r}")

    @property
    def name(self) -> str:
        """The last part of the address's path."""
        return unquote(urlsplit(self.url).path.rsplit("/", 1)[-1])

    @property
    def kind(self) -> str:
        """What the checksum is: "md5" or "sha256"."""
        return self.checksum.partition(":")[0]

    @property
    def is_whole(self) -> bool:
        """Whether the checksum has all its digits, so that no one can make another file with it."""
        return len(self.checksum) == len("sha256:") + 64 or self.kind == "md5"

    def accepts(self, digest: str) -> bool:
        """Whether a file with this digest, in hexadecimal, is the one."""
        return digest.startswith(self.checksum.partition(":")[2])


def fetch(download: Download, path: Path, progress: Progress | None = None, timeout: float = 30.0) -> Path:
    """Return `path`, where the file is put unless it is there already; checked in either case.

    Of several processes one downloads and the others wait for it. A broken download begins anew. Raises DownloadError
    (an OSError), naming the address and where the file may be put by hand, where it cannot be had, ChecksumError (a
    ValueError) where what came is not what was expected, and CacheError where it cannot be kept; nothing is left then.
    """
    if not _is_there(download, path):
        made_folder(path.parent)
        with locked(path.with_name(f"{path.name}.lock")):
            if not _is_there(download, path):
                _download(download, path, progress, timeout)
    return path


def _is_there(download: Download, path: Path) -> bool:
    return path.exists() and download.accepts(digest_of(path, download.kind))


def _download(download: Download, path: Path, progress: Progress | None, timeout: float) -> None:
    from hubel.base import transport  # here: what it imports takes longer than all of this package

    try:
        with (
            transport.opened(download.url, timeout, secure=not download.is_whole) as answer,
            replacing(path, partial=f"{path.name}.part") as unfinished,  # one name, under the lock
        ):
            _receive(answer, download, unfinished, progress)
    except CacheError:
        raise
    except OSError as error:
        reason = transport.reason(error)
        raise DownloadError(
            f"{download.url} cannot be downloaded ({reason}); the file may also be put at {path}"
        ) from None


def _room(folder: Path) -> int:
    """How many bytes a file there may have."""
    return max(0, shutil.disk_usage(folder).free - _RESERVE)


def _receive(answer: HTTPResponse, download: Download, path: Path, progress: Progress | None) -> None:
    total = answer.length or 0
    room = _room(path.parent)
    if total > room:
        raise CacheError(
            f"{download.url} has {total:,} bytes, and {path.parent} room for {room:,}; name a folder with more room "
            "with HUBEL_CACHE=FOLDER"
        )
    digest = hashlib.new(download.kind, usedforsecurity=False)
    done, since, then = 0, time.monotonic(), 0
    with open(path, "wb") as file:
        while block := answer.read1(BLOCK):
            file.write(block)
            digest.update(block)
            done += len(block)
            if done > min(LARGEST, room):
                raise OSError(
                    f"it sends more than {min(LARGEST, room):,} bytes, and {path.parent} has room for {room:,}"
                )
            if time.monotonic() - since > _PATIENCE:
                if done - then < _LEAST:
                    raise OSError(f"less than {_LEAST:,} bytes came in {_PATIENCE:.0f} seconds")
                since, then = time.monotonic(), done
            if progress is not None:
                progress(f"downloading {download.name}", done, total)
    if done < total:
        raise OSError(f"it ended after {done:,} of {total:,} bytes")
    if not download.accepts(digest.hexdigest()):
        page = answer.headers.get_content_type() == "text/html"
        why = "it is a page, such as one that asks to log in" if page else "the file changed or was damaged on the way"
        raise ChecksumError(
            f"{download.url}: expected a file with {download.checksum}, received {done:,} bytes with "
            f"{download.kind}:{digest.hexdigest()}; {why}, try {'it in a browser' if page else 'again'}"
        )
