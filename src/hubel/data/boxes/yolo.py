"""YOLO's text files: a line an object, `class x y width height` in shares of the picture, with data.yaml or not."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from hubel.base.errors import DataError
from hubel.base.files import read_text
from hubel.base.numbers import counted
from hubel.data import ImageError
from hubel.data.boxes.annotations import Annotated, Annotations, Box, glance
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import natural_order, some
from hubel.data.sources.paired import IMAGE_FOLDERS
from hubel.data.sources.parts import PARTS, part_of
from hubel.data.sources.pictures import Pictures, unmatched

_ASIDE = ("classes.txt", "obj.names", "labels.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt")
_PARTS = "train|val|path"
_NUMBER = rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_BEYOND = 1.5  # of an outline's places, which lie from 0 to 1, or a little beyond an edge
_KEYS = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}


def recognises(root: Path) -> bool:
    """Whether there are text files of boxes beside pictures, or a data.yaml that names classes and parts."""
    if root.is_file():
        return root.suffix.lower() in (".yaml", ".yml") and _is_table(root)
    if not root.is_dir():
        return False
    texts = (path for path in glance(root, ".txt") if path.name.lower() not in _ASIDE)
    table = _yaml(root)
    return (table is not None and _is_table(table)) or any(
        _is_label(path) and _has_place(path) for path in islice(texts, 20)
    )


def _has_place(path: Path) -> bool:
    """Whether a text file lies where boxes do: in `labels`, or beside a picture of its name."""
    return "labels" in path.parts or any(path.with_suffix(suffix).exists() for suffix in SUFFIXES)


def _texts(root: Path) -> list[Path]:
    """Text files of a picture's name beside it, or in `labels` beside `images`."""
    found = sorted(path for path in root.rglob("*.txt") if path.name.lower() not in _ASIDE and path.is_file())
    folders: dict[Path, set[str]] = {}

    def stems(folder: Path) -> set[str]:
        if folder not in folders:
            there = folder.iterdir() if folder.is_dir() else ()
            folders[folder] = {path.stem for path in there if path.suffix.lower() in SUFFIXES}
        return folders[folder]

    return [path for path in found if "labels" in path.parts or path.stem in stems(path.parent)]


def _is_label(path: Path) -> bool:
    with open(path, "rb") as file:
        line = file.read(500).split(b"\n")[0].split()
    numbers = len(line) >= 5 and all(re.fullmatch(_NUMBER, word) for word in line)
    return numbers and float(line[0]) >= 0 and float(line[0]) % 1 == 0


def _yaml(root: Path) -> Path | None:
    """The file of a folder that names classes and parts; where none names parts, one that names classes."""
    paths = sorted((*root.glob("*.yaml"), *root.glob("*.yml")))
    return next((path for keys in (_PARTS, "") for path in paths if _is_table(path, keys)), None)


def _is_table(path: Path, keys: str = _PARTS) -> bool:
    """Whether a file names classes, and says one of `keys`."""
    text = path.read_text(encoding="utf-8", errors="replace")[:100_000]
    return all(re.search(rf"^({words})\s*:", text, re.M) for words in ("names", keys or "names"))


def read(root: Path, layout: Layout) -> Annotations:
    """All text files of boxes below a folder; classes from data.yaml, classes.txt or obj.names, else by number. Parts
    are those that data.yaml names, by folders or lists, else lists (train.txt), else the folders' words.
    """
    table = root if root.is_file() else _yaml(root)
    told = _told(table) if table else {}
    if root.is_file():
        root = _where(root, told)
    folders, odd = _folders(told)
    pictures = Pictures(root, layout, folders)
    texts = _texts(root)
    found = Annotations("YOLO's text files", notes=odd)
    named = told.get("names") or _listed(root)
    if not pictures.paths:
        raise DataError(f"{root}: expected pictures beside YOLO's text files, found none")
    seen: dict[str, Path] = {}
    for path in texts:
        picture = _picture_of(path, pictures)
        if picture is None:
            if _is_label(path):
                found.problems.append(ImageError(str(path), unmatched(path.stem, pictures)))
        else:
            seen[picture] = path
    if not seen:
        raise DataError(
            f"{root}: expected text files of the pictures' names, found none that match: text files such as "
            f"{some((path.relative_to(root).as_posix() for path in texts), 2) or 'none'}, pictures such as "
            f"{some((os.path.relpath(path, root) for path in pictures.paths), 2)}"
        )
    lists = {} if layout.parts != "auto" else _lists(root, told)
    unlisted: list[str] = []
    numbers: set[int] = set()
    without, lines = 0, _Lines(named, "kpt_shape" in told)
    for picture in pictures.paths:
        part: str | None = lists.get(Path(picture).name)
        if part is None and "train" not in lists.values():
            part = pictures.part(picture)
        if part is None:
            unlisted += [Path(picture).name] if lists else []
            continue
        label = seen.get(picture)
        without += label is None
        boxes: list[tuple[int, Box]] = []
        if label is not None:
            try:
                boxes = list(lines.boxes(label))
            except ImageError as error:
                found.problems.append(error)
                continue
        numbers |= {number for number, _ in boxes}
        found.parts.setdefault(part or "train", []).append(
            Annotated(picture, [box for _, box in boxes], in_shares=True)
        )
    found.notes += [] if lists else pictures.folders.notes()
    found.notes += pictures.notes(pictures.paths, "file")
    found.notes += lines.notes(told.get("nc"))
    if unlisted:
        found.notes.append(
            f"left out: {counted(len(unlisted), 'picture')} that no list names ({some(natural_order(unlisted), 2)})"
        )
    if without:
        these = f"{counted(without, 'picture')} without a text file {'is' if without == 1 else 'are'}"
        found.notes.append(f"{these} taken to show no object")
    found.classes = {name: number for number, name in named.items()} if named else {str(n): n for n in sorted(numbers)}
    if not named:
        found.notes.append(
            f"classes have no names but their numbers; {root / 'classes.txt'} would name them, one a line"
        )
    return found


def _where(table: Path, told: Mapping[str, Any]) -> Path:
    """The folder that a data.yaml is of."""
    path = told.get("path")
    inside = table.parent / path if path else table.parent
    return inside if os.path.isdir(inside) else table.parent


def _picture_of(label: Path, pictures: Pictures) -> str | None:
    """The picture of a text file: of its name in its own folder, or in `images` where it lies in `labels`."""
    inside = label.relative_to(pictures.root)
    parts = list(inside.parts[:-1])
    places = [parts]
    for at, part in enumerate(parts):
        if part.lower() == "labels":
            places += [[*parts[:at], name, *parts[at + 1 :]] for name in sorted(IMAGE_FOLDERS)]
            places.append([*parts[:at], *parts[at + 1 :]])
    for place in places:
        for suffix in sorted(SUFFIXES):
            for ending in (suffix, suffix.upper()):
                if found := pictures.exact("/".join([*place, label.stem + ending])):
                    return found
    return None


class _Lines:
    """Reads lines of text files, and counts those that say more than a box. named: classes by number, none where all
    are. points: whether each line has a box and then points.
    """

    def __init__(self, named: Mapping[int, str], points: bool) -> None:
        self.named, self.points = named, points
        self.outlines = self.sixth = self.pointed = 0

    def boxes(self, path: Path) -> Iterator[tuple[int, Box]]:
        """Each line's class and box. Of more than five numbers the rest are an outline's, around which the box is put,
        or points, which are passed over. Raises ImageError at a line that is neither.
        """
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if line.strip():
                kind, edges = self._read(line, f"{path}:{number}")
                yield kind, Box(self.named.get(kind, str(kind)), *edges, f"{path}:{number}")

    def _read(self, line: str, place: str) -> tuple[int, tuple[float, float, float, float]]:
        words = line.split()
        try:
            kind, values = float(words[0]), [float(word) for word in words[1:]]
            if kind % 1:
                raise ValueError
        except ValueError:
            raise ImageError(
                place, f"expected a whole number for the class, and numbers, received {line[:60]!r}"
            ) from None
        if len(values) < 4 or (len(values) > 5 and len(values) % 2 and not self.points):
            raise ImageError(place, f"expected a class, x, y, width and height, received {len(words)} numbers")
        if kind < 0 or (self.named and kind not in self.named):
            raise ImageError(place, f"class {kind:g} is none of the {len(self.named)} that are named")
        outline = len(values) > 5 and not self.points
        if max(values[:4]) > 2 or (outline and max(values) > _BEYOND):
            seen = outline and all(value in (0, 1, 2) for value in values[6::3])
            why = ": points, as kpt_shape in data.yaml would say?" if seen else ": pixels?"
            raise ImageError(place, f"expected shares from 0 to 1 of the picture, received {line[:60]!r}{why}")
        self.outlines += outline
        self.sixth += len(values) == 5
        self.pointed += self.points and len(values) > 5
        if outline:
            return int(kind), (min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))
        x, y, width, height = values[:4]
        return int(kind), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def notes(self, stated: Any) -> list[str]:
        """What is to be said of lines. stated: how many classes data.yaml says that there are."""
        told = []
        if self.named and str(stated or "").isdigit() and int(stated) != len(self.named):
            told.append(f"data.yaml says nc {stated} and names {len(self.named)}: the names count")
        if self.outlines:
            told.append(f"{counted(self.outlines, 'line')} with an outline: a box is put around it")
        if self.pointed:
            told.append(
                f"{counted(self.pointed, 'line')} with points besides (kpt_shape), which are passed over: for pose "
                "save them as COCO's JSON"
            )
        if self.sixth:
            told.append(f"{counted(self.sixth, 'line')} with a sixth number (a confidence?), which is passed over")
        return told


def _listed(root: Path) -> dict[int, str]:
    """The names in classes.txt or obj.names, by line from 0."""
    for folder in (root, root / "labels", *(each for each in sorted(root.iterdir()) if each.is_dir())):
        for name in ("classes.txt", "obj.names", "labels.txt"):
            path = folder / name
            if path.is_file():
                lines = read_text(path).splitlines()
                return _apart(dict(enumerate(line.strip() for line in lines if line.strip())))
    return {}


def _apart(names: Mapping[int, str]) -> dict[int, str]:
    """Names that are given twice, with their numbers."""
    every = list(names.values())
    return {number: name if every.count(name) == 1 else f"{name} {number}" for number, name in names.items()}


def _folders(told: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The folders that a data.yaml names, with their parts; and what to say of one that is named for two."""
    found: dict[str, str] = {}
    twice = []
    for key, part in _KEYS.items():
        value = told.get(key)
        for path in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            words = [word for word in path.replace("\\", "/").split("/") if word not in ("", ".", "..")]
            if not words or path.endswith(".txt"):
                continue
            folder = "/".join(words[-2:] if path.startswith("/") else words)
            twice += [f"{folder} ({found[folder]}, {part})"] if found.get(folder, part) != part else []
            found.setdefault(folder, part)
    said = f"data.yaml names a folder for two parts, the first is taken: {some(twice)}"
    return found, [said] if twice else []


def _lists(root: Path, told: Mapping[str, Any]) -> dict[str, str]:
    """The part of each picture that text files of paths name, by its file name."""
    parts: dict[str, str] = {}
    files = {part: told[key] for key, part in _KEYS.items() if isinstance(told.get(key), str)}
    for name in ("train.txt", "val.txt", "valid.txt", "test.txt"):
        files.setdefault(part_of(Path(name).stem) or "train", name)
    for part, name in files.items():
        path = root / name
        if part in PARTS and path.suffix == ".txt" and os.path.isfile(path):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.strip():
                    parts[line.strip().replace("\\", "/").rpartition("/")[2]] = part
    return parts


def _told(path: Path) -> dict[str, Any]:
    """What a data.yaml says, of the little of YAML that such files use: words, lists and numbered names."""
    found: dict[str, Any] = {}
    key, items, table = "", list[str](), dict[int, str]()

    def close() -> None:
        if key and (items or table):
            found[key] = table or dict(enumerate(items)) if key == "names" else items

    for line in read_text(path).splitlines():
        text = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not text.strip():
            continue
        if match := re.fullmatch(r"(\w+)\s*:\s*(.*)", text):
            close()
            key, items, table = match[1], [], {}
            if match[2]:
                found[key] = _value(match[2], path) if key == "names" else match[2].strip("'\" ")
        elif match := re.fullmatch(r"\s*-\s*(.+)", text):
            items.append(match[1].strip("'\" "))
        elif match := re.fullmatch(r"\s+['\"]?(\d+)['\"]?\s*:\s*(.+)", text):
            table[int(match[1])] = match[2].strip("'\" ")
    close()
    if "names" in found:
        found["names"] = _apart(found["names"])
    return found


def _value(text: str, path: Path) -> dict[int, str]:
    """Names in one line: [a, b] or {0: a, 1: b}, in quotes or not."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        inside = re.split(r"\s*,\s*", text.strip("[]{} "))
        pairs = [re.fullmatch(r"(\d+)\s*:\s*(.+)", each) for each in inside]
        if text.startswith("{") and all(pairs):
            return {int(pair[1]): pair[2].strip("'\" ") for pair in pairs if pair}
        value = [each.strip("'\" ") for each in inside]
    if isinstance(value, dict) and all(isinstance(number, int) for number in value):
        return {number: str(name) for number, name in value.items()}
    if isinstance(value, (list, tuple)):
        return dict(enumerate(map(str, value)))
    raise DataError(f"{path}: expected names as a list, received {text[:60]!r}")
