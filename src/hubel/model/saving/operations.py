"""Functions of tensors as plain values, and back, as Keras 3 writes them: those of `hubel.model.ops`, and no others."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model import ops
from hubel.model.layers.names import snake_case
from hubel.model.layers.operations import Operation
from hubel.model.layers.tensor import KerasTensor

_PYTHON: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
}  # fmt: skip
_MASKS = ("NotEqual", "Any")  # by which Embedding and Masking say which steps are known


def is_operation(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of a config is a function rather than a layer."""
    return str(entry.get("module") or "").startswith(("keras.src.ops", "keras.ops"))


def operated(entry: Mapping[str, Any], node: Mapping[str, Any], given: Mapping[tuple[str, int], KerasTensor]) -> Any:
    """Return the tensor that a function gives. Raises SettingError for one that is not here."""
    word = snake_case(entry["class_name"])
    if word not in ops.__all__:
        raise SettingError(f"expected functions of hubel.model.ops, received {word}{did_you_mean(word, ops.__all__)}")
    args = [_value(each, given) for each in node.get("args") or ()]
    kept = {name: value for name, value in (entry.get("config") or {}).items() if name not in ("name", "dtype")}
    settings = {**kept, **{name: _value(each, given) for name, each in (node.get("kwargs") or {}).items()}}
    shapes = {each.shape for each in args if isinstance(each, KerasTensor)}
    if word in _PYTHON and len(args) == 2 and len(shapes) == 1 and not settings:
        return _PYTHON[word](*args)
    found = getattr(ops, word)(*args, **settings)
    if not isinstance(found, KerasTensor):
        raise SettingError(f"expected {word} to be called on tensors and to give one, received another")
    return found


def check_mask(node: Any, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise SettingError where a layer is called with a mask that no Embedding and no Masking made."""
    said = (node.get("kwargs") or {}).get("mask") if isinstance(node, Mapping) else None
    for each in said if isinstance(said, list) else [said]:
        source = each["config"]["keras_history"][0] if isinstance(each, Mapping) else None
        if source is not None and entries[source]["class_name"] not in _MASKS:
            raise SettingError(f"expected masks of an Embedding or a Masking alone, received one that {source} made")


def written(layer: Operation, places: Mapping[int, list[Any]]) -> dict[str, Any]:
    """Return the entry of a function. Raises SettingError for values that no text holds."""
    node = {
        "args": [_said(each, places) for each in layer.args],
        "kwargs": {name: _said(each, places) for name, each in layer.settings.items()},
    }
    return {"module": "keras.ops", "class_name": layer.word, "name": layer.name, "config": {}, "inbound_nodes": [node]}


def _value(said: Any, given: Mapping[tuple[str, int], KerasTensor]) -> Any:
    if isinstance(said, Mapping):
        config = said.get("config") or {}
        if said.get("class_name") == "__keras_tensor__":
            return given[config["keras_history"][0], config["keras_history"][1]]
        if said.get("class_name") == "__slice__":
            return slice(config.get("start"), config.get("stop"), config.get("step"))
        raise SettingError(f"expected numbers, words and tensors in a function's call, received {said!r:.80}")
    if isinstance(said, (list, tuple)):
        found = [_value(each, given) for each in said]
        return tuple(found) if any(isinstance(each, slice) for each in found) else found
    return said


def _said(value: Any, places: Mapping[int, list[Any]]) -> Any:
    if isinstance(value, KerasTensor):
        return {"class_name": "__keras_tensor__", "config": {"keras_history": places[id(value)]}}
    if isinstance(value, slice):
        config = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": config}
    if isinstance(value, (list, tuple)):
        return [_said(each, places) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise SettingError(f"expected numbers and words beside the tensors of a function, received {value!r:.80}")
