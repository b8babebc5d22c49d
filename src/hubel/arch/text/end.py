"""How a network ends: the function that its last numbers go through, read and put in another's place."""

from __future__ import annotations

from dataclasses import replace

from hubel.arch._layer import Weighted
from hubel.arch._tree import Auxiliary, Chain, Network, Node, leaves
from hubel.arch.layers import Activation


def closing_function(network: Network) -> str:
    """The function that the last layer's numbers go through ("softmax", "sigmoid"); "linear" where there is none."""
    last = [step for layer in leaves(network.body) for step in layer.steps()][-1]
    return last.function if isinstance(last, Activation) else "linear"


def ended(network: Network, function: str) -> Network:
    """The network with another function at its end, and at the end of its side exits."""
    nodes = tuple(
        Auxiliary(*_ended(node.nodes, function), name=node.name) if isinstance(node, Auxiliary) else node
        for node in network.body.nodes
    )
    return replace(network, body=Chain(*_ended(nodes, function)))


def _ended(nodes: tuple[Node, ...], function: str) -> tuple[Node, ...]:
    *before, last = nodes
    if isinstance(last, Chain):
        return (*before, Chain(*_ended(last.nodes, function), name=last.name))
    if isinstance(last, Weighted):
        return (*before, replace(last, activation=function))
    own = () if function == "linear" else (Activation(function),)
    return (*before, *own) if isinstance(last, Activation) else (*nodes, *own)
