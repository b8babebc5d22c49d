"""Data sets of the Hugging Face hub, read through its own library."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from hubel.base.errors import DataError
from hubel.data.decode.image import ImageError
from hubel.data.sources.listing import Item, Listing, make_listing
from hubel.data.sources.parts import part_and_rest


@dataclasses.dataclass(frozen=True, eq=False)
class RowItem:
    """The image in one row of a table."""

    table: Any
    row: int
    column: str
    name: str

    @property
    def place(self) -> tuple[str, str]:
        """No file of ours: the table's fingerprint stands for its content."""
        return "", f"{self.table._fingerprint}:{self.row}:{self.column}"

    def read(self) -> bytes:
        """The image's encoded bytes."""
        value = self.table[self.row][self.column]
        try:
            if value.get("bytes") is not None:
                return bytes(value["bytes"])
            with open(value["path"], "rb") as file:
                return file.read()
        except (OSError, TypeError, AttributeError) as error:
            raise ImageError(self.name, f"cannot be had from the table ({error})") from None


def list_hub(name: str) -> Listing:
    """The listing of a hub data set by its name, "owner/name" or "owner/name:configuration", or of a local folder that
    the library reads. Its splits are the parts; the first image column and the first class column are taken.

    Raises ModuleNotFoundError with the line that installs the library where that is missing.
    """
    try:
        import datasets
    except ImportError:
        raise ModuleNotFoundError(
            "data sets of the Hugging Face hub need the package datasets, which is not installed; "
            "install it with: pip install 'hubel[hub]'",
            name="datasets",
        ) from None
    repository, _, configuration = name.partition(":")
    tables = datasets.load_dataset(repository, configuration or None)
    found: list[tuple[str, str, Item]] = []
    notes: list[str] = []
    for split, table in tables.items():
        part = part_and_rest(split)[0]
        if part is None:
            notes.append(f"left out: the split {split} ({len(table):,}), of no part")
            continue
        image, label, names = _columns(name, table.features)
        labels = table[label]
        encoded = table.cast_column(image, datasets.Image(decode=False))
        found += [
            (part, names[value] if names else str(value), RowItem(encoded, row, image, f"hf:{name} {split} row {row}"))
            for row, value in enumerate(labels)
        ]
    return make_listing(f"hf:{name}", found, notes)


def _columns(name: str, features: Any) -> tuple[str, str, list[str] | None]:
    kinds = {column: type(feature).__name__ for column, feature in features.items()}
    image = next((column for column, kind in kinds.items() if kind == "Image"), None)
    label = next((column for column, kind in kinds.items() if kind == "ClassLabel"), None)
    label = label or next((column for column in ("label", "labels", "class", "fine_label") if column in kinds), None)
    if image is None or label is None:
        raise DataError(f"hf:{name}: expected a column of images and one of classes, found {json.dumps(kinds)}")
    names = getattr(features[label], "names", None)
    return image, label, list(names) if names else None
