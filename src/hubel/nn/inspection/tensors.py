"""The tensors inside of what functions are given and return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

from hubel.nn.inspection.report import TensorShape


def shapes_of(value: Any) -> tuple[TensorShape, ...]:
    """Return the shapes of all tensors inside."""
    return tuple(tuple(tensor.shape) for tensor in tensors_in(value))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Walk over all tensors inside tuples, lists, dictionaries, and objects that hold their fields as attributes."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)


def replaced(value: Any, by: Callable[[Tensor], Tensor]) -> Any:
    """Return the same structure with every tensor replaced."""
    if isinstance(value, Tensor):
        return by(value)
    if isinstance(value, dict):
        return {key: replaced(item, by) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(replaced(item, by) for item in value))
    if isinstance(value, (tuple, list)):
        return type(value)(replaced(item, by) for item in value)
    return value


def returned(value: Any) -> Iterator[Tensor]:
    """Walk over all tensors that something holds: in containers, and in attributes of objects."""
    waiting, known = [value], dict[int, Any]()
    while waiting:
        one = waiting.pop()
        if id(one) in known:
            continue
        known[id(one)] = one
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, (tuple, list, set, frozenset)):
            waiting += one
        elif not isinstance(one, (nn.Module, type, FunctionType, MethodType, ModuleType)):
            waiting += getattr(one, "__dict__", {}).values()


def written_by(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
    """Walk over the tensors that an operation writes into, by what it says of itself."""
    if not func._schema.is_mutable:
        return
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from tensors_in(args[place] if place < len(args) else kwargs.get(argument.name))
