"""VOC: an XML file for each picture (Everingham et al. 2010), and lists of the pictures of each part."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

from hubel.base.errors import LimitError
from hubel.base.files import read_bytes
from hubel.base.numbers import counted
from hubel.data import ImageError
from hubel.data.boxes.annotations import Annotated, Annotations, Box, glance, in_order
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.data.sources.part_lists import part_lists
from hubel.data.sources.pictures import Pictures, unmatched

_EDGES = ("xmin", "ymin", "xmax", "ymax")


def recognises(root: Path) -> bool:
    """Whether a folder has XML files that begin as VOC's do."""
    return root.is_dir() and any(map(_is_annotation, islice(glance(root, ".xml"), 20)))


def _is_annotation(path: Path) -> bool:
    with open(path, "rb") as file:
        return b"<annotation" in file.read(1000)


def read(root: Path, layout: Layout) -> Annotations:
    """All XML files below a folder, and `ImageSets/Main`."""
    pictures = Pictures(root, layout)
    files = sorted(each for each in root.rglob("*.xml") if each.is_file() and not each.name.startswith("."))
    there = {each.stem for each in files}
    place, lists, notes = root / "ImageSets" / "Main", dict[str, str](), list[str]()
    if layout.parts == "auto":
        lists, notes = part_lists(place, there | {Path(each).stem for each in pictures.paths})
    unlisted: list[str] = []
    named: list[str] = []
    found = Annotations("VOC's XML", notes=notes)
    names: set[str] = set()
    difficult = 0
    for path in files:
        try:
            tree = _tree(path)
            called = tree.findtext("filename") or path.stem
            near = path.parent.relative_to(root).as_posix()
            picture = pictures.find(called, near if near != "." else "") or pictures.find(path.stem)
            if picture is None:
                raise ImageError(str(path), unmatched(called, pictures))
            boxes = list(_boxes(tree, path))
        except ImageError as error:
            found.problems.append(error)
            continue
        difficult += sum(each.findtext("difficult", "0").strip() == "1" for each in tree.iter("object"))
        names |= {box.name for box in boxes}
        named.append(picture)
        part = lists.get(path.stem) or lists.get(Path(picture).stem) or pictures.part(picture)
        if part or (part is not None and not lists):
            found.parts.setdefault(part or "train", []).append(Annotated(picture, boxes, _size(tree)))
        elif lists:
            unlisted.append(path.name)
    if unlisted:
        found.notes.append(f"left out: {some(unlisted)}, which no list in {place} names")
    if missing := sorted(lists.keys() - there - {Path(each).stem for each in named}):
        found.notes.append(
            f"lists in {place} name {counted(len(missing), 'picture')} without an XML file: {some(missing)}"
        )
    found.notes += [] if lists else pictures.folders.notes()
    found.notes += pictures.notes(named, "XML file")
    if difficult:
        found.notes.append(f"{difficult:,} objects that are marked as difficult count as all others")
    found.classes = in_order(names)
    return found


def _tree(path: Path) -> ElementTree.Element:
    try:
        content = read_bytes(path, "annotations")
    except (LimitError, OSError) as error:
        raise ImageError(str(path), str(error)) from None
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:  # entities that grow without end
        raise ImageError(str(path), "declares entities, which annotations do not need; such files are refused")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise ImageError(str(path), f"is no XML that can be read ({error})") from None


def _size(tree: ElementTree.Element) -> tuple[int, int] | None:
    try:
        height, width = (int(float(tree.findtext(f"size/{side}", "0"))) for side in ("height", "width"))
    except ValueError:
        return None
    return (height, width) if height > 0 and width > 0 else None


def _boxes(tree: ElementTree.Element, path: Path) -> Iterator[Box]:
    for number, each in enumerate(tree.iter("object"), 1):
        place = f"{path}, object {number}"
        name = (each.findtext("name") or "").strip()
        try:
            left, top, right, bottom = (float(each.findtext(f"bndbox/{edge}", "")) for edge in _EDGES)
        except ValueError:
            raise ImageError(str(path), f"expected numbers {', '.join(_EDGES)} in object {number}") from None
        if not name:
            raise ImageError(str(path), f"expected a name of object {number}, received none")
        yield Box(name, left, top, right, bottom, place)
