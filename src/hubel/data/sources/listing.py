"""Which images a source has, before any is decoded: their places, labels and parts."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from unicodedata import normalize

from PIL import Image

from hubel.base.errors import DataError, LimitError
from hubel.base.files import read_bytes
from hubel.data.decode.image import SUFFIXES, ImageError
from hubel.data.sources.paired import IMAGE_FOLDERS, paired
from hubel.data.sources.parts import PARTS


class Item(Protocol):
    """One image somewhere: a file, a member of an archive, a row of a table."""

    @property
    def name(self) -> str:
        """What to call it in messages: a path, or archive:member."""

    @property
    def place(self) -> tuple[str, str]:
        """The file it lies in, and where in it ("" for the whole file)."""

    def read(self) -> bytes:
        """Its encoded bytes. Raises ImageError where they cannot be had."""


@dataclasses.dataclass(frozen=True)
class FileItem:
    """An image that is a file of its own."""

    path: str

    @property
    def name(self) -> str:
        """The path."""
        return self.path

    @property
    def place(self) -> tuple[str, str]:
        """The whole file."""
        return self.path, ""

    def read(self) -> bytes:
        """The file's bytes. What is found in a folder or a table is to be a file: a pipe or a device may never end."""
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise ImageError(self.path, "is no file, but a pipe, a device or a folder")
            return read_bytes(self.path, "encoded")
        except ImageError:
            raise
        except LimitError as error:
            raise ImageError(self.path, str(error)) from None
        except OSError as error:
            raise ImageError(self.path, f"cannot be opened ({error.strerror or error})") from None
        except ValueError:  # a name with a NUL, or with letters that no name of a file has
            raise ImageError(self.path, "cannot be opened (its name is no file's)") from None


# folders that systems and programs keep among people's own (Synology, QNAP, Windows, macOS, Linux, Python)
_LEFT_BEHIND = (
    *("@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "recycler", "system volume information"),
    *("lost+found", "__macosx", "__pycache__", "thumbnails", "thumbs"),
)


def is_left_behind(name: str) -> bool:
    """Whether a folder is called as those are that systems and programs leave among others: "@eaDir", "Thumbnails"."""
    return name.casefold() in _LEFT_BEHIND


def leads_back(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is a link to one that it lies in, by which one would go round and round."""
    if not os.path.islink(path):
        return False
    around, there = os.path.realpath(os.path.dirname(path)), os.path.realpath(path)
    return os.path.commonpath([around, there]) == there


def files_below(root: str, inside: str = "") -> Iterable[tuple[str, Item]]:
    """All files in a folder and below, by their paths in it with forward slashes. Hidden ones are passed over, and
    links to folders that they lie in.
    """
    with os.scandir(os.path.join(root, inside)) as entries:
        for entry in entries:
            path = f"{inside}/{entry.name}" if inside else entry.name
            if entry.name.startswith(".") or leads_back(entry.path):
                continue
            if entry.is_dir():
                yield from files_below(root, path)
            else:
                yield path, FileItem(os.path.join(root, path))


def folders_without_images(folder: Path, images: Iterable[str], classes: Iterable[str]) -> list[str]:
    """What is to be said of folders, two deep, that hold no image, are not hidden, and are no class elsewhere; and of
    links that lead back.
    """
    holding = {"/".join(path.split("/")[:depth]) for path in images for depth in (1, 2)}
    known = set(map(folded, classes))

    def bare(inside: Path) -> Iterator[Path]:
        here = (each for each in inside.iterdir() if not (each.name.startswith(".") or is_left_behind(each.name)))
        return (each for each in here if each.is_dir())

    empty, back = [], []
    for outer in bare(folder):
        here = outer.name in holding
        for each in bare(outer) if here else (outer,):
            path = each.relative_to(folder).as_posix()
            if leads_back(each):
                back.append(f"{path} → {os.readlink(each)}")
            elif path not in holding and folded(each.name) not in known:
                empty.append(path)
    them = "it" if len(empty) == 1 else "them"
    bare_ones = [f"left out: {some(natural_order(empty))}, without an image in {them}"] if empty else []
    return [*bare_ones, *(f"left out: the link {each}, a folder that it lies in itself" for each in back[:3])]


def image_paths_in(folder: Path) -> list[str]:
    """The paths of all images in a folder and below that can be read, by their endings, and are hidden nowhere; pipes
    and devices are passed over.
    """
    found = (os.path.join(folder, path) for path, _ in files_below(str(folder)) if is_image_path(path))
    return [path for path in found if os.path.isfile(path)]


def is_image_path(path: str) -> bool:
    """Whether a path is that of an image that can be read, by its ending, and hidden nowhere."""
    return has_suffix(path, SUFFIXES)


def has_suffix(path: str, suffixes: frozenset[str]) -> bool:
    """Whether a path ends with one of these, and is hidden nowhere."""
    parts = path.split("/")
    hidden = any(part.startswith(".") or is_left_behind(part) for part in parts)
    return not hidden and os.path.splitext(parts[-1])[1].lower() in suffixes


@dataclasses.dataclass(frozen=True)
class Listing:
    """A source's images by part ("train", "validation", "test"), each with its class's index.

    notes: what was taken for what, and what was left out, in sentences.
    """

    name: str
    classes: tuple[str, ...]
    parts: Mapping[str, tuple[tuple[Item, int], ...]]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not any(self.parts.values()):
            raise DataError(f"{self.name}: expected images with labels, found none")


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """A sorting key that puts "2" before "10" and does not tell upper case from lower."""
    pieces = re.split(r"([0-9]+)", text)
    return tuple((0, int(p)) if p.isdecimal() and p.isascii() else (1, p.casefold()) for p in pieces if p)


def folded(name: str) -> str:
    """A name as those compare who do not tell letters' case, spaces around it, or two ways to write an accent."""
    return normalize("NFC", name).strip().casefold()


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """The different names in natural order."""
    return tuple(sorted(set(names), key=lambda name: (natural_key(name), name)))


def make_listing(name: str, found: Sequence[tuple[str, str, Item]], notes: Iterable[str] = ()) -> Listing:
    """A listing of (part, class name, item) in any order. Classes are those of all parts together, in natural order,
    so that one which is absent from a part moves no other; items are in natural order of their names.
    """
    found, said = _in_one_spelling(found)
    notes = (*notes, *said)
    classes = natural_order(label for _, label, _ in found)
    _refuse_masks(name, classes, found)
    index = {label: number for number, label in enumerate(classes)}
    parts: dict[str, tuple[tuple[Item, int], ...]] = {}
    for part in PARTS:
        chosen = [(item, index[label]) for where, label, item in found if where == part]
        if chosen:
            parts[part] = tuple(sorted(chosen, key=lambda pair: (natural_key(pair[0].name), pair[0].name)))
    return Listing(name, classes, parts, tuple(notes))


def _refuse_masks(name: str, classes: Sequence[str], found: Sequence[tuple[str, str, Item]]) -> None:
    """Raise DataError for a folder of images and one of masks: by their names, or by files of the same names in both of
    which those of one have the few values of masks.
    """
    if len(classes) != 2:
        return
    one, two = ({_stem(item): item for _, label, item in found if label == own} for own in classes)
    words = f"{name}: expected a folder for each class, received {' and '.join(classes)}"
    if paired(classes):
        raise DataError(
            f"{words}: a mask for each image is for segmentation, which hubel data, hubel train and "
            "hubel.tasks.load read from folders"
        )
    same = one.keys() & two.keys()
    if 2 * len(same) <= len(one.keys() | two.keys()):
        return
    if any(label.casefold() in IMAGE_FOLDERS for label in classes):
        raise DataError(
            f"{words}, which hold files of the same names; where one holds the masks of the other, call it masks"
        )
    looked_at = sorted(same)[:_LOOKED_AT]
    few = [[_has_few_values(own[stem]) for stem in looked_at] for own in (one, two)]
    if len(same) > 1 and sorted(map(all, few)) == [False, True] and sorted(map(any, few)) == [False, True]:
        masks = classes[[all(each) for each in few].index(True)]
        raise DataError(
            f"{words}, which hold files of the same names, those of {masks} with the few values of masks: for "
            f"segmentation call the folders images and masks; where {masks} is a class, give its files other names"
        )


_LOOKED_AT = 8  # pictures of a folder that may be masks
_FEW_VALUES = 16


def _has_few_values(item: Item) -> bool:
    try:
        with Image.open(io.BytesIO(item.read())) as picture:
            return picture.getcolors(_FEW_VALUES) is not None
    except (OSError, ValueError, SyntaxError, ImageError, Image.DecompressionBombError):
        return False


def _stem(item: Item) -> str:
    return os.path.splitext(os.path.basename(item.name))[0]


def _in_one_spelling(found: Sequence[tuple[str, str, Item]]) -> tuple[Sequence[tuple[str, str, Item]], list[str]]:
    """Classes that two parts spell differently (see `folded`) are one; as training spells it."""
    spellings: dict[str, dict[str, str]] = {}  # of each name, by part
    apart = set()
    others: dict[str, set[str]] = defaultdict(set)
    for part, label, _ in found:
        own = spellings.setdefault(folded(label), {}).setdefault(part, label)
        if own != label:
            apart.add(folded(label))
            others[folded(label)].add(label)
    same = {
        name: next(own[part] for part in PARTS if part in own)
        for name, own in spellings.items()
        if len(set(own.values())) > 1 and name not in apart
    }
    alike = [natural_order(set(spellings[name].values()) | others[name]) for name in sorted(apart)]
    told = [f"classes that differ only in letters' case or spaces: {some(map(' and '.join, alike))}"] if alike else []
    if not same:
        return found, told
    words = some(f"{' and '.join(natural_order(spellings[name].values()))} are {label}" for name, label in same.items())
    merged = [(part, same.get(folded(label), label), item) for part, label, item in found]
    return merged, [f"one class in two spellings: {words}", *told]


def some(names: Iterable[str], most: int = 3) -> str:
    """The first of these names, and how many more there are."""
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most:,} more" if len(listed) > most else "")
