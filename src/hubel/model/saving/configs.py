"""Models as plain values, and back: what `get_config` gives and what Keras's files say, of all of Keras's versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hubel.base.errors import SettingError
from hubel.model import layers
from hubel.model._model import Model
from hubel.model._sequential import Sequential
from hubel.model.layers.layer import Layer
from hubel.model.layers.tensor import Input, KerasTensor


def described(class_name: str, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
    """Make a layer or a model of its class's name and config."""
    if class_name in ("Sequential", "Functional", "Model"):
        return model_of({**config, "class_name": class_name}, custom_objects)
    if class_name == "InputLayer":
        batch = config.get("batch_shape") or config.get("batch_input_shape")
        return Input(batch_shape=batch, dtype=config.get("dtype"), name=config.get("name"))
    return layers.deserialize({"class_name": class_name, "config": config}, custom_objects)


def model_of(config: Mapping[str, Any], custom_objects: Any = None) -> Model:
    """Make a model of its config: a chain of layers, or layers with what each is called on."""
    entries: Sequence[Mapping[str, Any]] = config["layers"]
    if all("inbound_nodes" not in entry for entry in entries):
        model = Sequential(name=config.get("name"))
        for entry in entries:
            model.add(described(entry["class_name"], entry.get("config") or {}, custom_objects))
        first = config.get("build_input_shape")
        if first and not model.tensors and None not in first[1:]:
            model.build(tuple(first))
        return model
    made: dict[str, Any] = {}
    given: dict[str, KerasTensor] = {}
    for entry in entries:
        name = entry.get("name") or entry["config"]["name"]
        made[name] = described(entry["class_name"], entry.get("config") or {}, custom_objects)
    waiting = list(entries)
    while waiting:
        ready = [entry for entry in waiting if all(name in given for name in _names(entry))]
        if not ready:
            raise SettingError(
                f"expected layers called on one another, received {_name(waiting[0])} on what is not there"
            )
        for entry in ready:
            layer, names = made[_name(entry)], list(_names(entry))
            if len(entry.get("inbound_nodes") or ()) > 1:
                raise SettingError(f"expected each layer called once, received {_name(entry)} in several places")
            called = [given[name] for name in names]
            given[_name(entry)] = layer if isinstance(layer, KerasTensor) else layer.follow(called, _mode(entry))
        waiting = [entry for entry in waiting if entry not in ready]
    ends = [[given[name] for name in _ends(config[key])] for key in ("input_layers", "output_layers")]
    return Model(ends[0], ends[1], name=config.get("name"))


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or entry["config"]["name"])


def _ends(said: Any) -> Iterator[str]:
    """Give the names in ["dense", 0, 0], or in a list or dict of such."""
    if isinstance(said, Mapping):
        said = list(said.values())
    if said and isinstance(said[0], str):
        yield said[0]
        return
    for each in said:
        yield from _ends(each)


def _names(entry: Mapping[str, Any]) -> Iterator[str]:
    """Give the names of the layers that an entry's layer is called on: as Keras 3 writes them, and as Keras 2 did."""
    for node in entry.get("inbound_nodes") or ():
        yield from _tensors(node)


def _tensors(said: Any) -> Iterator[str]:
    if isinstance(said, Mapping):
        if said.get("class_name") == "__keras_tensor__":
            yield said["config"]["keras_history"][0]
            return
        yield from _tensors(said.get("args") or ())
        for value in (said.get("kwargs") or {}).values():
            yield from _tensors(value)
    elif isinstance(said, (list, tuple)):
        if len(said) >= 3 and isinstance(said[0], str) and isinstance(said[1], int):
            yield said[0]
            return
        for each in said:
            yield from _tensors(each)


def _mode(entry: Mapping[str, Any]) -> bool | None:
    for node in entry.get("inbound_nodes") or ():
        if isinstance(node, Mapping):
            found = (node.get("kwargs") or {}).get("training")
        else:
            last = node[0][-1] if node and isinstance(node[0], list) else None
            found = last.get("training") if isinstance(last, Mapping) else None
        if found is not None:
            return bool(found)
    return None


def config_of(model: Model) -> dict[str, Any]:
    """Return a model's layers and how they are connected."""
    if not model.tensors or isinstance(model, Sequential):
        start: list[Any] = [{"class_name": "InputLayer", "config": _start(model.tensors[0])}] if model.tensors else []
        return {"name": model.name, "layers": [*start, *(layers.serialize(layer) for layer in model.layers)]}
    entries: list[dict[str, Any]] = [
        {
            "class_name": "InputLayer",
            "name": model.tensors[0].name,
            "config": _start(model.tensors[0]),
            "inbound_nodes": [],
        }
    ]
    for tensor in model.tensors[1:]:
        layer: Any = tensor.layer
        calls = [
            [_source(each), 0, 0, {} if tensor.mode is None else {"training": tensor.mode}] for each in tensor.given
        ]
        entries.append({**layers.serialize(layer), "name": layer.name, "inbound_nodes": [calls]})
    ends = [[_source(end), 0, 0] for end in model.ends]
    found: dict[str, Any] = {
        "name": model.name,
        "layers": entries,
        "input_layers": [[model.tensors[0].name, 0, 0]],
        "output_layers": ends,
    }
    return found


def _source(tensor: KerasTensor) -> str:
    layer: Layer | None = tensor.layer
    return tensor.name if layer is None else layer.name


def _start(tensor: KerasTensor) -> dict[str, Any]:
    return {"batch_shape": list(tensor.shape), "dtype": tensor.dtype, "name": tensor.name}
