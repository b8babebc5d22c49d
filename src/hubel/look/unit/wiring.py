"""Which layer made what another was given."""

from __future__ import annotations

from hubel.arch import Auxiliary, Chain, Concat, Layer, Network, Node, Product, Sum, assert_never, named_children

INPUT = ""  # the path of the network's own input


def wiring(network: Network) -> dict[str, tuple[str, ...]]:
    """Return, for each layer and each place where branches meet, the paths of what feeds it: `INPUT`, or rows' paths.

    A layer has one source; a sum, a concat or a product has one a branch.
    """
    found: dict[str, tuple[str, ...]] = {}
    _chain(network.body.nodes, "", INPUT, found)
    return found


def _chain(nodes: tuple[Node, ...], scope: str, source: str, found: dict[str, tuple[str, ...]]) -> str:
    for name, node in named_children(nodes):
        source = _node(node, f"{scope}{name}", source, found)
    return source


def _node(node: Node, path: str, source: str, found: dict[str, tuple[str, ...]]) -> str:
    """Wire a node and return the path of what comes out of it."""
    match node:
        case Layer():
            found[path] = (source,)
            return path
        case Chain():
            return _chain(node.nodes, f"{path}.", source, found)
        case Sum() | Concat() | Product():
            branches = named_children(node.branches)
            found[path] = tuple(_node(branch, f"{path}.{name}", source, found) for name, branch in branches)
            return path
        case Auxiliary():
            _chain(node.nodes, f"{path}.", source, found)
            return source
        case _:
            assert_never(node)
