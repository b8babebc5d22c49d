"""What a verb answers: plain data. What draws it stands elsewhere and reads it, never the other way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hubel.base.errors import SettingError
from hubel.base.files import write_atomically
from hubel.view.figure import FORMATS, Figure
from hubel.view.shown import function_at


class Finding:
    """An answer that can be drawn and saved; it shows itself in a notebook.

    drawn_by: the function that draws it, as "module:name", which is given the finding. written_by: functions for files
    of other endings, or other than the figure's, which are given the finding, the ending and the theme.
    """

    drawn_by: ClassVar[str]
    written_by: ClassVar[Mapping[str, str]] = {}

    def figure(self, *how: Any, **more: Any) -> Figure:
        """Draw it."""
        drawn: Figure = function_at(self.drawn_by)(self, *how, **more)
        return drawn

    plate = figure

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
