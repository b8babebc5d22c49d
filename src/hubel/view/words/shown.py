"""What shows itself in a notebook without knowing how."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar


class Shown:
    """What shows itself in a notebook. shown_by: the function that writes it as HTML, as "module:name", which is given
    it: that stands elsewhere and reads it, never the other way.
    """

    __slots__ = ()
    shown_by: ClassVar[str]

    def _repr_html_(self) -> str:
        html: str = function_at(self.shown_by)(self)
        return html


def function_at(place: str) -> Any:
    """The function "module:name", loaded when it is wanted."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
