"""A text form and where in it each layer stands, so that a change to a layer changes its words alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

from hubel.arch._layer import Layer
from hubel.arch._tree import Network, Node, children, named_children
from hubel.arch.text.edit import setting_of
from hubel.arch.text.notation import parse_placed
from hubel.base.errors import NetworkError

Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Source:
    """A network as somebody wrote it.

    A layer that repeats (`3 * conv 64 3x3`) stands in the text once: to change its words changes all of them. What a
    word stands for as a whole (`se 4`) is written out in the network, and its parts have no place.
    """

    text: str
    network: Network
    places: tuple[tuple[Layer, int, int], ...]

    @cached_property
    def _by_layer(self) -> dict[int, Place]:
        return {id(layer): (start, end) for layer, start, end in self.places}

    def place(self, node: Node) -> Place | None:
        """Where a node's words begin and end, or those of all within it; None where it has none."""
        if isinstance(node, Layer):
            return self._by_layer.get(id(node))
        found = [place for inner in children(node) if (place := self.place(inner)) is not None]
        return (min(start for start, _ in found), max(end for _, end in found)) if found else None

    def at(self, path: str) -> Node | None:
        """The node of a path, such as `block1.sum1.branch1.conv1`; None where nothing is called so."""
        nodes = self.network.body.nodes
        while True:
            for name, node in named_children(nodes):
                if name == path:
                    return node
                if path.startswith(f"{name}."):
                    path, nodes = path[len(name) + 1 :], children(node)
                    break
            else:
                return None

    def with_words(self, node: Node, words: str) -> str:
        """The text with other words where a node stands. Raises LookupError where it has no place."""
        start, end = self._known(node)
        return self.text[:start] + words + self.text[end:]

    def with_setting(self, layer: Layer, setting: str, value: str) -> str:
        """The text with a layer's setting changed, the value as the text form has it.

        Raises SettingError or NotationError for a value that the layer does not take, LookupError for a setting or a
        place that it has not.
        """
        name, read = setting_of(layer, setting, value)
        return self.with_words(layer, replace(layer, **{name: read}).text())

    def with_more(self, node: Node, words: str, after: bool = True) -> str:
        """The text with another layer behind a node, or before it; a repeated one has it behind all its repeats."""
        start, end = self._known(node)
        if after:
            return f"{self.text[:end]}, {words}{self.text[end:]}"
        start = self._item(start)
        return f"{self.text[:start]}{words}, {self.text[start:]}"

    def without(self, node: Node) -> str:
        """The text without a node, its name, its count and one comma."""
        start, end = self._known(node)
        before, after = self.text[: self._item(start)], self.text[end:]
        if cut := re.match(r"\s*,\s*", after):
            return before + after[cut.end() :]
        return re.sub(r"\s*,\s*$", "", before) + after

    def _item(self, start: int) -> int:
        """Where the count and the name before a layer's words begin."""
        head = re.search(r"(?:\d+\s*\*\s*)?(?:\w+\s*=\s*)?$", self.text[:start])
        return head.start() if head else start

    def _known(self, node: Node) -> Place:
        place = self.place(node)
        if place is None:
            raise NetworkError("expected a layer with words of its own, received a part of what one word stands for")
        return place


def source_of(text: str) -> Source:
    """Read a network's text form and keep where its layers stand. Raises what `parse` raises."""
    network, places = parse_placed(text)
    return Source(text, network, tuple(places))
