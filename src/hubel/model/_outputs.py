"""What a model is given and gives, in the structure and order of axes that Keras has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from hubel.base.errors import SettingError
from hubel.model._graph import Assembled
from hubel.model.layers.arrays import last


def finished(whole: Assembled, found: Tensor) -> Tensor:
    """Return a module's output as Keras has it: channels last, and a flattened picture row by row."""
    if whole.flattened is None:
        return last(found)
    *places, channels = whole.flattened
    return found.reshape(len(found), channels, *places).movedim(1, -1).flatten(1)


def keeping(seen: dict[int, Tensor], key: int) -> Any:
    """Return a hook that puts what a module gives under a key."""

    def keep(_: nn.Module, __: Any, given: Tensor) -> None:
        seen[key] = given

    return keep


def single(inputs: Any) -> Any:
    if isinstance(inputs, dict):
        inputs = list(inputs.values())
    if isinstance(inputs, (list, tuple)):
        if len(inputs) != 1:
            raise SettingError(
                f"expected a model of one input, received {len(inputs)}: a tree has one; put what belongs together "
                "into one array, or train in PyTorch"
            )
        return inputs[0]
    return inputs


def is_single(outputs: Any) -> bool:
    return isinstance(outputs, (list, tuple)) and len(outputs) == 1


def shaped(structure: Any, found: list[Any]) -> Any:
    if isinstance(structure, dict):
        return dict(zip(structure, found, strict=True))
    return found


def axes_text(shape: Sequence[int | None]) -> str:
    return "×".join("any" if axis is None else str(axis) for axis in shape)
