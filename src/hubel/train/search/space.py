"""What a search may try: a range or a list of values for each setting of a recipe, as plain text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hubel.base.errors import SettingError
from hubel.train.recipe.recipe import Recipe

Value: TypeAlias = int | float | str


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of these values."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.values))


@dataclasses.dataclass(frozen=True)
class Range:
    """From `low` to `high`, both possible; on a logarithmic scale with `log`. Whole where both are."""

    low: int | float
    high: int | float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low}:{self.high}" + (":log" if self.log else "")


Space: TypeAlias = Mapping[str, Choice | Range]


def default_space(recipe: Recipe) -> dict[str, Choice | Range]:
    """What matters most, around a recipe: the rate from an eighth to four times, half to double batches, the rule of
    update, and how much targets are smoothed, where they are.
    """
    rate, batch = recipe.learning_rate, recipe.batch_size
    optimizers = dict.fromkeys((recipe.optimizer, "adam", "muon"))
    return {
        "learning_rate": Range(rate / 8, rate * 4, log=True),
        "batch_size": Choice((max(1, batch // 2), batch, batch * 2)),
        "optimizer": Choice(tuple(optimizers)),
        **({"label_smoothing": Range(0.0, 0.15)} if recipe.label_smoothing else {}),
    }


def parse_space(words: Iterable[str], recipe: Recipe) -> dict[str, Choice | Range]:
    """The space that words such as "learning_rate=0.001:0.1:log", "batch_size=32:256" and "optimizer=sgd,muon" mean.

    Raises ValueError for what is not of this form, or what the recipe does not take.
    """
    space: dict[str, Choice | Range] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign or not text:
            raise SettingError(f"expected NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE,VALUE…, received {word!r}")
        found = _parsed(word, text)
        space[name] = _checked(name, found, recipe)
    return space


def _parsed(word: str, text: str) -> Choice | Range:
    bounds = text.split(":")
    if len(bounds) == 1:
        return Choice(tuple(dict.fromkeys(map(parse_value, text.split(",")))))
    low, high = parse_value(bounds[0]), parse_value(bounds[1])
    log = bounds[2:] == ["log"]
    if isinstance(low, str) or isinstance(high, str) or not low < high or (bounds[2:] and not log):
        raise SettingError(
            f"expected a range LOW:HIGH or LOW:HIGH:log of numbers with LOW below HIGH, received {word!r}"
        )
    if log and low <= 0:
        raise SettingError(f"expected a logarithmic range that begins above 0, received {word!r}")
    return Range(low, high, log)


def _checked(name: str, found: Choice | Range, recipe: Recipe) -> Choice | Range:
    """Try the values on the recipe, which also says whether a setting is whole."""
    values = found.values if isinstance(found, Choice) else (found.low, found.high)
    taken = [getattr(recipe.replace(**{name: value}), name) for value in values]
    return Choice(tuple(taken)) if isinstance(found, Choice) else Range(taken[0], taken[1], found.log)


def parse_value(text: str) -> Value:
    """A whole number, a number, or a word."""
    text = text.strip()
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return float(text)
    return text


def holds(space: Space, name: str, value: Any) -> bool:
    """Whether a setting's value is one of those that are tried."""
    values = space[name]
    return value in values.values if isinstance(values, Choice) else values.low <= value <= values.high


def space_from_json(fields: Mapping[str, Mapping[str, Any]]) -> Space:
    """The space that was stored with a study."""
    return {
        name: Choice(tuple(values["values"])) if "values" in values else Range(**values)
        for name, values in fields.items()
    }
