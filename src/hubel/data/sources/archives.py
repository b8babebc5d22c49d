"""Images inside zip and tar files, read where they lie: nothing is unpacked onto the disk except a compressed tar."""

from __future__ import annotations

import dataclasses
import functools
import glob
import json
import os
import re
import stat
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from hubel.base.errors import DataError
from hubel.base.files import made_folder, replacing
from hubel.base.limits import check
from hubel.data.decode.image import SUFFIXES, ImageError
from hubel.data.sources.folders import list_paths
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import Item, Listing, make_listing, natural_order, some
from hubel.data.sources.parts import part_and_rest, part_of

_EXPANSION = 100  # times its size that a compressed tar may become: images hardly shrink, bombs do
_ZIP_SUFFIXES = (".zip",)
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")


@dataclasses.dataclass(frozen=True)
class TarItem:
    """A member of an uncompressed tar: a stretch of bytes in a file."""

    archive: str
    member: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        """archive:member."""
        return f"{self.archive}:{self.member}"

    @property
    def place(self) -> tuple[str, str]:
        """The tar, and where in it."""
        return self.archive, f"{self.offset}+{self.size}"

    def read(self) -> bytes:
        """The member's bytes."""
        check("encoded", self.size, self.name)
        try:
            with open(self.archive, "rb") as file:
                file.seek(self.offset)
                content = file.read(self.size)
        except OSError as error:
            raise ImageError(self.name, f"cannot be opened ({error.strerror or error})") from None
        if len(content) < self.size:
            raise ImageError(self.name, "the archive ends before this member does")
        return content


@dataclasses.dataclass(frozen=True)
class ZipItem:
    """A member of a zip file."""

    archive: str
    member: str
    size: int

    @property
    def name(self) -> str:
        """archive:member."""
        return f"{self.archive}:{self.member}"

    @property
    def place(self) -> tuple[str, str]:
        """The zip, and the member's name."""
        return self.archive, self.member

    def read(self) -> bytes:
        """The member's bytes, its checksum checked."""
        check("encoded", self.size, self.name)
        try:
            opened = _open_zip(self.archive, os.stat(self.archive).st_mtime_ns, threading.get_ident())
            with opened.open(self.member) as file:
                return file.read(self.size)
        except Exception as error:  # a damaged member raises errors of zipfile, zlib, struct and others
            raise ImageError(self.name, f"cannot be read from the archive ({error})") from None


@functools.lru_cache(maxsize=32)
def _open_zip(path: str, modified: int, thread: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)  # one a thread, so that they need not wait for one another's file position


def is_archive(path: str) -> bool:
    """Whether a path names a zip or a tar file, by its ending."""
    return path.lower().endswith(_ZIP_SUFFIXES + _TAR_SUFFIXES)


def is_shard(path: str) -> bool:
    """Whether a path names a tar that is not compressed, of which a place can be read by itself."""
    return path.lower().endswith(".tar")


def list_archive(path: Path, plain: Path, layout: Layout) -> Listing:
    """The listing of one zip or tar: class folders, or WebDataset's layout where a tar has that. A compressed tar is
    first written to `plain` uncompressed, unless that is there already.

    Raises ValueError where the archive is damaged or has neither layout.
    """
    name, odd = str(path), list[str]()
    if name.lower().endswith(_ZIP_SUFFIXES):
        return _saying(odd, list_paths(name, list(_zip_members(path, odd)), layout))
    with open(path, "rb") as file:
        compressed = file.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))
    if compressed:
        if not plain.exists():
            _decompress(path, plain)
        path = plain
    members = list(_tar_members(path, name, odd))
    if any(os.path.splitext(item.member)[1] in (".cls", ".json") for item in members):
        return _saying(odd, _list_samples(name, [("train", item) for item in members]))
    return _saying(odd, list_paths(name, [(item.member, item) for item in members], layout))


def list_shards(name: str, shards: list[Path]) -> Listing:
    """The listing of tar shards in WebDataset's layout: in each tar, files of one sample share a name up to the first
    dot, as 0001.jpg and 0001.cls (a class's number or name) or 0001.json (with "label" or "class"). A part is told
    by the shard's folder or the words its file name begins with: train-000.tar, val-000.tar.
    """
    of_shards = {
        shard: part_of(shard.parent.name) or part_and_rest(re.split(r"\d", shard.name)[0])[0] for shard in shards
    }
    left = [shard.name for shard, part in of_shards.items() if part is None and "train" in of_shards.values()]
    found: list[tuple[str, TarItem]] = []
    told: dict[str, list[str]] = {}
    odd: list[str] = []
    for shard, said in of_shards.items():
        if shard.name not in left:
            told.setdefault(said or "train", []).append(shard.name)
            found += [(said or "train", item) for item in _tar_members(shard, str(shard), odd)]
    parts = ", ".join(f"{natural_order(names)[0]} … ({len(names):,}) is {part}" for part, names in told.items())
    notes = [f"parts by shard: {parts}"] if len(told) > 1 or left else []
    notes += [f"left out: {some(natural_order(left))}, of no part beside those of training"] if left else []
    return _saying(odd, _list_samples(name, found, notes))


def expand_braces(pattern: str) -> list[Path]:
    """The files of a pattern with WebDataset's ranges ("train-{000..146}.tar") or the shell's signs ("*.tar")."""
    match = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if match:
        first, last = match.groups()
        if int(last) - int(first) > 10**6:
            raise DataError(f"{pattern}: expected at most a million shards, received {first} to {last}")
        width = len(first) if first.startswith("0") or len(first) == len(last) else 0
        return [
            path
            for number in range(int(first), int(last) + 1)
            for path in expand_braces(f"{pattern[: match.start()]}{number:0{width}d}{pattern[match.end() :]}")
        ]
    return sorted(Path(path) for path in glob.glob(pattern)) if glob.has_magic(pattern) else [Path(pattern)]


def _list_samples(name: str, members: list[tuple[str, TarItem]], notes: Sequence[str] = ()) -> Listing:
    images: dict[tuple[str, str], tuple[str, TarItem]] = {}
    labels: dict[tuple[str, str], str] = {}
    for part, item in members:
        folder, _, file = item.member.rpartition("/")
        stem, _, ending = file.partition(".")
        sample = (item.archive, f"{folder}/{stem}")
        if f".{ending.lower()}" in SUFFIXES:
            images[sample] = (part, item)
        elif ending == "cls":
            labels[sample] = item.read().decode("utf-8", "replace").strip()
        elif ending == "json":
            label = _label_in_json(item)
            if label is not None:
                labels.setdefault(sample, label)
    for sample, (_, item) in images.items():
        if sample not in labels:
            raise DataError(f"{item.name}: expected a .cls or .json file of the same name with its class, found none")
    return make_listing(name, [(part, labels[sample], item) for sample, (part, item) in images.items()], notes)


def _label_in_json(item: TarItem) -> str | None:
    try:
        values = json.loads(item.read())
    except ValueError as error:
        raise DataError(f"{item.name}: is not JSON ({error})") from None
    if isinstance(values, dict):
        for key in ("label", "class", "cls", "category"):
            if key in values:
                return str(values[key])
    return None


def _saying(odd: Sequence[str], listing: Listing) -> Listing:
    """A listing that says which members of an archive were left out."""
    if not odd:
        return listing
    note = f"left out of the archive: {some(odd)}: links, devices and names that lead out of it are not followed"
    return dataclasses.replace(listing, notes=(*listing.notes, note))


def _leads_out(name: str) -> bool:
    """Whether a member's name is absolute, or goes up."""
    ways = name.replace("\\", "/").split("/")
    return not ways[0] or ways[0].endswith(":") or ".." in ways


def _zip_members(path: Path, odd: list[str]) -> Iterator[tuple[str, Item]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if _leads_out(info.filename) or stat.S_ISLNK(info.external_attr >> 16):
                    odd.append(info.filename)
                elif not info.is_dir():
                    yield info.filename, ZipItem(str(path), info.filename, info.file_size)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: the zip file is damaged ({error})") from None


def _tar_members(path: Path, name: str, odd: list[str]) -> Iterator[TarItem]:
    try:
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                if _leads_out(info.name) or not (info.isreg() or info.isdir()):
                    odd.append(info.name)
                elif info.isreg():
                    yield TarItem(str(path), info.name.removeprefix("./"), info.offset_data, info.size)
            end = archive.offset
        with open(path, "rb") as file:  # tarfile takes a damaged header for the end; the end is zeros or nothing
            file.seek(end)
            block = file.read(512)
        if block.strip(b"\0") or 0 < len(block) < 512:
            raise tarfile.ReadError(f"damaged or cut off at byte {end:,}")
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise DataError(f"{name}: the tar file cannot be read ({error})") from None


def _decompress(path: Path, plain: Path) -> None:
    import bz2
    import gzip
    import lzma
    import zlib

    with open(path, "rb") as file:
        begin = file.read(3)
    opened = gzip.open if begin[:2] == b"\x1f\x8b" else bz2.open if begin == b"BZh" else lzma.open
    made_folder(plain.parent)
    try:
        with opened(path, "rb") as source, replacing(plain) as unfinished, open(unfinished, "wb") as target:
            limit = _EXPANSION * path.stat().st_size
            while block := source.read(2**20):
                if target.tell() > limit:
                    raise DataError(f"{path}: expected images, received what expands more than {_EXPANSION} times")
                target.write(block)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be decompressed ({error})") from None
