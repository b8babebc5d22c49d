"""What would fit as changes that can be made: each is tried, and the text that it gives is sent along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubel.arch import (
    Fit,
    Layer,
    Network,
    Node,
    ShapeError,
    Source,
    Sum,
    analyse,
    children,
    named_children,
    parse_node,
    settings_of,
    source_of,
)
from hubel.base.errors import HubelError

_BEFORE = {"a Flatten": "flatten"}


def remedies(written: Source, node: Node | None, error: ShapeError) -> list[dict[str, Any]]:
    """Each change that the error proposes: in words, and where making it helps the `text` that it gives, else None."""
    found = []
    for fit in error.fits:
        text = next((text for text in _tried(written, node, fit) if _helps(text, error.place)), None)
        found.append({"words": str(fit), "text": text})
    return sorted(found, key=lambda each: each["text"] is None)


def _tried(written: Source, node: Node | None, fit: Fit) -> list[str]:
    """The texts that a change may mean."""
    try:
        if isinstance(node, Sum):
            return _in_a_branch(written, node, fit)
        if not isinstance(node, Layer) or written.place(node) is None:
            return []
        argument = "kernel_size" if fit.argument == "kernel" else fit.argument
        if argument in settings_of(node):
            return [written.with_setting(node, argument, fit.value)]
        if fit.argument == "before it" and fit.value in _BEFORE:
            return [written.with_more(node, _BEFORE[fit.value], after=False)]
        if fit.argument == "instead of it":
            return [written.with_words(node, fit.value)]
        if fit.argument.startswith("input "):
            return _other_input(written, fit)
    except (HubelError, LookupError):
        pass
    return []


def _in_a_branch(written: Source, node: Sum, fit: Fit) -> list[str]:
    """A shortcut that only passes on becomes the layer that is proposed."""
    shortcuts = [branch for branch in children(node) if _passes_on(branch)]
    if fit.argument != "in the other branch" or len(shortcuts) != 1:
        return []
    return [written.with_words(shortcuts[0], fit.value)]


def _passes_on(branch: Node) -> bool:
    return children(branch) == (parse_node("identity"),)


def _other_input(written: Source, fit: Fit) -> list[str]:
    """The network's own input with another height or width, where the layer reads it as it is."""
    digits = fit.value.removeprefix("at least ")
    axis = {"input height": 0, "input width": 1, "input channels": -1}.get(fit.argument)
    shape = written.network.input
    if axis is None or not digits.isdigit() or len(shape) < 3:
        return []
    own = list(shape)
    own[axis] = int(digits)
    if axis != -1:
        own[1 - axis] = max(own[1 - axis], int(digits))
    return [f"{'x'.join(map(str, own))}:{written.text.partition(':')[2]}"]


def _helps(text: str, place: str) -> bool:
    """Whether the place is no longer where the network fails, nor one before it."""
    try:
        network = source_of(text).network
    except HubelError:
        return False
    try:
        analyse(network)
    except ShapeError as error:
        return error.place != place and _order(network, error.place) > _order(network, place)
    except HubelError:
        return False
    return True


def _order(network: Network, path: str) -> int:
    """Where a node stands in the order in which networks are worked through; after all others where it is unknown."""
    found = list(_walked(network.body.nodes, ""))
    return found.index(path) if path in found else len(found)


def _walked(nodes: tuple[Node, ...], scope: str) -> Iterator[str]:
    for name, node in named_children(nodes):
        yield from _walked(children(node), f"{scope}{name}.")
        yield f"{scope}{name}"
