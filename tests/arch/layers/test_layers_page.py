"""docs/layers.md says of every layer what it does, in the words of its docstring."""

from __future__ import annotations

from pathlib import Path

from hubel.arch import layers as all_layers

PAGE = Path(__file__).parents[3] / "docs" / "layers.md"


def table() -> str:
    rows = ["| layer | word | what it does |", "| --- | --- | --- |"]
    for name in sorted(all_layers.__all__):
        kind = getattr(all_layers, name)
        told = " ".join(kind.__doc__.split("\n\n")[0].split()).replace("|", r"\|")
        rows.append(f"| `{name}` | `{kind.word}` | {told} |")
    return "\n".join(rows)


def test_every_layer_is_on_the_page() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
