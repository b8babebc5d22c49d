"""Numbers as hubel writes them: each way has one function."""

from __future__ import annotations


def plural(count: int, word: str) -> str:
    """Write `word` as many as there are: `1 row` is "row", `3 rows` is "3 rows"."""
    return word if count == 1 else f"{count} {word}s"


def counted(count: int, word: str) -> str:
    """Write `1 row`, `3 rows`, `10,000 rows`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
