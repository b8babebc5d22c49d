"""The tree: layers, and the ways to combine them. `Node` is a closed set: match on it, and `assert_never`.

Trees are immutable, hashable, comparable and picklable. A chain in a chain melts into it unless it has a name, so that
equal networks are equal trees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NoReturn, TypeAlias

from hubel.arch._layer import Layer, checked_name
from hubel.arch._shape import Shape, checked_shape
from hubel.arch.text.printing import sequence_text
from hubel.base.errors import NetworkError
from hubel.base.names import shortened
from hubel.view.words.shown import Shown

if TYPE_CHECKING:
    from hubel.arch._composition import Composition

MOST_LEVELS = 64


@dataclass(frozen=True, init=False)
class Chain:
    """Nodes one after the other. An unnamed chain inside a chain melts into it."""

    nodes: tuple[Node, ...]
    name: str | None = None

    def __init__(self, *nodes: Node, name: str | None = None) -> None:
        flat: list[Node] = []
        for node in nodes:
            if isinstance(node, Chain) and node.name is None:
                flat.extend(node.nodes)
            else:
                flat.append(node)
        _combine(self, tuple(flat), name)

    def inside(self) -> str:
        """Write the nodes, without brackets around them."""
        return sequence_text([str(node) for node in self.nodes])

    def __str__(self) -> str:
        return _with_name(self.name, f"({self.inside()})")


@dataclass(frozen=True, init=False)
class _Branches:
    """Branches that start at the same input. Each is a chain, or one node with a name; others become chains of one."""

    branches: tuple[Node, ...]
    name: str | None = None

    def __init__(self, *branches: Node, name: str | None = None) -> None:
        _combine(self, _branches(branches), name)

    def __str__(self) -> str:
        return _with_name(self.name, f"{label(self)}({' | '.join(map(_branch_text, self.branches))})")  # type: ignore[arg-type]


class Sum(_Branches):
    """Branches that start at the same input, their outputs of equal shape added: the residual block.

    Each branch is a chain, or one node with a name; an unnamed node becomes a chain of one.
    """


class Concat(_Branches):
    """Branches that start at the same input, their channels put side by side: inception, DenseNet, U-Net.

    Each branch is a chain, or one node with a name; an unnamed node becomes a chain of one.
    """


class Product(_Branches):
    """Branches that start at the same input, their outputs multiplied: one gates another.

    A branch is spread along the axes that it lacks or has one of: (C,) or 1×1×C weigh the channels of H×W×C (squeeze
    and excitation), H×W×1 its places. Each branch is a chain, or one node with a name; an unnamed node becomes a chain
    of one.
    """

    @property
    def composition(self) -> Composition | None:
        """The word that it is written by, as `se 16` is; None where there is none."""
        from hubel.arch.layers.compositions import SqueezeExcitation

        return SqueezeExcitation.of(self)

    def __str__(self) -> str:
        return str(self.composition or super().__str__())


@dataclass(frozen=True, init=False)
class Auxiliary:
    """A side exit: its nodes make one more output for training, and its own input is passed on unchanged."""

    nodes: tuple[Node, ...]
    name: str | None = None

    def __init__(self, *nodes: Node, name: str | None = None) -> None:
        _combine(self, Chain(*nodes).nodes, name)

    def __str__(self) -> str:
        return _with_name(self.name, f"aux({Chain(*self.nodes).inside()})")


Join: TypeAlias = "Sum | Concat | Product"
Node: TypeAlias = "Layer | Chain | Sum | Concat | Product | Auxiliary"


_WEIGHED = ("conv", "dwconv", "deconv", "conv1d", "local", "dense", "embed", "rnn", "lstm", "gru")
UNNAMED = "network"
"""What a network is called in a run's name that was typed and never named."""


@dataclass(frozen=True, repr=False)
class Network(Shown):
    """A network: the shape of its input, H×W×C or (features,), and a chain. `str` gives its text form.

    `name` is what people call it; it is no part of the comparison.
    """

    shown_by: ClassVar[str] = "hubel.draw.notebook:network_html"

    input: Shape
    body: Chain
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", checked_shape(self.input))
        if not isinstance(self.body, Chain):
            raise TypeError(f"expected body as a Chain, received {type(self.body).__name__}")
        if self.body.name is not None:
            object.__setattr__(self, "body", Chain(*self.body.nodes))
        if any(layer.is_short for layer in leaves(self.body)):
            from hubel.arch._composition import written_out

            object.__setattr__(self, "body", written_out(self.body, self.input))

    @property
    def reads_whole_numbers(self) -> bool:
        """Whether the input is whole numbers that are looked up (words, letters), not measured ones."""
        return any(layer.reads_whole_numbers for layer in leaves(self.body))

    @property
    def title(self) -> str:
        """What stands above it: its name, or of one that was typed and never named what it has: `network of 2 conv, 3
        dense`.
        """
        if self.name not in ("", UNNAMED):
            return self.name
        words = Counter(layer.text().partition(" ")[0] for layer in leaves(self.body))
        found = [f"{count} {word}" for word, count in words.items() if word in _WEIGHED]
        count = sum(words.values())
        return f"network of {', '.join(found)}" if found else f"network of {count} layer{'s' * (count != 1)}"

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.input))}: {self.body.inside()}"

    def __repr__(self) -> str:
        return f"<Network {self.name}{' = ' if self.name else ''}{shortened(str(self), 400)}>"


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly inside a node."""
    if isinstance(node, Layer):
        return ()
    return node.nodes if isinstance(node, (Chain, Auxiliary)) else node.branches


def leaves(node: Node) -> Iterator[Layer]:
    """Walk over the layers inside a node, in the order in which they are written."""
    if isinstance(node, Layer):
        yield node
    for child in children(node):
        yield from leaves(child)


def check_network(given: object) -> None:
    """Raise TypeError for what is no Network, such as its text form."""
    if not isinstance(given, Network):
        raise TypeError(
            f"expected a Network, received {type(given).__name__}; hubel.network makes one of a name, a text form or a "
            "path, hubel.inspect takes modules of PyTorch"
        )


def own_layers(network: Network) -> dict[str, str]:
    """Return the words of a network's layers that are not hubel's, and where their classes stand."""
    kinds = {type(layer) for layer in leaves(network.body) if not type(layer).__module__.startswith("hubel.")}
    return {kind.word: f"{kind.__module__}.{kind.__qualname__}" for kind in sorted(kinds, key=lambda kind: kind.word)}


def named_children(nodes: tuple[Node, ...]) -> Iterator[tuple[str, Node]]:
    """Give each node of one scope its name there.

    A name of its own stands as it is, with a number where it stands more than once; others are numbered by kind: conv1,
    conv2, pool1. Numbers that a node has taken for its own name are passed over. Raises `NetworkError` where a name is
    that of the activation which another node is written with, which stands beside it in a module: `conv1_relu`.
    """
    written = {node.name for node in nodes}
    for name, node in _numbered(nodes):
        activation = getattr(node, "activation", None)
        if activation and f"{name}_{activation}" in written:
            raise NetworkError(
                f"the name {name}_{activation} is that of the activation of {name}, in the same chain: choose another"
            )
        yield name, node


def _numbered(nodes: tuple[Node, ...]) -> Iterator[tuple[str, Node]]:
    written = [node.name for node in nodes if node.name is not None]
    once = _singles(written)
    taken = set(once)
    last: dict[str, int] = {}
    for node in nodes:
        if node.name in once:
            yield node.name, node
            continue
        kind = node.name or label(node)
        number = last.get(kind, 0) + 1
        while f"{kind}{number}" in taken:
            number += 1
        last[kind] = number
        taken.add(f"{kind}{number}")
        yield f"{kind}{number}", node


def label(node: Node) -> str:
    """Return what an unnamed node is called, before its number."""
    if isinstance(node, Layer):
        return getattr(node, "function", None) or node.label
    return {Chain: "branch", Sum: "sum", Concat: "concat", Product: "product", Auxiliary: "aux"}[type(node)]


def assert_never(value: NoReturn) -> NoReturn:
    """Fail where a kind of node was forgotten (`typing.assert_never`, which Python 3.10 lacks)."""
    raise AssertionError(f"not a node of the tree: {value!r}")


def _with_name(name: str | None, text: str) -> str:
    return f"{name}={text}" if name is not None else text


def _branch_text(branch: Node) -> str:
    return branch.inside() if isinstance(branch, Chain) and branch.name is None else str(branch)


def _singles(names: list[str]) -> set[str]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return {name for name, count in counts.items() if count == 1}


def _branches(branches: tuple[Node, ...]) -> tuple[Node, ...]:
    """Make every branch a chain, or a single node that has a name of its own: one way to write each."""
    found: list[Node] = []
    for branch in branches:
        if isinstance(branch, Chain) and branch.name is None and len(branch.nodes) == 1 and branch.nodes[0].name:
            found.append(branch.nodes[0])
        elif isinstance(branch, Chain) or getattr(branch, "name", None):
            found.append(branch)
        else:
            found.append(Chain(branch))
    return tuple(found)


def _combine(node: Chain | _Branches | Auxiliary, parts: tuple[Node, ...], name: str | None) -> None:
    kind = type(node).__name__
    if not parts:
        raise NetworkError(f"expected one or more nodes in {kind}, received none")
    for part in parts:
        if not isinstance(part, (Layer, Chain, Sum, Concat, Product, Auxiliary)):
            raise TypeError(f"expected layers, Chain, Sum, Concat, Product or Auxiliary in {kind}, received {part!r}")
    checked_name(name)
    levels = 1 + max(getattr(part, "_levels", 0) for part in parts)
    if levels > MOST_LEVELS:
        raise NetworkError(
            f"expected at most {MOST_LEVELS} levels of nodes within nodes, received {levels}; a sum, concat or product "
            f"makes two, with its branches, so at most {MOST_LEVELS // 2 - 1} of them"
        )
    object.__setattr__(node, "nodes" if isinstance(node, (Chain, Auxiliary)) else "branches", parts)
    object.__setattr__(node, "name", name)
    object.__setattr__(node, "_levels", levels)
