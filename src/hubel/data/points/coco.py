"""COCO's JSON with keypoints (Lin et al. 2014): x, y and v for each, v 0 unseen, 1 hidden, 2 seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hubel.base.numbers import counted
from hubel.data import ImageError
from hubel.data.boxes import coco
from hubel.data.points.annotations import HIDDEN, SEEN, UNSEEN, Annotated, Annotations, Individual, Pairs, Point
from hubel.data.sources.layout import Layout
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.pictures import Pictures

_GLANCE = 2**20  # bytes at each end of a file in which a glance looks
_FILLED = re.compile(rb'"keypoints"\s*:\s*\[\s*["\d]')  # files of boxes may have empty lists of them
_MIDDLE = 0.5  # keypoints are counted from the middle of the first pixel


def files_of(root: Path) -> list[Path]:
    """The files of annotations in which keypoints are named."""
    return [path for path in coco.files_of(root) if _names_keypoints(path)]


def _names_keypoints(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(_GLANCE)
        file.seek(max(len(start), path.stat().st_size - _GLANCE))
        return any(_FILLED.search(some) for some in (start, file.read(_GLANCE)))


def recognises(root: Path) -> bool:
    """Whether there is a file of COCO's annotations with keypoints."""
    return bool(files_of(root))


def read(root: Path, layout: Layout) -> Annotations:
    """All files of a source whose categories name keypoints; other files are left out, which is said."""
    pictures = Pictures(root if root.is_dir() else coco.folder_of(root), layout)
    parts, notes = parts_of_files(files_of(root), pictures.root, layout)
    found = Annotations("COCO's JSON", notes=notes)
    for path, said in parts.items():
        whole = coco.lists_of(path)
        if isinstance(whole, ImageError):
            found.problems.append(whole)
            continue
        numbers = _categories(found, path, whole["categories"], whole["annotations"])
        if numbers:
            part = said or "train"
            by_number, missing = coco.images_of(path, whole["images"], part, pictures, found.problems, Annotated)
            _add(found, path, whole["annotations"], numbers, by_number, missing)
            found.parts.setdefault(part, []).extend(by_number.values())
    named = [each.path for own in found.parts.values() for each in own]
    found.notes += pictures.notes(named, "file") if named else []
    return found


def _categories(found: Annotations, path: Path, categories: list[Any], annotations: list[Any]) -> set[Any]:
    """The numbers of the categories whose points are those of the source: those that most individuals have."""
    named: dict[Any, tuple[str, ...]] = {}
    bones: dict[Any, Any] = {}
    for each in categories:
        names = each.get("keypoints") if isinstance(each, dict) else None
        if isinstance(names, list) and names and all(isinstance(name, str) and name.strip() for name in names):
            named[each.get("id")] = tuple(name.strip() for name in names)
            bones[each.get("id")] = each.get("skeleton")
    if not named:
        why = "expected a category that names its keypoints (categories[…].keypoints), found none"
        found.problems.append(ImageError(str(path), why))
        return set()
    counts = Counter(each.get("category_id") for each in annotations if isinstance(each, dict))
    if not found.points:
        by_names = Counter[tuple[str, ...]]()
        for number, names in named.items():
            by_names[names] += counts[number]
        found.points = by_names.most_common(1)[0][0]
    chosen = {number for number, names in named.items() if names == found.points}
    left = sum(counts[number] for number in named if number not in chosen)
    if left:
        told = f"left out: {counted(left, 'individual')} of {path.name} that have other points than most"
        found.notes.append(told)
    if len(chosen) > 1:
        found.notes.append(f"{len(chosen):,} categories of {path.name} have the same points, and are read as one")
    if not chosen:
        why = "its categories name other points than those of the file before it"
        found.problems.append(ImageError(str(path), why))
    found.bones = found.bones or next((_bones(bones[each], len(found.points)) for each in chosen), ())
    return chosen


def _bones(given: Any, number: int) -> Pairs:
    """Lines between points, which COCO counts from 1; none where they are not such."""
    lines = given if isinstance(given, list) else []
    fine = [
        (a - 1, b - 1)
        for a, b in (each for each in lines if isinstance(each, list) and len(each) == 2)
        if isinstance(a, int) and isinstance(b, int) and 0 < a <= number and 0 < b <= number
    ]
    return tuple(fine) if len(fine) == len(lines) else ()


def _add(
    found: Annotations,
    path: Path,
    annotations: list[Any],
    numbers: set[Any],
    by_number: Mapping[Any, Annotated],
    missing: set[Any],
) -> None:
    without = 0
    for place, each in enumerate(annotations, 1):
        if not isinstance(each, dict) or "image_id" not in each:
            found.problems.append(ImageError(str(path), f"annotation {place}: expected an image_id"))
            continue
        if each.get("category_id") not in numbers or each["image_id"] in missing:
            continue
        if each["image_id"] not in by_number:
            why = f"annotation {place}: no image has the id {each['image_id']}"
            found.problems.append(ImageError(str(path), why))
        elif "keypoints" not in each and not each.get("iscrowd"):
            without += 1
        else:
            individual = _individual(each, f"{path}, annotation {place}", len(found.points))
            if isinstance(individual, str):
                found.problems.append(ImageError(str(path), f"annotation {place}: {individual}"))
            else:
                by_number[each["image_id"]].marks.append(individual)
    if without:
        found.notes.append(f"left out: {counted(without, 'annotation')} of {path.name} without keypoints")


def _individual(each: Mapping[str, Any], place: str, number: int) -> Individual | str:
    """An annotation's individual, or why it is none."""
    crowd = bool(each.get("iscrowd"))
    given = each.get("keypoints", [0] * (3 * number) if crowd else None)
    if not (isinstance(given, list) and len(given) == 3 * number and all(map(coco.is_number, given))):
        length = f"{len(given):,} of them" if isinstance(given, list) else str(given)[:60]
        return f"expected 3 numbers (x, y, v) for each of {number} keypoints, received {length}"
    points: list[Point] = []
    for x, y, seen in zip(given[::3], given[1::3], given[2::3], strict=True):
        if seen not in (UNSEEN, HIDDEN, SEEN):
            return f"expected v 0 (unseen), 1 (hidden) or 2 (seen) of each keypoint, received {seen}"
        points.append((x + _MIDDLE, y + _MIDDLE, int(seen)))
    box, area = each.get("bbox"), each.get("area")
    edges = None
    if isinstance(box, list) and len(box) == 4 and all(map(coco.is_number, box)):
        left, top, width, height = map(float, box)
        edges = (left, top, left + width, top + height) if width > 0 < height else None
    own = float(area) if coco.is_number(area) and area > 0 else 0.0  # type: ignore[operator, arg-type]
    return Individual(tuple(points), place, edges, own, crowd)
