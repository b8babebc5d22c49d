"""Which sentences belong to which pictures: tables with a line a sentence, COCO's JSON of captions, texts beside."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.base.files import read_bytes
from hubel.base.names import listing
from hubel.data.boxes.annotations import glance
from hubel.data.captions.beside import are_beside, sentences_of, texts_of
from hubel.data.decode.image import SUFFIXES, ImageError
from hubel.data.sources.layout import Layout
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.parts import words_of
from hubel.data.sources.pictures import Pictures, unmatched
from hubel.data.sources.tables.heads import names_images, names_labels
from hubel.data.sources.tables.read import decoded, read_table, separated
from hubel.data.sources.tables.rows import parts_of_rows

_WORDS = (
    "caption captions sentence sentences comment comments legenda legendas frase frases beschreibung satz légende "
    "legende descripción descricao descrição 标题 描述 句子"
)
_HEADS = frozenset(_WORDS.split())
_NUMBERS = frozenset(("number", "id", "index", "no"))  # "comment_number" holds no sentence
_TABLES, _JSON = (".csv", ".tsv", ".txt", ".jsonl"), ".json"
_GLANCE = 2**16  # bytes by which a file is known
_COCO = re.compile(rb'"caption"\s*:\s*"')


class _Columns(NamedTuple):
    image: int
    caption: int
    headed: bool


@dataclass
class Told:
    """What a source says: each picture's sentences, in order, by parts. notes: what was decided. problems: lines whose
    pictures are not there. empty, twice: sentences that are left out, without words or said twice of a picture.
    """

    parts: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[ImageError] = field(default_factory=list)


def recognises(source: str | os.PathLike[str]) -> bool:
    """Whether a path is a table or a JSON of captions, or a folder with one or with texts beside pictures."""
    root = Path(source).expanduser()
    if root.is_file():
        return bool(files_of(root))
    return root.is_dir() and (any(map(_is_captions, glance(root, *_TABLES, _JSON, deep=1))) or are_beside(root))


def files_of(root: Path) -> list[Path]:
    """The files of captions that a path is, or that lie in a folder and the folders in it."""
    if root.is_file():
        return [root] if _is_captions(root) else []
    return sorted(path for path in glance(root, *_TABLES, _JSON, deep=1) if _is_captions(path))


def _is_captions(path: Path) -> bool:
    if path.suffix.lower() not in (*_TABLES, _JSON):
        return False
    with open(path, "rb") as file:
        start = file.read(_GLANCE)
        if path.suffix.lower() in (_JSON, ".jsonl"):
            if _COCO.search(start):
                return True
            file.seek(max(len(start), path.stat().st_size - _GLANCE))
            return _COCO.search(file.read(_GLANCE)) is not None
    if b"\0" in start[4:] and start[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return False
    head = decoded(start)[0]
    whole = head.rpartition("\n")[0]
    rows = [row for _, row in separated(whole if "\n" in whole else head) if any(row)][:2]  # one may be very long
    columns = _columns(rows) if rows else None
    return columns is not None and (len(rows) == 2 or columns.headed)


def _columns(rows: Sequence[Sequence[str]]) -> _Columns | None:
    """Where pictures and sentences stand; None where there are none, or a column of labels besides."""
    heads = [head.strip() for head in rows[0]]
    captions = [n for n, head in enumerate(heads) if _HEADS & {*words_of(head)} and not _NUMBERS & {*words_of(head)}]
    images = [n for n, head in enumerate(heads) if names_images(head) and n not in captions]
    if captions and images:
        labels = any(names_labels(head) for n, head in enumerate(heads) if n not in (captions[0], images[0]))
        return None if labels else _Columns(images[0], captions[0], True)
    called = re.sub(r"#\d+$", "", heads[0])
    if len(heads) == 2 and called != heads[0] and Path(called).suffix.lower() in SUFFIXES:
        return _Columns(0, 1, False)  # Flickr8k.token.txt: NAME.jpg#0, a tab, the sentence
    return None


def read(root: Path, layout: Layout) -> Told:
    """All sentences of a source. Raises DataError where there are none, or none of a picture that is there."""
    files = files_of(root)
    tables = [path for path in files if path.suffix.lower() != _JSON]
    pictures = Pictures(root if root.is_dir() else root.parent, layout, tables=tables)
    parts, notes = parts_of_files(files, pictures.root, layout)
    texts = {} if files else texts_of(pictures.root, pictures.paths)
    if not files and not texts:
        raise DataError(
            f"{root}: expected a table with a column of pictures and one of captions (image,caption; a line a "
            "sentence), COCO's JSON of captions, or text files of the pictures' names beside them, found none"
        )
    found, by_folders = Told(notes=notes), False
    for path, named in (*parts.items(), *((text, "") for text in texts)):
        if path in texts:
            lines = _of_text(path, texts[path], found.notes)
        else:
            lines = (
                _of_json(path, found.notes)
                if path.suffix.lower() == _JSON
                else _of_table(path, pictures.columns, found.notes)
            )
        near = path.parent.relative_to(pictures.root).as_posix()
        for place, called, sentence, said in lines:
            own = said or named
            picture = called if path in texts else pictures.find(called, "" if near == "." else near, own)
            if picture is None:
                found.problems.append(ImageError(place, unmatched(called, pictures)))
                continue
            by_folders |= not own
            part = own or pictures.part(picture)
            if part is not None:
                found.parts.setdefault(part or "train", {}).setdefault(picture, []).append(sentence)
    if not found.parts:
        if not found.problems:
            raise DataError(f"{listing(files, 3)}: expected lines with a picture and a sentence, found none")
        raise DataError(f"{root}: expected pictures of the captions' names, found none; the first: {found.problems[0]}")
    found.notes += pictures.folders.notes() if by_folders else []
    found.notes += pictures.notes([each for own in found.parts.values() for each in own], "caption")
    return found


_Line = tuple[str, str, str, str]  # its place, the picture, the sentence, the part


def _of_table(path: Path, layout: Layout | None, notes: list[str]) -> Iterator[_Line]:
    rows, read = read_table(path)
    columns = _columns([row for _, row in rows[:2]])
    if columns is None:
        raise DataError(f"{path}: expected a column of pictures and one of captions, found {', '.join(rows[0][1])}")
    heads, body = rows[0][1], rows[1:] if columns.headed else rows
    used = (columns.image, columns.caption)
    left = [n for n, head in enumerate(heads) if columns.headed and head and n not in used]
    told = parts_of_rows(path, heads, body, left, layout)
    notes += [f"{path.name}: {note}" for note in (*read, *([told.said, told.left_out] if told.columns else [])) if note]
    for place, (number, row) in enumerate(body):
        cells = [*row, *[""] * (len(heads) - len(row))]
        if len(row) > len(heads) and columns.caption == len(heads) - 1:  # commas that nobody quoted
            cells[columns.caption] = ", ".join(row[columns.caption :])
        part = told.parts[place] if told.columns else ""
        if part is not None:
            called = re.sub(r"#\d+$", "", cells[columns.image])
            for sentence in _several(cells[columns.caption]):
                yield f"{path}:{number}", called, sentence, part


def _of_text(path: Path, picture: str, notes: list[str]) -> Iterator[_Line]:
    for number, sentence in sentences_of(path, notes):
        yield f"{path}:{number}", picture, sentence, ""


def _several(cell: str) -> list[str]:
    """The sentences of a cell: one, or those of a list as JSON writes it."""
    if cell.startswith("["):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            return [cell]
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return found
    return [cell]


def _of_json(path: Path, notes: list[str]) -> Iterator[_Line]:
    """COCO's captions: pictures by their numbers, and a sentence each; or a list of objects."""
    try:
        whole = json.loads(decoded(read_bytes(path, "annotations"))[0])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON ({error})") from None
    if isinstance(whole, list):
        yield from _of_table(path, Layout(), notes)
        return
    lists = [whole.get(name) if isinstance(whole, dict) else None for name in ("images", "annotations")]
    if not all(isinstance(each, list) for each in lists):
        raise DataError(f"{path}: expected COCO's lists images and annotations, found other things")
    images, annotations = ([each for each in own or [] if isinstance(each, dict)] for own in lists)
    names = {str(each.get("id")): each["file_name"] for each in images if isinstance(each.get("file_name"), str)}
    for place, each in enumerate(annotations):
        sentence, number = each.get("caption"), str(each.get("image_id"))
        if "caption" in each:  # null and what else is no sentence are captions without a word
            said = sentence if isinstance(sentence, str) else str(sentence) if type(sentence) in (int, float) else ""
            where = f"{path}, annotations[{place}]"
            yield where, names.get(number, f"number {number}, which images does not list"), said, ""
