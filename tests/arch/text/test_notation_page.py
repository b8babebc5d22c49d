"""docs/notation.md lists every layer of the registry, with its settings."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

from hubel.arch import Activation
from hubel.arch import layers as all_layers
from hubel.arch.layers.activation import NAMES

PAGE = Path(__file__).parents[3] / "docs" / "notation.md"


def table() -> str:
    rows = ["| word | layer | settings |", "| --- | --- | --- |"]
    kinds = [getattr(all_layers, name) for name in all_layers.__all__]
    for kind in sorted((kind for kind in kinds if kind is not Activation), key=lambda kind: kind.word):
        positional = [name.rstrip("*") for name in kind.positional]
        own = {f.name: f for f in fields(kind) if f.name not in ("name", "input_shape")}
        words = [" ".join((kind.word, *(name.upper() for name in positional)))]
        named = [
            name if own[name].default is MISSING else f"{name}={own[name].default}"
            for name in sorted(own)
            if name not in positional
        ]
        rows.append(
            f"| `{words[0]}` | {kind.__name__} | {', '.join(f'`{name}`' for name in named)} |".replace("|  |", "| |")
        )
    return "\n".join(rows)


def test_every_word_is_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page
    assert ", ".join(f"`{name}`" for name in NAMES) in page
