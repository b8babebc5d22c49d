"""How a source is laid out, where it does not say so by itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from hubel.base.errors import SettingError
from hubel.data.sources.parts import part_of

SPEAKER = "{speaker}"
_PIECES = {"{label}": "(?P<label>.+?)", SPEAKER: "(?P<speaker>.+?)", "{number}": r"\d+", "*": ".*"}
_SPLIT = re.compile(f"({'|'.join(map(re.escape, _PIECES))})")


@dataclasses.dataclass(frozen=True)
class Layout:
    """What to take for what.

    parts: "auto" tells training, validation and test images by the words of folders and columns; "none" takes every
        folder for a class, and every row of a table for training; "train=FOLDER,validation=FOLDER,test=FOLDER" names
        them, for a table by the values of its column.
    labels: where file names say the class, how: "{label}_{number}", with * for anything, {speaker} for who
        speaks; with a slash, of the path.
    image_column, label_column: a table's columns, where their heads do not tell; of labels, several with commas.
    label_kind: "class" takes every different value of the label column for a class, also numbers and lists; "labels"
        and "numbers" are what the tasks multilabel and regression read; "none" takes every image alike.
    image_folder: the folder that a table's paths begin in, where that is not its own.
    known: names of labels or numbers, a line each, as a model has them: columns that are called so are those meant.

    Raises ValueError for what is none of these.
    """

    parts: str = "auto"
    labels: str = ""
    image_column: str = ""
    label_column: str = ""
    label_kind: str = ""
    image_folder: str = ""
    known: str = ""

    def __post_init__(self) -> None:
        self.named_parts()
        if self.labels and (self.labels.count("{label}") != 1 or self.labels.count(SPEAKER) > 1):
            raise SettingError(
                "expected labels as a pattern with {label} in it, such as '{label}_{number}', received "
                f"{self.labels!r}"
            )
        if self.label_kind not in ("", "class", "labels", "numbers", "none"):
            raise SettingError(
                f"expected label_kind 'class', 'labels', 'numbers' or 'none', received {self.label_kind!r}"
            )

    @classmethod
    def of_parts(cls, source: object, others: Mapping[str, object], what: str) -> Layout:
        """The layout of pictures with masks, boxes or points, of which parts alone can be said. Raises SettingError."""
        if set(others) - {"parts"}:
            said = ", ".join(f"--{name.replace('_', '-')}" for name in others if name != "parts")
            raise SettingError(f"{source}: {said} cannot be said of {what}; --parts can")
        return cls(parts=str(others.get("parts", "auto")))

    @property
    def noun(self) -> str:
        """What is read of an image: a label, or a number."""
        return "number" if self.label_kind == "numbers" else "label"

    def named_parts(self) -> Mapping[str, str]:
        """The part of each folder that was named; nothing for "auto" and "none"."""
        if self.parts in ("auto", "none"):
            return {}
        found = {}
        for pair in self.parts.split(","):
            word, sign, folder = pair.partition("=")
            part = part_of(word.strip())
            if not sign or part is None or not folder.strip():
                raise SettingError(
                    "expected parts as auto, none, or train=FOLDER,validation=FOLDER,test=FOLDER, received "
                    f"{self.parts!r}"
                )
            found[folder.strip().strip("/")] = part
        return found

    def label_in(self, path: str) -> str | None:
        """The label that a file's path says by the pattern `labels`; None where it does not fit."""
        return self.words_in(path).get("label")

    def words_in(self, path: str) -> Mapping[str, str]:
        """What a file's path says by the pattern `labels`: "label", and "speaker" where that is asked for; nothing
        where it does not fit.
        """
        pattern = "".join(_PIECES.get(piece) or re.escape(piece) for piece in _SPLIT.split(self.labels) if piece)
        whole = path if "/" in self.labels else path.rpartition("/")[2]
        begin = "(?:.*/)?" if "/" in self.labels else ""
        for text in (re.sub(r"\.[A-Za-z]{1,5}$", "", whole), whole):
            match = re.fullmatch(begin + pattern, text)
            if match:
                return match.groupdict()
        return {}
