"""A network as the page has it, read once however often it is asked about."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from hubel import zoo
from hubel.arch import Report, Source, analyse, source_of


@lru_cache(maxsize=16)
def source(text: str) -> Source:
    """What a text form, or the name of a network of the zoo, stands for. Nothing is read from files.

    Raises what `parse` raises.
    """
    if not (name := named(text)):
        return source_of(text)
    found = zoo.get(name)
    written = source_of(str(found))
    return replace(written, network=replace(written.network, name=found.name))


def named(text: str) -> str | None:
    """The network of the zoo that a text names; None where it is a text form."""
    return zoo.meant(text.strip())


@lru_cache(maxsize=8)
def report(text: str) -> Report:
    """Its figures. Raises what `parse` and `analyse` raise."""
    return analyse(source(text).network)
