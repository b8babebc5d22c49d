"""What a model is given and gives, in the structure that its inputs and outputs were named in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hubel.base.errors import SettingError
from hubel.model.layers.tensor import KerasTensor


def listed(given: Any) -> list[Any]:
    """Return inputs or outputs as a list: of one, of several, of a dict."""
    if isinstance(given, dict):
        return list(given.values())
    return list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]


def names_of(structure: Any, tensors: Sequence[KerasTensor]) -> list[str]:
    """Return the names under which a dict has inputs or outputs: its own, or those of tensors, each once."""
    if isinstance(structure, dict):
        return list(structure)
    times: Counter[str] = Counter()
    found = []
    for tensor in tensors:
        found.append(f"{tensor.name}_{times[tensor.name]}" if times[tensor.name] else tensor.name)
        times[tensor.name] += 1
    return found


def in_order(given: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return what is given for several inputs or outputs, a list or a dict by name, in their order.

    Raises SettingError for another number, and for other names.
    """
    if isinstance(given, dict):
        if set(given) != set(names):
            raise SettingError(f"expected {what} of {', '.join(names)}, received {', '.join(map(str, given))}")
        return [given[name] for name in names]
    if isinstance(given, (list, tuple)) and len(given) == len(names):
        return list(given)
    received = f"a list of {len(given)}" if isinstance(given, (list, tuple)) else f"one {type(given).__name__}"
    raise SettingError(
        f"expected {what} as a list of {len(names)}, or as a dict of {', '.join(names)}, received {received}"
    )


def shaped(structure: Any, found: list[Any]) -> Any:
    """Return outputs as they were named: one, a list, or a dict."""
    if isinstance(structure, dict):
        return dict(zip(structure, found, strict=True))
    return found[0] if structure is None else found


def axes_text(shape: Sequence[int | None]) -> str:
    """Write a shape, "any" for lengths that are not known."""
    return "×".join("any" if axis is None else str(axis) for axis in shape)
