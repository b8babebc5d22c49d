"""From the tree to an ordinary `nn.Module`: the layers' calls, run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hubel import zoo
from hubel.arch import (
    Auxiliary,
    Call,
    Chain,
    Concat,
    Join,
    Layer,
    Network,
    Node,
    Product,
    Sum,
    assert_never,
    named_children,
    torch_order,
)
from hubel.base.errors import NetworkError
from hubel.base.limits import check
from hubel.nn import modules
from hubel.nn._randomness import drawing
from hubel.nn._training import for_training


class NetworkModule(nn.Sequential):
    """A network as a module: an `nn.Sequential` whose children bear the tree's names, down to the last layer.

    Takes float N×C×H×W (or N×C×T, or N×features; whole numbers N×T where they are looked up). An activation written
    with a layer is a child of its own: `conv1_tanh`.
    """

    def __init__(self, network: Network, children: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.network = network
        modules.named(self, children)
        self._exits = tuple(module for module in self.modules() if isinstance(module, modules.Auxiliary))

    def logits(self, input: Tensor) -> Tensor:
        """Run the network without a softmax or sigmoid at its very end: what a cross-entropy loss wants.

        A network of vectors takes pictures too, flattened; one of sequences those of one column.
        """
        return modules.run(modules.before_probabilities(self), self._taken(input))

    def logits_with_auxiliary(self, input: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and those of every side exit in order."""
        return self._collected(modules.before_probabilities(self), input)

    def training_logits(self, input: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what `logits_with_auxiliary` does, with the same gradients, sooner; the last bits may differ."""
        return self._collected(for_training(modules.before_probabilities(self), input.device), input)

    def _collected(self, chain: Sequence[Callable[[Tensor], Tensor]], input: Tensor) -> tuple[Tensor, list[Tensor]]:
        found: list[Tensor] = []
        for exit in self._exits:
            exit.collect = found
        try:
            return modules.run(chain, self._taken(input)), found
        finally:
            for exit in self._exits:
                exit.collect = None

    def penultimate(self, input: Tensor) -> Tensor:
        """Run the network up to its last weights: what they are given, flattened to N×features.

        A network of vectors takes pictures too, flattened; one of sequences those of one column.
        """
        chain = modules.before_probabilities(self)
        last = max((i for i, child in enumerate(chain) if any(True for _ in child.parameters())), default=len(chain))
        return modules.run(chain[:last], self._taken(input)).flatten(1)

    def _taken(self, input: Tensor) -> Tensor:
        wanted = torch_order(self.network.input)
        if len(wanted) == 1:
            return input.flatten(1)
        if len(wanted) == 2 and input.dim() == 4 and input.shape[3] == 1:
            return input.flatten(2)
        if input.dim() != len(wanted) + 1:
            given = "×".join(map(str, input.shape[1:]))
            raise NetworkError(
                f"expected inputs of N×{'×'.join(map(str, wanted))} (channels first), received N×{given}: "
                f"the network takes {'pictures' if len(wanted) == 3 else 'sequences'}"
            )
        return input


Taken = Mapping[int, Sequence[nn.Module]]


def build(network: zoo.Given, taken: Taken | None = None) -> NetworkModule:
    """Build a network in PyTorch, its weights started as PyTorch starts them (set the seed before).

    taken: the modules of nodes that are built already, by the node's `id`: one, and a second for an activation written
    with a layer. They stand in the new module as they are, so that modules may have weights in common.

    The `state_dict` has the tree's paths: `conv1.weight`, `stage1.block2.conv1.weight`. Raises `ShapeError` where the
    network does not work out, and `LimitError` where it has more parameters than any machine would hold.
    """
    report = zoo.analyse(network)
    check("parameters", report.parameters, report.network.name or "the network")
    shapes = {row.path: row.input_shape for row in report.rows}
    with drawing:
        return NetworkModule(report.network, _chain(report.network.body.nodes, "", (shapes, taken or {})))


def run_call(call: Call) -> nn.Module:
    """Build one module from a layer's call: a name of `hubel.nn.modules` or `torch.nn`, or a dotted import path."""
    home, _, name = call.target.rpartition(".")
    if home:
        kind = getattr(importlib.import_module(home), name)
    else:
        kind = getattr(modules, name, None) or getattr(nn, name)
    built: nn.Module = kind(**call.arguments)
    return built


_Known = tuple[Mapping[str, Any], Taken]  # each layer's input, by its path; what is built already
JOINS: dict[type[Join], type[modules.Sum]] = {
    Sum: modules.Sum,
    Concat: modules.Concat,
    Product: modules.Product,
}


def _chain(nodes: tuple[Node, ...], scope: str, known: _Known) -> dict[str, nn.Module]:
    built: dict[str, nn.Module] = {}
    for name, node in named_children(nodes):
        built.update(_node(node, name, scope + name, known))
    return built


def _node(node: Node, name: str, path: str, known: _Known) -> dict[str, nn.Module]:
    """Build a node: one module of its name, and another for an activation written with a layer."""
    if id(node) in known[1]:
        names = name, f"{name}_{getattr(node, 'activation', None)}"
        return dict(zip(names, known[1][id(node)], strict=False))
    match node:
        case Layer():
            return _layer(node, name, path, known)
        case Chain():
            return {name: modules.named(nn.Sequential(), _chain(node.nodes, f"{path}.", known))}
        case Sum() | Concat() | Product():
            return {name: JOINS[type(node)](_branches(node, path, known))}
        case Auxiliary():
            return {name: modules.Auxiliary(_chain(node.nodes, f"{path}.", known))}
        case _:
            assert_never(node)


def _branches(node: Join, path: str, known: _Known) -> list[dict[str, nn.Module]]:
    return [_node(branch, name, f"{path}.{name}", known) for name, branch in named_children(node.branches)]


def _layer(layer: Layer, name: str, path: str, known: _Known) -> dict[str, nn.Module]:
    shape, built = known[0][path], dict[str, nn.Module]()
    for step in layer.steps():
        own = f"{name}_{layer.activation}" if built else name  # type: ignore[attr-defined]
        built[own] = run_call(step.call(shape))
        before, shape = shape, step.output_shape(shape)
        if not type(step).__module__.startswith("hubel."):
            _check_promise(path, step, built[own], before, shape)
    return built


def _check_promise(
    path: str, layer: Layer, module: nn.Module, input: tuple[int, ...], promised: tuple[int, ...]
) -> None:
    """Raise NetworkError where the module of somebody's own layer gives another shape than the layer says."""
    training = module.training
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            found = tuple(module.eval()(torch.zeros(1, *torch_order(input))).shape[1:])
    except Exception:  # another's code, which may want more than zeros: what runs it says so
        return
    finally:
        module.train(training)
    if found != tuple(torch_order(promised)):
        shapes = torch_order(input), torch_order(promised), found
        of, wanted, given = ("×".join(map(str, shape)) for shape in shapes)
        raise NetworkError(
            f"{path}: {type(layer).__qualname__}.output_shape says {wanted} (channels first) of {of}, and its module "
            f"gives {given}; mend one of the two"
        )
