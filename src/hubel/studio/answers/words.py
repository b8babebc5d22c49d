"""What there is to write: every word of the text form with what it does, and the networks of the zoo."""

from __future__ import annotations

from functools import cache
from typing import Any

from hubel import zoo
from hubel.arch import activations, vocabulary
from hubel.code import FRAMEWORKS


@cache
def known() -> dict[str, Any]:
    """The words of the text form, the activations and the networks of the zoo, for a page to complete from."""
    return {
        "words": [word._asdict() for word in vocabulary()],
        "activations": list(activations()),
        "zoo": [_of_zoo(name) for name in zoo.names()],
        "frameworks": list(FRAMEWORKS),
    }


def network(name: str) -> dict[str, Any]:
    """A network of the zoo: its text form, and its story."""
    entry = zoo.entry(name)
    return {"text": str(zoo.get(name)), "notes": list(entry.notes), "paper": str(entry.paper), **_of_zoo(entry.name)}


def _of_zoo(name: str) -> dict[str, Any]:
    entry = zoo.entry(name)
    return {"name": entry.name, "summary": entry.summary, "from": entry.paper.citation}
