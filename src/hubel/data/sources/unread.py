"""What lies beside images: files that are not read, and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from hubel.data.decode.image import UNREAD_SUFFIXES
from hubel.data.sources.listing import has_suffix, is_image_path, some
from hubel.data.sources.parts import words_of

TEXTS = (".txt", ".text", ".md", ".tex")  # endings of what a network may learn to write
_BESIDES = (  # endings of files that lie beside images, and are none
    ".txt .csv .tsv .json .jsonl .xml .yaml .yml .toml .md .rst .html .htm .log .ini .cfg .db .py .ipynb .sh .npy .npz "
    ".pt .pth .safetensors .onnx .h5 .keras .pkl .mat .sha256 .md5 .url .lnk .tmp .cls .bib .tex"
)
_BESIDE = frozenset(_BESIDES.split())
_LISTS = frozenset(
    ("label", "labels", "list", "class", "classes", "train", "val", "test", "annotations", "images", "files")
)


def unread_kinds(paths: Iterable[str]) -> str:
    """The files that may be images and are none that can be read, in words: ".mp4 (3), .pdf (1)"; "" for none."""
    counts = Counter(filter(None, map(_unread_kind, paths)))
    return (
        f"files of kinds {some((f'{kind} ({count:,})' for kind, count in counts.most_common()), 4)}" if counts else ""
    )


def _unread_kind(path: str) -> str:
    """The ending of a file that may be an image, and is none that can be read; "" of what lies beside images."""
    kind = Path(path).suffix.lower()
    other = "/" in path and kind not in _BESIDE and not is_image_path(path)
    return (kind or "without an ending") if has_suffix(path, UNREAD_SUFFIXES | ({kind} if other else set())) else ""


def may_be_table(path: str) -> bool:
    """Whether a file at the root is called as tables of labels are."""
    kind = Path(path).suffix.lower()
    listed = kind == ".txt" and not _LISTS.isdisjoint(words_of(Path(path).stem))
    return "/" not in path and not path.startswith(".") and (listed or kind in (".csv", ".tsv", ".jsonl"))
