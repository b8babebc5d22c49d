"""Names of layers, as Keras gives them and as the tree takes them."""

from __future__ import annotations

import re
from collections import Counter

_names: Counter[str] = Counter()


def automatic_name(kind: str) -> str:
    """Return Keras's name for the next unnamed layer of a class: conv2d, conv2d_1, …"""
    snake = snake_case(kind)
    _names[snake] += 1
    return snake if _names[snake] == 1 else f"{snake}_{_names[snake] - 1}"


def snake_case(name: str) -> str:
    """Return a class's name as Keras writes it for a layer: MaxPooling2D is max_pooling2d."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def forget_names() -> None:
    """Begin anew with numbers of names."""
    _names.clear()


def identifier(name: str) -> str:
    """Return a name as the tree takes it: of letters, digits and underscores."""
    found = re.sub(r"\W", "_", name, flags=re.ASCII)
    return found if found.isidentifier() else f"_{found}"
