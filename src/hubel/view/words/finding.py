"""What a verb answers: plain data that is told in a terminal and in files, and may be drawn as well.

What draws it stands elsewhere and reads it, never the other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hubel.base.errors import SettingError
from hubel.base.files import write_atomically
from hubel.view.figures.figure import FORMATS, Figure
from hubel.view.words.result import Part, Result
from hubel.view.words.shown import function_at
from hubel.view.words.tables import Table
from hubel.view.words.told import Line


class Finding(Result):
    """An answer: what came of it, plain data, lines, tables."""

    @property
    def outcome(self) -> str:
        """What came of it, in a line or two; empty where `lines` say it."""
        return ""

    def data(self) -> Any:
        """All of it as plain values, for JSON."""
        raise NotImplementedError

    def lines(self, width: int = 160) -> Iterable[Line]:
        """What a terminal of so many letters is shown besides: words, or what rich renders."""
        return (part if isinstance(part, str) else part.plain() for part in self.shown())

    def tables(self) -> Sequence[Table]:
        """What files of tables hold."""
        return [part for part in self.shown() if isinstance(part, Table)]


class Drawn(Finding):
    """An answer that can be told, drawn and saved; it shows itself in a notebook.

    drawn_by: the function that draws it, as "module:name", which is given the finding. written_by: functions for files
    of other endings, or other than the figure's, which are given the finding, the ending and the theme.
    """

    drawn_by: ClassVar[str]
    written_by: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        cls.__repr__ = Drawn.__repr__  # type: ignore[method-assign]  # before a dataclass writes its arrays out

    def __repr__(self) -> str:
        said = [f"{name}={value!r}" for name, value in vars(self).items() if _is_short(value)]
        return f"<{type(self).__name__} {', '.join(said)}>"

    def __str__(self) -> str:
        return repr(self)

    def shown(self) -> Sequence[Part]:
        """What came of it."""
        return [self.outcome]

    def lines(self, width: int = 160) -> Iterable[Line]:
        """What a terminal of so many letters is shown besides the outcome; of what is only drawn, nothing."""
        return ()

    def figure(self, *how: Any, **more: Any) -> Figure:
        """Draw it."""
        drawn: Figure = function_at(self.drawn_by)(self, *how, **more)
        return drawn

    plate = figure  # the name that it had before

    def written(self, ending: str, theme: str = "auto", **how: Any) -> str | bytes:
        """What a file of this ending holds. Raises SettingError for one that there is none of."""
        writer = self.written_by.get(ending.lower())
        if writer is not None:
            found: str | bytes = function_at(writer)(self, ending.lower(), theme, **how)
            return found
        endings = [*dict.fromkeys((*self.written_by, *FORMATS))]
        if ending.lower() not in endings:
            raise SettingError(f"expected a file that ends with {', '.join(endings)}, received {ending!r}")
        return self.figure(**how).written(ending, theme)

    def save(self, path: str | Path, theme: str = "auto", **how: Any) -> Path:
        """Write a file, whole or not at all; its ending says which. Raises SettingError for another."""
        target = Path(path)
        write_atomically(target, self.written(target.suffix or target.name, theme, **how))
        return target

    def _repr_html_(self) -> str:
        return self.figure()._repr_html_()


def _is_short(value: Any) -> bool:
    """Whether a value is a word or a number, or a few of them."""
    if isinstance(value, (tuple, list)):
        return 0 < len(value) <= 8 and all(_is_short(each) and not isinstance(each, (tuple, list)) for each in value)
    return isinstance(value, (int, float)) or (isinstance(value, str) and len(value) <= 60)
