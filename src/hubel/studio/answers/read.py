"""A network as the page has it, read once however often it is asked about."""

from __future__ import annotations

from functools import lru_cache

from hubel import zoo
from hubel.arch import Report, Source, analyse, source_of


@lru_cache(maxsize=16)
def source(text: str) -> Source:
    """What a text form, or the name of a network of the zoo, stands for. Nothing is read from files.

    Raises what `parse` raises.
    """
    name = zoo.meant(text.strip())
    return source_of(str(zoo.get(name)) if name else text)


@lru_cache(maxsize=8)
def report(text: str) -> Report:
    """Its figures. Raises what `parse` and `analyse` raise."""
    return analyse(source(text).network)
