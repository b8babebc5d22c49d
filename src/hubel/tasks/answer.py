"""What a model says of one image. Nothing here loads torch, since what answers need not be PyTorch."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.base.words import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Answer(abc.ABC):
    """What a model says of one image, in the image's own coordinates."""

    @abc.abstractmethod
    def data(self) -> dict[str, Any]:
        """Plain values."""

    @abc.abstractmethod
    def words(self) -> tuple[str, ...]:
        """The main thing, and more, as columns of a line."""

    def __str__(self) -> str:
        return printable("  ".join(filter(None, self.words())), "\n")

    def __repr__(self) -> str:
        return f"<{self}>"

    def row(self) -> Mapping[str, Any]:
        """Its cells in a table with a row an image, by title; a title that begins with # is of numbers. By default what
        of its data is a word or a number.
        """
        plain = ((name, value) for name, value in self.data().items() if isinstance(value, (str, int, float)))
        return {name if isinstance(value, str) else f"#{name}": value for name, value in plain}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Its rows in a table: of most tasks one an image."""
        return [self.row()]

    def above(self, threshold: float) -> Answer:
        """The answer with what is less probable left out. Raises ValueError where that means nothing."""
        raise SettingError("a threshold is of classes and labels of images, which this model's answers are not")

    def pictures(self) -> Mapping[str, npt.NDArray[np.uint8]]:
        """Pictures to be written, by what they are ("mask", "overlay"): uint8 H×W or H×W×3. Of most tasks, none."""
        return {}


@dataclass(frozen=True, repr=False)
class Named(Answer):
    """The likeliest classes of an image, with their probabilities, the likeliest first."""

    likeliest: tuple[tuple[str, float], ...]

    @property
    def class_name(self) -> str:
        """The likeliest class."""
        return self.likeliest[0][0]

    @property
    def probability(self) -> float:
        """Of the likeliest class, 0 to 1."""
        return self.likeliest[0][1]

    def data(self) -> dict[str, Any]:
        """The likeliest class, and all that were asked for."""
        top = [{"class": name, "probability": round(p, 6)} for name, p in self.likeliest]
        return {**top[0], "top": top}

    def words(self) -> tuple[str, ...]:
        """The likeliest class, its probability, and the others."""
        (name, probability), *others = self.likeliest
        return name, f"{probability:.1%}", "  ".join(f"{other} {p:.1%}" for other, p in others)

    def row(self) -> dict[str, Any]:
        """The classes and their probabilities in turns, the likeliest first."""
        data, cells = self.data(), dict[str, Any]()
        for number, each in enumerate(data["top"], 1):
            last = f" {number}" if number > 1 else ""
            cells |= {f"class{last}": each["class"], f"#probability{last}": each["probability"]}
        return {**cells, "class": data["class"]}

    def above(self, threshold: float) -> Named:
        """The same, or one without a class."""
        return self if round(self.likeliest[0][1], 6) >= threshold else Unsure(self.likeliest)


@dataclass(frozen=True, repr=False)
class Unsure(Named):
    """The likeliest classes of an image that is in none of them with enough probability."""

    def data(self) -> dict[str, Any]:
        """No class, and all that were asked for."""
        return {**super().data(), "class": None}

    def words(self) -> tuple[str, ...]:
        """A question mark, and what would have been said."""
        name, probability, others = super().words()
        return "?", f"{name} {probability}", others


@dataclass(frozen=True)
class Said(Answer):
    """A value by its name, with the words for it."""

    name: str
    value: Any
    text: str

    def data(self) -> dict[str, Any]:
        """The value by its name."""
        return {self.name: self.value}

    def words(self) -> tuple[str, ...]:
        """The words."""
        return (self.text,)
