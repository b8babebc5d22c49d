"""Models as plain values, and back: what `get_config` gives and what Keras's files say, of all of Keras's versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hubel.base.errors import SettingError
from hubel.model import layers
from hubel.model.layers.operations import Operation
from hubel.model.layers.tensor import Input, KerasTensor
from hubel.model.networks.model import Model
from hubel.model.networks.sequential import Sequential
from hubel.model.saving.operations import check_mask, is_operation, operated, written


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
    by_name = {_name(entry): entry for entry in entries}
    made: dict[str, Any] = {}
    given: dict[tuple[str, int], KerasTensor] = {}  # what each call of a layer gives
    waiting: list[tuple[str, int, Any]] = []
    for name, entry in by_name.items():
        if not is_operation(entry):
            made[name] = described(entry["class_name"], entry.get("config") or {}, custom_objects)
        if isinstance(made.get(name), KerasTensor):
            given[name, 0] = made[name]
        else:
            waiting += [(name, number, node) for number, node in enumerate(entry.get("inbound_nodes") or ())]
    while waiting:
        ready = [call for call in waiting if all(source in given for source in _sources(call[2]))]
        if not ready:
            raise SettingError(f"expected layers called on one another, received {waiting[0][0]} on what is not there")
        for name, number, node in ready:
            if name not in made:
                given[name, number] = operated(by_name[name], node, given)
                continue
            check_mask(node, by_name)
            given[name, number] = made[name].follow([given[source] for source in _sources(node)], _mode(node))
        waiting = [call for call in waiting if call not in ready]
    ends = [_ends(config[key], given) for key in ("input_layers", "output_layers")]
    return Model(ends[0], ends[1], name=config.get("name"))


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or entry["config"]["name"])


def _ends(said: Any, given: Mapping[tuple[str, int], KerasTensor]) -> Any:
    """Return the tensor of ["dense", 0, 0], or those of a list or dict of such."""
    if isinstance(said, Mapping):
        return {name: _ends(each, given) for name, each in said.items()}
    if said and isinstance(said[0], str):
        return given[said[0], said[1]]
    return [_ends(each, given) for each in said]


def _sources(said: Any) -> Iterator[tuple[str, int]]:
    """Give what a call is of, layer and number of its call: as Keras 3 writes it, and as Keras 2 did."""
    if isinstance(said, Mapping):
        if said.get("class_name") == "__keras_tensor__":
            name, number, *_ = said["config"]["keras_history"]
            yield name, number
            return
        yield from _sources(said.get("args") or ())
        for name, value in (said.get("kwargs") or {}).items():
            if name != "mask":  # which layers here make anew
                yield from _sources(value)
    elif isinstance(said, (list, tuple)):
        if len(said) >= 3 and isinstance(said[0], str) and isinstance(said[1], int):
            yield said[0], said[1]
            return
        for each in said:
            yield from _sources(each)


def _mode(node: Any) -> bool | None:
    """Return the `training` that a layer was called with."""
    if isinstance(node, Mapping):
        found = (node.get("kwargs") or {}).get("training")
    else:
        last = node[0][-1] if node and isinstance(node[0], list) else None
        found = last.get("training") if isinstance(last, Mapping) else None
    return None if found is None else bool(found)


def config_of(model: Model) -> dict[str, Any]:
    """Return a model's layers and how they are connected."""
    if not model.tensors or isinstance(model, Sequential):
        start: list[Any] = [{"class_name": "InputLayer", "config": _start(model.tensors[0])}] if model.tensors else []
        return {"name": model.name, "layers": [*start, *(layers.serialize(layer) for layer in model.layers)]}
    entries: dict[str, dict[str, Any]] = {
        start.name: {"class_name": "InputLayer", "name": start.name, "config": _start(start), "inbound_nodes": []}
        for start in model.starts
    }
    places: dict[int, list[Any]] = {id(start): [start.name, 0, 0] for start in model.starts}
    for tensor in model.tensors[len(model.starts) :]:
        layer: Any = tensor.layer
        if isinstance(layer, Operation):
            entries[layer.name] = written(layer, places)
            places[id(tensor)] = [layer.name, 0, 0]
            continue
        mode = {} if tensor.mode is None else {"training": tensor.mode}
        entry = entries.setdefault(layer.name, {**layers.serialize(layer), "name": layer.name, "inbound_nodes": []})
        places[id(tensor)] = [layer.name, len(entry["inbound_nodes"]), 0]
        entry["inbound_nodes"].append([[*places[id(each)], mode] for each in tensor.given])

    def ends(structure: Any, tensors: Sequence[KerasTensor]) -> Any:
        found = [places[id(each)] for each in tensors]
        return dict(zip(structure, found, strict=True)) if isinstance(structure, dict) else found

    return {
        "name": model.name,
        "layers": list(entries.values()),
        "input_layers": ends(model.given, model.starts),
        "output_layers": ends(model.structure, model.ends),
    }


def _start(tensor: KerasTensor) -> dict[str, Any]:
    return {"batch_shape": list(tensor.shape), "dtype": tensor.dtype, "name": tensor.name}
