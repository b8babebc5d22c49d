"""How results show themselves: `repr` in a line, `print` as tables, and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hubel.base.words import printable
from hubel.view.words.notebook import figures_html
from hubel.view.words.tables import Table

Part: TypeAlias = "str | Table"


class Result:
    """A result that shows itself by `shown`, whose first part is a line that says what it is.

    A dataclass of this kind is made with repr=False.
    """

    def shown(self) -> Sequence[Part]:
        """Its parts in order: lines and tables, the first a line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return printable(f"<{type(self).__name__} {self.shown()[0]}>")

    def __str__(self) -> str:
        return printable("\n".join(part if isinstance(part, str) else part.plain() for part in self.shown()), "\n")

    def _repr_html_(self) -> str:
        first, *rest = self.shown()
        tables = [(part.titles, part.written()) for part in rest if isinstance(part, Table)]
        return figures_html(str(first), tables, [part for part in rest if isinstance(part, str)])
