"""What if: the same network with a few settings changed, or a part put in another's place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from hubel.arch._layer import Layer
from hubel.arch._tree import (
    Auxiliary,
    Chain,
    Concat,
    Network,
    Node,
    Product,
    Sum,
    assert_never,
    check_network,
    children,
    named_children,
)
from hubel.arch.text.notation import LONG, _Reader
from hubel.base.errors import SettingError, UnknownNameError
from hubel.base.names import did_you_mean, hint, listing

_Changes = Mapping[str, Mapping[str, Any]]


def edit(network: Network, changes: Mapping[str, object]) -> Network:
    """Return the network with settings changed: `edit(network, {"conv2.kernel_size": 3})`.

    A key is a layer's path, a dot, and a setting's name; a value is what the layer takes, or a string in the text
    form's words ("3x5", "same", "false"). Paths are those of `network` itself. Raises `KeyError` for a layer or a
    setting that is not there, with the nearest name; `ValueError` for a value that the layer does not take.
    """
    check_network(network)
    layers = dict(_layers(network.body.nodes, ""))
    wanted: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        path, setting = _target(layers, key)
        wanted.setdefault(path, {})[setting] = _value(value) if isinstance(value, str) else value
    return Network(network.input, Chain(*_edited(network.body.nodes, "", wanted)), network.name)


def replace_part(network: Network, path: str, part: Node) -> Network:
    """Return the network with another node (or an unnamed chain of several) where `path` stood.

    Raises `KeyError` where nothing is called so.
    """
    check_network(network)
    found = _replaced(network.body.nodes, "", path, part)
    if found is None:
        raise UnknownNameError(f"no part is called {path!r}{hint(path, _paths(network.body.nodes, ''))}")
    return Network(network.input, Chain(*found), network.name)


def _value(text: str) -> Any:
    """Read a value as the text form has it; several in a row make a tuple."""
    reader, found = _Reader(text), []
    while reader.token.kind in ("number", "size", "word"):
        found.append(reader.value(reader.token))
        reader.at += 1
    if reader.token.kind != "end" or not found:
        raise reader.error(f"expected a number, a size such as 3x5, or a word, received {reader.received()}")
    return found[0] if len(found) == 1 else tuple(found)


def _layers(nodes: tuple[Node, ...], scope: str) -> Iterable[tuple[str, Layer]]:
    for path, node in _all(nodes, scope):
        if isinstance(node, Layer):
            yield path, node


def _paths(nodes: tuple[Node, ...], scope: str) -> list[str]:
    return [path for path, _ in _all(nodes, scope)]


def _all(nodes: tuple[Node, ...], scope: str) -> Iterable[tuple[str, Node]]:
    for name, node in named_children(nodes):
        path = f"{scope}{name}"
        yield path, node
        if not isinstance(node, Layer):
            yield from _all(children(node), f"{path}.")


def _target(layers: Mapping[str, Layer], key: str) -> tuple[str, str]:
    path, _, setting = key.rpartition(".")
    if path not in layers:
        settings = settings_of(layers[key]) if key in layers else []
        if settings:
            raise UnknownNameError(
                f"expected a layer's path and a setting; {key} has {', '.join(settings)}, received {key!r}"
            )
        inside = [other for other in layers if other.startswith(path + ".")]
        near = f"; it is a part, with {listing(inside, 6)}" if path and inside else hint(path, layers)
        raise UnknownNameError(f"no layer is called {path or key!r}{near}")
    return path, _setting(layers[path], setting, path)


def setting_of(layer: Layer, setting: str, value: str) -> tuple[str, Any]:
    """A setting's own name and its value, both as the text form has them: `pad`, "1" are `padding`, 1.

    Raises UnknownNameError for a setting that the layer has not, NotationError for what is no value.
    """
    return _setting(layer, setting, layer.word), _value(value)


def _setting(layer: Layer, setting: str, path: str) -> str:
    setting = LONG.get(setting, setting)
    known = settings_of(layer)
    if setting not in known:
        said = f"{path} ({type(layer).__name__}) has no setting {setting!r}{did_you_mean(setting, known)}"
        raise UnknownNameError(f"{said} (it has {', '.join(known) or 'none'})")
    return setting


def settings_of(layer: Layer | type[Layer]) -> list[str]:
    """The names of what can be set of a layer, or of layers of a kind."""
    return [f.name for f in fields(layer) if f.name not in ("name", "input_shape")]


def _edited(nodes: tuple[Node, ...], scope: str, wanted: _Changes) -> list[Node]:
    return [_edited_node(node, f"{scope}{name}", wanted) for name, node in named_children(nodes)]


def _edited_node(node: Node, path: str, wanted: _Changes) -> Node:
    match node:
        case Layer():
            return _edited_layer(node, path, wanted[path]) if path in wanted else node
        case Chain():
            return Chain(*_edited(node.nodes, f"{path}.", wanted), name=node.name)
        case Auxiliary():
            return Auxiliary(*_edited(node.nodes, f"{path}.", wanted), name=node.name)
        case Sum() | Concat() | Product():
            return type(node)(*_edited(node.branches, f"{path}.", wanted), name=node.name)
        case _:
            assert_never(node)


def _edited_layer(layer: Layer, path: str, settings: Mapping[str, Any]) -> Layer:
    try:
        return replace(layer, **settings)
    except (ValueError, TypeError) as error:
        raise SettingError(f"{path}: {error}") from None


def _replaced(nodes: tuple[Node, ...], scope: str, path: str, part: Node) -> list[Node] | None:
    found: list[Node] = []
    done = False
    for name, node in named_children(nodes):
        own = f"{scope}{name}"
        new: Node | None = part if own == path else None
        if new is None and path.startswith(own + ".") and not isinstance(node, Layer):
            changed = _replaced(children(node), f"{own}.", path, part)
            new = type(node)(*changed, name=node.name) if changed is not None else None
        done = done or new is not None
        found.append(node if new is None else new)
    return found if done else None
