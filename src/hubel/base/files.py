"""Files: written whole or not at all, locked, summed, and the folder for what can be made again."""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hubel.base.errors import (
    CacheError,
    FileError,
    FullDiskError,
    LockedError,
    MissingFileError,
    ReadOnlyError,
    SettingError,
    UnreadableError,
)
from hubel.base.limits import check, most

BLOCK = 2**18  # bytes read or written at once
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_MARK = re.compile(r"\..{0,40}-(?P<host>[0-9a-f]{8})-(?P<process>[0-9]+)-[0-9]+\.partial(\..*)?", re.DOTALL)
_WEEK = 7 * 24 * 3600.0  # seconds
_FRESH = 2 * 10**9  # nanoseconds: file systems count in steps of up to two seconds
_numbers = itertools.count()


def write_atomically(path: Path, content: bytes | str, *, partial: str = "") -> None:
    """Put `content` (text as UTF-8) at `path` so that whoever looks, also after a power cut, finds the old file or the
    new one, whole. `partial` as in `replacing`.
    """
    with replacing(path, partial=partial) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def place_for(path: Path) -> Path:
    """Return `path` where a file can be put there. Raises MissingFileError where there is no folder to put it in, and
    FileError where it is a folder itself, nothing may be written to its folder, or it is a link to a file of another
    kind.
    """
    if path.is_dir():
        raise FileError(f"{path} is a folder; name a file")
    _check_folder(path.parent)
    target = Path(os.path.realpath(path))
    if path.is_symlink() and target.is_file() and target.suffix.lower() != path.suffix.lower():
        raise FileError(f"{path} is a link to {target}, a file of another kind, which is not replaced; name another")
    if (path.is_file() or not path.exists()) and not os.access(target.parent, os.W_OK):
        raise FileError(f"{path.parent}: nothing may be written to this folder; name another")
    return path


_OF_A_RUN = ("run.toml", "metrics.csv", "*.safetensors", "checkpoints/*")


def check_apart(place: Path, read: Iterable[str | os.PathLike[str]]) -> None:
    """Raise SettingError where a file put at `place` would take the place of one of those that are `read`, by a link
    too. Of a folder, a run's, those are its settings, log, weights and checkpoints.
    """
    if not place.is_file():
        return
    for word in read:
        own = (Path(word), *(each for kind in _OF_A_RUN for each in Path(word).glob(kind)))
        if any(each.is_file() and each.samefile(place) for each in own):
            raise SettingError(f"expected another file, received {place}, which is read here and is not replaced")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise MissingFileError(
            f"{folder} is a file, no folder" if folder.exists() else f"no folder {folder}; make it first"
        )


@contextlib.contextmanager
def replacing(path: Path, *, partial: str = "") -> Iterator[Path]:
    """Yield a path beside `path`, with its suffix, to write a file or make a folder at. When the block ends it is
    synced and renamed to `path`; where it raises nothing stays. Raises FullDiskError where there is no room.

    Several processes may do this at once: the last one's stays. What a process that was killed left is removed by the
    first write of the next one in that folder. Where one process alone writes and files are large, name them `partial`,
    so that the next write replaces a stray.
    What is no ordinary file, such as /dev/stdout, is written to as it is; of a link, what it leads to is replaced.
    """
    with _naming_what_is_wrong(path):
        if path.exists() and not path.is_file():
            yield path
            return
        path = Path(os.path.realpath(path))
        _check_folder(path.parent)
        _remove_strays(path.parent)
        mark = f"{_host()}-{os.getpid()}-{next(_numbers)}.partial"
        unfinished = path.with_name(partial or f".{path.stem[:40]}-{mark}{path.suffix}")
        _remove(unfinished)
        try:
            yield unfinished
            _sync(unfinished)
            os.replace(unfinished, path)
        finally:
            _remove(unfinished)
        sync_folder(path.parent)


@functools.cache  # once a process: a folder may hold millions of files
def _remove_strays(folder: Path) -> None:
    """Remove what killed processes left of writing in a folder: those of this machine that run no more, and those of
    other machines after a week.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if (mark := _MARK.fullmatch(entry.name)) and not _is_written(mark["host"], int(mark["process"]), entry):
                _remove(Path(entry.path))


def _is_written(host: str, process: int, entry: os.DirEntry[str]) -> bool:
    if host != _host() or os.name != "posix":
        return time.time() - entry.stat(follow_symlinks=False).st_mtime < _WEEK
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    return True


def _host() -> str:
    return f"{zlib.crc32(os.uname().nodename.encode('utf-8', 'replace')) if os.name == 'posix' else 0:08x}"


@contextlib.contextmanager
def _naming_what_is_wrong(path: Path) -> Iterator[None]:
    """Say of a disk that is full, and of a place where nothing may be written, which and what to do."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        if error.errno in _CLOSED:
            raise ReadOnlyError(
                f"{path}: nothing may be written there ({os.strerror(error.errno or 0)}); name another folder"
            ) from None
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(next(each for each in path.absolute().parents if each.exists())).free
        raise FullDiskError(
            f"{path}: there is no room for it ({os.strerror(error.errno or 0)}; {free:,} bytes are free there); make "
            "room, or name a folder on another disk"
        ) from None


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` last through a power cut. Does nothing where folders cannot be opened (Windows)."""
    if os.name == "posix":
        _sync(folder)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock at `path`, a file of its own, against other processes; the system frees it when the process ends,
    however that happens. Its folder is made. Raises LockedError, unless it is to `wait`, where another one holds it.
    """
    from filelock import FileLock, Timeout  # here: what only reads needs no lock

    lock = FileLock(path)
    try:
        with _naming_what_is_wrong(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise LockedError(f"{path}: another process holds this lock") from None
    try:
        yield
    finally:
        lock.release()


def read_bytes(path: str | os.PathLike[str], limit: str) -> bytes:
    """Return what is in a file, or comes out of a pipe or device. Raises LimitError where it is more than a limit of
    `hubel.base.limits` allows, which is known before all is read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size  # reading takes room beforehand for as much as it is asked for
        content = file.read(min(size, most(limit)) + 1)
        if len(content) > size:  # a pipe, a device, or it grew
            content += file.read(most(limit) + 1 - len(content))
    check(limit, len(content), os.fspath(path))
    return content


def check_file(path: Path) -> None:
    """Raise UnreadableError where something else than a file has this name: a pipe would be waited for."""
    if path.exists() and not path.is_file():
        raise UnreadableError(f"{path}: expected a file, received a {'folder' if path.is_dir() else 'pipe or device'}")


def read_text(path: Path, *, named: bool = False) -> str:
    """Return the text of a file that someone has written, with or without a byte-order mark. Raises FileError where it
    is not in UTF-8, MissingFileError where there is none, and UnreadableError where it cannot be read.

    named: by who asks, so that it may be a pipe or a device. In a folder such things are refused, not waited for.
    """
    if not named:
        check_file(path)
    try:
        return read_bytes(path, "header").decode("utf-8-sig")
    except FileNotFoundError:
        raise MissingFileError(f"no file {path}") from None
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: expected text in UTF-8, received another byte at {error.start:,}") from None


def stamp_of(status: os.stat_result) -> tuple[int, int, int]:
    """Return a file's size in bytes and when its content, and it itself, was changed (nanoseconds): while they are the
    same its content is, if they had `settled`. Programs set the first time as they like, the second is the system's.
    """
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def settled(stamp: Sequence[int]) -> bool:
    """Return whether a file with this stamp, found now, cannot change again and keep it: within one tick it could."""
    return time.time_ns() - max(stamp[1:]) > _FRESH


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return digest_of(path, "sha256")


def digest_of(path: str | os.PathLike[str], kind: str) -> str:
    """Return a file's digest ("sha256", "md5"), in hexadecimal."""
    import hashlib  # loads a library of ciphers, which most commands need not

    digest = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def cache_folder(*parts: str) -> Path:
    """Return the cache, $HUBEL_CACHE, else $XDG_CACHE_HOME/hubel, else ~/.cache/hubel, or a folder in it (not made).

    It may be deleted at any time. Raises CacheError where there is no home to put it in.
    """
    own, shared = os.environ.get("HUBEL_CACHE"), os.environ.get("XDG_CACHE_HOME")
    try:
        if own:
            root = Path(own).expanduser()
        else:
            # a relative $XDG_CACHE_HOME is to be ignored, as its specification says
            root = (Path(shared) if shared and os.path.isabs(shared) else Path.home() / ".cache") / "hubel"
    except RuntimeError:
        raise CacheError("there is no home folder to keep files in; name one with HUBEL_CACHE=FOLDER") from None
    return root.joinpath(*parts)


def made_folder(folder: Path) -> Path:
    """Make a folder of the cache and return it. Raises CacheError where that cannot be, or nothing can be put there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise CacheError(f"{folder}: nothing can be kept there ({reason}); name another folder with HUBEL_CACHE=FOLDER")
    return folder


def made_place(folder: Path) -> Path:
    """Make the folder that something asked for goes to, and return it. Raises ReadOnlyError, FullDiskError, and
    UnreadableError where a file has its name, or that of a folder it lies in.
    """
    with _naming_what_is_wrong(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UnreadableError(f"{folder}: expected a folder, found a file in its place; name another") from None
    return folder


def keep(path: Path, content: bytes | str) -> None:
    """Put into the cache what saves time next time; where that cannot be, it is worked out again then."""
    with contextlib.suppress(OSError):
        write_atomically(made_folder(path.parent) / path.name, content)
