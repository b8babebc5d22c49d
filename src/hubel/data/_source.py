"""What a word or a path means: which images there are, and where."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path

from hubel.base.download import Progress
from hubel.base.errors import DataError, SettingError
from hubel.base.names import BUILT_IN, did_you_mean, near_path
from hubel.data._dataset import Splits
from hubel.data.cache.decoded import working_cache
from hubel.data.games.named import is_game, is_own, own_game
from hubel.data.sources.archives import expand_braces, is_archive, is_shard, list_archive, list_shards
from hubel.data.sources.arrays.load import is_idx_folder, load_idx, load_npy, load_npz
from hubel.data.sources.bands import with_bands
from hubel.data.sources.folders import list_folder
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import Listing, files_below, is_image_path, some
from hubel.data.sources.mnist import load_mnist
from hubel.data.sources.named import NAMED_SETS, NamedSet
from hubel.data.sources.tables.listing import list_csv
from hubel.data.texts.load import check as check_text
from hubel.data.texts.load import is_text

_PATTERN = re.compile(r"\{\d+\.\.\d+\}|[*?\[]")  # of several tars
_GAMES = ("atari", "gymnasium", "openai", "ale", "minatar", "gym")  # what people call where games come from
_TWO = "{0} is a file or folder here; the set of that name that hubel knows is builtin:{0}"
_TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")
_FILES = (
    ".npz",
    ".npy",
    ".idx",
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".ndjson",
    ".yaml",
    ".yml",
)  # that hold images, or say where they lie
_REMEDIES = {
    "; save the table as CSV (pandas: table.to_csv(...))": ".parquet .feather .arrow .xlsx .xls .ods .db .sqlite",
    "; save its arrays as .npz (numpy.savez(..., images=..., labels=...))": ".h5 .hdf5 .mat .pkl .pickle .pt .pth "
    ".tfrecord .tfrecords .lmdb .mdb .rec .joblib",
    "; unpack it": ".rar .7z .gz .xz .bz2 .zst",
}


def layout_of(settings: Mapping[str, str]) -> Layout:
    """The layout of these settings. Raises SettingError for an unknown one."""
    known = [field.name for field in dataclasses.fields(Layout) if field.init]
    for name in settings:
        if name not in known:
            near = did_you_mean(name, known) or "; it means nothing to this data, or to the task that it is read for"
            raise SettingError(f"how data is read: expected {', '.join(known)}, received {name!r}{near}")
    return Layout(**settings)


def open_source(
    source: str | os.PathLike[str] | NamedSet, progress: Progress | None, layout: Layout
) -> Splits | Listing:
    """What a word or path means: arrays that are there, or a listing of images still to be decoded."""
    if isinstance(source, NamedSet):
        return source.load(progress)
    word = os.fspath(source)
    if not word.strip():
        raise DataError(f"expected a data set: its name or a path; received {word!r}")
    here = is_here(word)
    _refuse_unused(word, layout)
    named = word.removeprefix(BUILT_IN)
    if named == "mnist" and not here:
        return load_mnist()
    if named in NAMED_SETS and not here:
        return NAMED_SETS[named].load(progress)
    if word.startswith("hf:"):
        from hubel.data.sources.hub import list_hub

        return list_hub(word.removeprefix("hf:"))
    path = Path(word).expanduser()
    if path.exists():
        try:
            found = _open_folder(path, layout) if path.is_dir() else _open_file(path, layout)
            found = (with_bands(found) or found) if isinstance(found, Listing) else found
        except DataError as error:
            raise DataError(f"{error}; {_TWO.format(word)}" if here else str(error)) from None
        return dataclasses.replace(found, notes=(_TWO.format(word), *found.notes)) if here else found
    if _PATTERN.search(word):
        shards = expand_braces(str(path))
        missing = [shard for shard in shards if not shard.is_file()]
        other = [shard for shard in shards if not missing and not is_shard(shard.name)]
        if shards and not missing and not other:
            return list_shards(word, shards)
        wrong = (
            f"no {missing[0]}" if missing else f"{other[0]}; pictures come as a folder or a table" if other else "none"
        )
        raise DataError(f"{word}: expected tar files, found {wrong}")
    raise _neither(word)


def check_source(word: str) -> None:
    """Raise DataError or SettingError for a word that is no data, as far as that is told in a moment: neither a known
    set nor a path, a game that is none, a text that is none.
    """
    if is_own(word):
        own_game(word)
    if not (is_source(word) or _PATTERN.search(word) or Path(word).expanduser().exists()):
        raise _neither(word)
    check_text(word, None, by_rule=False)


def _neither(word: str) -> DataError:
    names = ["mnist", *NAMED_SETS]
    kind, colon, game = word.partition(":")
    if colon and kind.lower() in _GAMES:
        meant = f"{'ale' if kind.lower() == 'atari' else 'gym'}:{game or 'NAME'}"
        return DataError(
            f"expected a game as minatar:NAME, ale:NAME (Atari's) or gym:ID, received {word!r}; did you mean {meant!r}?"
        )
    near = near_path(word) or did_you_mean(word, names)
    return DataError(f"expected a path, or one of {', '.join(names)}; received {word!r}, which is neither{near}")


def is_here(word: str) -> bool:
    """Whether a word that names a built-in set is that of a file or folder here too, which is then meant."""
    return (word == "mnist" or word in NAMED_SETS) and Path(word).exists()


def tells_classes(source: str) -> bool:
    """Whether a source may tell the classes of its images: False of a folder or file whose listing has none."""
    if not source or not holds_files(source) or not Path(source).expanduser().exists():
        return True
    try:
        found = open_source(source, None, Layout())
    except (DataError, OSError):
        return False
    return len(found.classes) > 1 if isinstance(found, Listing) else True


def holds_files(source: str) -> bool:
    """Whether a source is image files, which can be decoded in any size; arrays have a size of their own."""
    path = Path(source).expanduser()
    named = source.removeprefix(BUILT_IN)
    if (named == "mnist" or named in NAMED_SETS) and not is_here(source):
        return False
    if path.is_dir():
        return not is_idx_folder(path)
    if path.is_file():
        return not path.name.lower().endswith((".npz", ".npy", ".idx")) and "idx3-ubyte" not in path.name
    return source.startswith("hf:") or _PATTERN.search(source) is not None


def is_source(word: str) -> bool:
    """Whether a word is that of data by its form: a known set, a folder, or a file of a kind that holds images."""
    path, name = Path(word).expanduser(), word.lower()
    known = word.removeprefix(BUILT_IN) in ("mnist", *NAMED_SETS) or word.startswith("hf:") or is_game(word)
    file = os.path.isfile(path) and (is_archive(word) or name.endswith(_FILES) or is_text(word))
    return known or os.path.isdir(path) or file


def _refuse_unused(word: str, layout: Layout) -> None:
    """Raise SettingError where something is said of the layout that means nothing for this source."""
    table, arrays = word.lower().endswith(_TABLES), word.lower().endswith(".npz")
    folder = Path(word).expanduser().is_dir() or is_archive(word)
    meant = (
        ("image_column", "label_column", "label_kind", "image_folder", "parts")
        if table
        else ("parts", "labels")
        if folder
        else ("parts",)
        if arrays
        else ()
    )
    if layout.label_kind != "class":  # which of a task reads labels of every source
        meant = (*meant, "label_kind")
    for field in dataclasses.fields(Layout):
        if field.name not in (*meant, "known") and getattr(layout, field.name) != field.default:
            said = f"--{field.name.replace('_', '-')} {getattr(layout, field.name)}"
            kind = "a table" if table else "a folder" if folder else "arrays" if arrays else "no folder and no table"
            raise SettingError(f"{word}: is {kind}, for which {said} means nothing")


def _open_folder(path: Path, layout: Layout) -> Splits | Listing:
    if is_idx_folder(path):
        return load_idx(path)
    names = [name for name, _ in files_below(str(path))]
    packed = sorted(path / name for name in names if is_archive(name))
    bare = bool(packed) and not any(map(is_image_path, names))
    if bare and all(is_shard(archive.name) for archive in packed):
        return list_shards(str(path), packed)
    if bare:
        raise DataError(
            f"{path}: expected images, found {some(archive.name for archive in packed)}; each can be read alone "
            f"({packed[0]}), or unpack them here, where folders called train and test are parts"
        )
    found = list_folder(path, layout)
    if not packed:
        return found
    note = f"not used: {some(archive.name for archive in packed)}, which hubel data {packed[0]} would read"
    return dataclasses.replace(found, notes=(*found.notes, note))


def _open_file(path: Path, layout: Layout) -> Splits | Listing:
    name = path.name.lower()
    if name.endswith(".npz"):
        return load_npz(path, layout)
    if name.endswith(".npy"):
        return load_npy(path)
    if "idx3-ubyte" in name or name.endswith(".idx"):
        return load_idx(path)
    if name.endswith(_TABLES):
        return list_csv(path, layout)
    if is_archive(name):
        status = path.stat()
        key = f"{path.stem}-{status.st_size}-{status.st_mtime_ns}.tar"
        return list_archive(path, working_cache()[0] / "unpacked" / key, layout)
    remedy = next((words for words, kinds in _REMEDIES.items() if path.suffix.lower() in kinds.split()), "")
    raise DataError(f"{path}: expected a folder, .zip, .tar, .csv, .jsonl, .npz, .npy or IDX file{remedy}")
