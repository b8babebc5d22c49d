"""COCO's annotations read as masks: every pixel the class of the object over it, or none of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hubel.base.errors import DataError
from hubel.data.boxes.coco import lists_of, size_of
from hubel.data.decode.image import ImageError
from hubel.data.masks.pairs import Found, Pair
from hubel.data.masks.shapes import Shape, Shapes
from hubel.data.masks.targets import VOID
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.pictures import Pictures, unmatched

BACKGROUND = "background"
_GLANCE, _MORE = 2**12, 2**20  # bytes in which a file of annotations says that it is one, and of what


def recognises(root: Path) -> bool:
    """Whether a folder has COCO's annotations with outlines and without boxes, which would be for detection."""
    return root.is_dir() and any(_outlined(path) for path in files_of(root))


def files_of(root: Path) -> list[Path]:
    """The files that look like COCO's annotations, in the folder and in its folders."""
    found = [path for pattern in ("*.json", "*/*.json") for path in sorted(root.glob(pattern)) if path.is_file()]
    return [path for path in found if not path.name.startswith(".") and _speaks_of_images(path)]


def _speaks_of_images(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(_GLANCE).lstrip()
    words = (b'"images"', b'"annotations"', b'"categories"', b'"info"', b'"licenses"')
    return start.startswith(b"{") and any(word in start for word in words)


def _outlined(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(_MORE)
    return b'"segmentation"' in start and b'"bbox"' not in start


def pairs_of(root: Path, layout: Layout) -> Found:
    """Images and the shapes on them, by part: a part a file, by its name ("instances_train.json"), or all for training.
    An annotation that is no outline, an image that is not there, and a class that is not listed are named.

    Raises DataError where a file is no JSON of this kind, or none of its images is there.
    """
    pictures = Pictures(root, layout)
    parts, notes = parts_of_files(files_of(root), root, layout)
    contents = [(path, _read(path)) for path in parts]
    names = {number: name for path, content in contents for number, name in _names(path, content["categories"])}
    values = {number: value for value, number in enumerate(sorted(names), 1)}
    if len(values) > VOID - 1:
        raise DataError(f"{root}: expected at most {VOID - 1} classes of masks, found {len(values):,}")
    notes = [f"masks from {some((path.name for path in parts), 3)}", *notes]
    found = Found({}, [], notes, [(BACKGROUND, None)])
    found.named.extend((names[number], None) for number in sorted(names))
    annotations = [each for _, content in contents for each in content["annotations"]]
    if annotations and not any(isinstance(each, dict) and each.get("segmentation") for each in annotations):
        raise DataError(
            f"{root}: expected outlines of objects, found {len(annotations):,} annotations without any"
            + (", with boxes, which the task detection is for" if any(each.get("bbox") for each in annotations) else "")
        )
    for path, content in contents:
        part = parts[path] or "train"
        pairs = list(_pairs(path, content, pictures, part, values, found.problems))
        if content["images"] and not pairs:
            wanted = some((repr(_called(each)) for each in content["images"]), 2)
            there = some((repr(Path(name).relative_to(root).as_posix()) for name in pictures.paths), 2) or "none"
            raise DataError(f"{path}: none of its images is there: it names {wanted}, and the images here are {there}")
        found.parts.setdefault(part, []).extend(pairs)
    named = [str(pair.image) for own in found.parts.values() for pair in own]
    found.notes.extend(pictures.notes(named, "file"))
    return found


def _pairs(
    path: Path,
    content: dict[str, Any],
    pictures: Pictures,
    part: str,
    values: dict[int, int],
    problems: list[ImageError],
) -> Iterator[Pair]:
    shapes: dict[Any, list[Shape]] = defaultdict(list)
    for place, each in enumerate(content["annotations"], 1):
        told = each if isinstance(each, dict) else {}
        if told.get("category_id") not in values or not told.get("segmentation"):
            why = "an outline" if told.get("category_id") in values else "a category that is listed"
            problems.append(ImageError(str(path), f"annotation {place:,} (id {told.get('id')}): expected {why}"))
            continue
        value = VOID if told.get("iscrowd") else values[told["category_id"]]
        shapes[told.get("image_id")].append(Shape(value, told["segmentation"]))
    near = path.parent.relative_to(pictures.root).as_posix()
    for each in content["images"]:
        name = _called(each)
        image = pictures.find(name, "" if near == "." else near, part)
        if image is None:
            problems.append(ImageError(str(path), unmatched(name, pictures)))
            continue
        told = each if isinstance(each, dict) else {}
        size = size_of(told)
        if size is None:
            sides = str((told.get("height"), told.get("width")))[:60]
            why = f"image {name}: expected its height and width in pixels, received {sides}"
            problems.append(ImageError(str(path), why))
            continue
        yield Pair(Path(image), Shapes(f"{path}: {name}", *size, tuple(shapes.get(told.get("id"), ()))))


def _names(path: Path, categories: list[Any]) -> Iterator[tuple[int, str]]:
    for place, each in enumerate(categories, 1):
        number = each.get("id") if isinstance(each, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not isinstance(each.get("name"), str):
            raise DataError(f"{path}: expected an id, a whole number, and a name of category {place}")
        yield number, each["name"]


def _called(image: Any) -> str:
    return str(image.get("file_name") if isinstance(image, dict) else image)


def _read(path: Path) -> dict[str, Any]:
    whole = lists_of(path)
    if isinstance(whole, ImageError):
        raise DataError(str(whole))
    return whole
