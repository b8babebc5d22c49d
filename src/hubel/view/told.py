"""Lines of a finding for a terminal, as data; what draws them is imported when it does."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Line: TypeAlias = "str | Any"
"""Words, or what rich renders: a `Styled`, `Columns`, or a renderable of its own."""


@dataclass(frozen=True, init=False)
class Styled:
    """Words in a template with rich's markup, as in `Styled("[bold]{}[/]: {:.1%}", name, share)`."""

    template: str
    values: tuple[object, ...]

    def __init__(self, template: str, *values: object) -> None:
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "values", values)

    def __rich__(self) -> Any:
        return _terminal().styled(self.template, *self.values)


@dataclass(frozen=True)
class Columns:
    """A table without lines, `gap` letters between columns; a title that starts with `#` is that of numbers."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str | Styled]]
    gap: int = 2

    def __rich__(self) -> Any:
        return _terminal().table(*self.titles, rows=self.rows, gap=self.gap)


def _terminal() -> Any:
    return importlib.import_module("hubel.view.terminal")
