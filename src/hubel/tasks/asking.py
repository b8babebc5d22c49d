"""How models of tasks are asked, besides with examples. Nothing here loads torch.

A task says it in `asking` of its folder (`ASKING`), one of another package as its class's `asking`; `hubel predict` and
`LoadedModel.predict` and `make` read it. What says something of examples (`Asking.makes` is empty) has its options as
fields, which are set for once: `Segmentation.windows`. What makes something without examples has them as keywords of
`Task.make`, which returns a `Made`.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.tasks.names import GROUP, TASKS, told

_KINDS: Mapping[str, tuple[Any, str]] = {
    "flag": (bool, "True or False"),
    "text": (str, "a text"),
    "whole": (Integral, "a whole number"),
    "real": (Real, "a number"),
}


@dataclass(frozen=True)
class Option:
    """A setting of how a model is asked: `--name` on the command line. What is not given is not passed on.

    metavar: "" for one that is said or not. least, most: of a number.
    """

    name: str
    help: str
    kind: Literal["flag", "text", "whole", "real"] = "flag"
    metavar: str = ""
    least: float = 0
    most: float = 1_000_000

    def check(self, value: Any, mark: str = "") -> None:
        """Raise SettingError for a value of another kind, or a number out of its range."""
        kind, what = _KINDS[self.kind]
        fits = isinstance(value, kind)
        if self.kind in ("whole", "real"):
            what += f" from {self.least:,} to {self.most:,}"
            fits = fits and not isinstance(value, bool) and self.least <= value <= self.most
        if not fits:
            raise SettingError(f"{mark}{self.name}: expected {what}, received {value!r:.60}")


@dataclass(frozen=True)
class Asking:
    """How models of a task are asked.

    of: which models, in words ("models that write"). makes: what they do without examples ("writes"); "" for those that
    answer about examples. endings: of files for what is made. usual: where it is written if nothing is said; "" where
    it is printed as it comes. folder: whether a folder can hold it. tells: whether `Task.make` takes a `progress`, and
    tells it how far it is. pictures: of an answer, by what they are.
    """

    of: str
    makes: str = ""
    options: tuple[Option, ...] = ()
    endings: tuple[str, ...] = ()
    usual: str = ""
    folder: bool = False
    tells: bool = False
    pictures: tuple[str, ...] = ()


VIEWS = Option(
    "views",
    "1: what the network says of a picture; 2: the mean of that and of what it says of it mirrored left to right, in "
    "twice the time (default: as training measured)",
    "whole",
    "N",
    least=1,
    most=2,
)


class Made(abc.ABC):
    """What a model made."""

    @abc.abstractmethod
    def data(self) -> dict[str, Any]:
        """Plain values, besides files."""

    @abc.abstractmethod
    def write(self, place: Path) -> list[Path]:
        """Write it to a file of one of the task's endings, or a folder, and return the files."""

    def pieces(self) -> Iterator[str]:
        """It as text, as it comes, where it can be printed."""
        return iter(())

    def words(self) -> str:
        """What was written, in a few words; "" where nothing is to be said of it."""
        return ""


def asking_of(task: str) -> Asking:
    """Return how models of a task of that name are asked."""
    found: Asking = told(task, "asking", Asking(f"models for {task}"))
    return found


def all_asking() -> Mapping[str, Asking]:
    """Return how models of all tasks are asked, by the tasks' names; without those that cannot be imported."""
    found = {}
    for name in (*TASKS, *(each.name for each in entry_points(group=GROUP))):
        with suppress(SettingError, LookupError):
            found[name] = asking_of(name)
    return found


def check_options(task: str, given: Mapping[str, Any], mark: str = "") -> None:
    """Raise SettingError for an option that models of a task do not have, and for a value that is none of its. mark:
    before its name, as it was said.
    """
    own = {each.name: each for each in asking_of(task).options}
    for name, value in given.items():
        if name in own:
            own[name].check(value, mark)
            continue
        others = [each.of for each in all_asking().values() if any(name == option.name for option in each.options)]
        if others:
            raise SettingError(f"{mark}{name} is for {' and '.join(others)}, and this one is for {task}")
        raise SettingError(f"{mark}{name}: models for {task} have no such option{did_you_mean(name, own)}")
