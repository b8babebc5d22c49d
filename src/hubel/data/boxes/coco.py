"""COCO's JSON (Lin et al. 2014): pictures, categories and annotations in one file for each part."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hubel.base.errors import LimitError
from hubel.base.files import read_bytes
from hubel.base.limits import most
from hubel.base.numbers import counted
from hubel.data import ImageError
from hubel.data.boxes.annotations import Annotated, Annotations, Box
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.parts import part_and_rest
from hubel.data.sources.pictures import Pictures, unmatched

_FOLDERS = ("", "annotations", "Annotations", "labels")
_Kind = TypeVar("_Kind")
LISTS = ("images", "annotations", "categories")
_GLANCE = 2**14  # bytes of a file's start and end by which it is known
_NUMBERS = ("id", "image_id", "category_id")
_KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"info"', b'"licenses"', b'"type"')


def files_of(root: Path) -> list[Path]:
    """The files of annotations that a path is, or that lie in a folder, its `annotations`, and the folders of its
    parts, by what they begin with.
    """
    if root.is_file():
        return [root] if root.suffix.lower() == ".json" and _is_coco(root) else []
    if not root.is_dir():
        return []
    folders = [root / name for name in _FOLDERS]
    folders += [each for each in sorted(root.iterdir()) if each.is_dir() and each not in folders]
    found = {path.resolve(): path for each in folders if each.is_dir() for path in sorted(each.glob("*.json"))}
    return [path for path in found.values() if path.is_file() and _is_coco(path)]


def recognises(root: Path) -> bool:
    """Whether there is a file of COCO's annotations."""
    return bool(files_of(root))


def _is_coco(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(_GLANCE).lstrip(b"\xef\xbb\xbf \t\r\n")
        file.seek(max(0, path.stat().st_size - _GLANCE))
        ends = start + file.read()
    first = start[1:].lstrip()
    of_captions = b'"caption"' in ends and b'"bbox"' not in ends  # sentences, which have no boxes
    return start.startswith(b"{") and first.startswith(_KEYS) and not of_captions


def read(root: Path, layout: Layout) -> Annotations:
    """All files of a source, each of the part that its name says ("instances_val2017"), or its folder's. Categories are
    in the order of their numbers, which stay as they are.
    """
    pictures = Pictures(root if root.is_dir() else folder_of(root), layout)
    chosen = [path for path in files_of(root) if part_and_rest(path.stem)[1] != ("captions",)]
    parts, notes = parts_of_files(chosen, pictures.root, layout)
    found = Annotations("COCO's JSON", notes=notes)
    outlined = 0
    for path, part in parts.items():
        whole = lists_of(path)
        if isinstance(whole, ImageError):
            found.problems.append(whole)
        else:
            outlined += sum(isinstance(each, dict) and bool(each.get("segmentation")) for each in whole["annotations"])
            _add(found, path, whole, part or "train", pictures)
    named = [each.path for own in found.parts.values() for each in own]
    found.notes += pictures.notes(named, "file") if named else []
    if outlined:
        have = "has an outline" if outlined == 1 else "have outlines"
        told = f"read for boxes; {counted(outlined, 'annotation')} {have} too, which --task segmentation reads as masks"
        found.notes.append(told)
    found.classes = dict(sorted(found.classes.items(), key=lambda each: each[1]))
    return found


def folder_of(path: Path) -> Path:
    """Where the pictures of a single file lie: beside it, or beside the folder of annotations that it is in."""
    return path.parent.parent if path.parent.name.lower() in ("annotations", "labels") else path.parent


def lists_of(path: Path) -> dict[str, Any] | ImageError:
    """A file's three lists, or why it has none."""
    try:
        whole = json.loads(read_bytes(path, "annotations"))
    except (LimitError, OSError) as error:
        return ImageError(str(path), str(error))
    except (ValueError, RecursionError) as error:
        return ImageError(str(path), f"is no JSON that can be read ({error})")
    lists = {name: whole.get(name) if isinstance(whole, dict) else None for name in LISTS}
    wrong = [name for name, value in lists.items() if not isinstance(value, list)]
    if wrong:
        return ImageError(str(path), f"expected lists of images, annotations and categories, found no {wrong[0]}")
    for each in (each for name in LISTS for each in lists[name] or () if isinstance(each, dict)):
        for number in _NUMBERS:
            if isinstance(each.get(number), (list, dict)):  # which nothing can be looked up by
                each[number] = str(each[number])[:60]
    return lists


def _add(found: Annotations, path: Path, whole: Mapping[str, Any], part: str, pictures: Pictures) -> None:
    try:
        names = _names(found, path, whole["categories"])
    except ImageError as error:
        found.problems.append(error)
        return
    by_number, missing = images_of(path, whole["images"], part, pictures, found.problems, Annotated)
    for place, box in _boxes(found, path, whole["annotations"], names):
        number = whole["annotations"][place - 1]["image_id"]
        if number in by_number:
            by_number[number].marks.append(box)
        elif number not in missing:
            why = f"annotation {place}: no image has the id {number}"
            found.problems.append(ImageError(str(path), why))
    found.parts.setdefault(part, []).extend(by_number.values())


def images_of(
    path: Path, images: list[Any], part: str, pictures: Pictures, problems: list[ImageError], kind: Callable[..., _Kind]
) -> tuple[dict[Any, _Kind], set[Any]]:
    """What `kind(path, [], size)` makes of the images of a file that are there, by their numbers; and the numbers of
    those that are missing.
    """
    near = path.parent.relative_to(pictures.root).as_posix() if path.is_relative_to(pictures.root) else ""
    by_number: dict[Any, _Kind] = {}
    missing: set[Any] = set()
    for place, each in enumerate(images, 1):
        if not isinstance(each, dict) or "id" not in each or not isinstance(each.get("file_name"), str):
            problems.append(ImageError(str(path), f"expected an id and a file_name of image {place}"))
            continue
        picture = pictures.find(each["file_name"], "" if near == "." else near, part)
        if picture is None:
            missing.add(each["id"])
            problems.append(ImageError(str(path), f"image {place}: {unmatched(each['file_name'], pictures)}"))
            continue
        if each["id"] in by_number:
            problems.append(ImageError(str(path), f"image {place}: the id {each['id']} is another's too"))
            continue
        by_number[each["id"]] = kind(picture, [], size_of(each))
    return by_number, missing


def size_of(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """The height and width that a file says an image has; None where they are none."""
    sides = [side for side in (image.get("height"), image.get("width")) if isinstance(side, int)]
    return (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 0 and max(sides) <= most("rows") else None


def _names(found: Annotations, path: Path, categories: list[Any]) -> dict[Any, str]:
    """Each category's name by its number; two of one name are told apart by it."""
    names: dict[Any, str] = {}
    for place, each in enumerate(categories, 1):
        number = each.get("id") if isinstance(each, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not isinstance(each.get("name"), str):
            raise ImageError(str(path), f"expected an id and a name of category {place}")
        name = each["name"].strip() or str(number)
        if found.classes.get(name, number) != number:
            if name in names.values():
                name = f"{name} {number}"
            else:
                raise ImageError(
                    str(path), f"category {name!r} is {number} here and {found.classes[name]} in another file"
                )
        names[number] = name
        found.classes[name] = number
    return names


def _boxes(
    found: Annotations, path: Path, annotations: list[Any], names: Mapping[Any, str]
) -> Iterator[tuple[int, Box]]:
    """Each annotation's number in the file, from 1, and its box; what is none is a problem."""
    without = []
    for place, each in enumerate(annotations, 1):
        where = f"{path}, annotation {place}"
        if not isinstance(each, dict) or "image_id" not in each:
            found.problems.append(ImageError(str(path), f"annotation {place}: expected an image_id"))
            continue
        if "bbox" not in each:
            without.append(place)
            continue
        numbers, kind = each["bbox"], each.get("category_id")
        if kind not in names:
            why = f"annotation {place}: category {kind!r} is none of {some(map(str, names), 8)}"
            found.problems.append(ImageError(str(path), why))
            continue
        if not (isinstance(numbers, list) and len(numbers) == 4 and all(map(is_number, numbers))):
            why = f"annotation {place}: expected a bbox of left, top, width and height, received {str(numbers)[:60]}"
            found.problems.append(ImageError(str(path), why))
            continue
        left, top, width, height = map(float, numbers)
        area: Any = each.get("area")
        yield (
            place,
            Box(
                names[kind],
                left,
                top,
                left + width,
                top + height,
                where,
                crowd=bool(each.get("iscrowd", 0)),
                area=float(area) if is_number(area) and area > 0 else 0.0,
            ),
        )
    if without:
        found.notes.append(
            f"left out: {len(without):,} annotations of {path.name} without a bbox ({some(map(str, without))})"
        )


def is_number(value: object) -> bool:
    """Whether a value of JSON is a number that coordinates may be."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
