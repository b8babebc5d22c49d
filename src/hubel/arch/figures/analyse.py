"""The arithmetic of a whole network, in one walk: shapes, costs, receptive fields, what training needs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from hubel.arch._cost import COUNTED, Cost, Keeps
from hubel.arch._errors import ShapeError, needs_whole_numbers
from hubel.arch._joins import join_shape, product_shape
from hubel.arch._layer import Layer
from hubel.arch._shape import Shape, bounded, positions, size
from hubel.arch._tree import (
    Auxiliary,
    Chain,
    Concat,
    Join,
    Network,
    Node,
    Product,
    Sum,
    assert_never,
    check_network,
    named_children,
)
from hubel.arch.figures.field import Axis, Field, union
from hubel.arch.figures.report import Report, Row
from hubel.base.errors import LimitError
from hubel.base.limits import check, most

if TYPE_CHECKING:
    pass


@dataclass(slots=True, eq=False, repr=False)
class _Tensor:
    """What flows: a shape, its receptive field, whether training wants its gradient, whether it is held already."""

    shape: Shape
    field: Field
    wants_gradient: bool
    held: list[bool]


@dataclass(slots=True, eq=False, repr=False)
class _Step:
    """One plain layer of a layer and its activation, for one shape of input."""

    layer: Layer
    shape: Shape
    cost: Cost
    passes_on: bool


@dataclass(slots=True, eq=False, repr=False)
class _Facts:
    """What is the same wherever a layer meets an input of one shape."""

    steps: tuple[_Step, ...]
    cost: Cost
    notes: tuple[str, ...]
    paths: tuple[int, int]


@dataclass(slots=True, eq=False, repr=False)
class _Draft:
    """A row while the walk is under way."""

    path: str
    node: Node
    tensor: _Tensor
    output: _Tensor
    cost: Cost
    notes: tuple[str, ...]
    kept_bytes: int
    training_macs: int
    gradient_positions: int = 0
    auxiliary: bool = False


@contextmanager
def _not_collecting() -> Iterator[None]:
    """Do not search for garbage while much is made and nothing thrown away, which takes as long again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@_not_collecting()
def analyse(network: Network, strict: bool = False) -> Report:
    """Work out every figure of a network.

    Raises `ShapeError`, with the layer's path, where a layer does not fit; with `strict` also where windows leave rows
    or columns of their input uncovered, which frameworks drop in silence.
    """
    check_network(network)
    start = _Tensor(network.input, _input_field(network.input), False, [False])
    walk = _Walk(strict, start)
    backward: list[_Back] = []
    end = walk.chain(network.body.nodes, "", start, backward)
    share = Fraction(_spread_gradient(backward, positions(end.shape)), positions(network.input))
    rows = tuple(
        Row(
            draft.path,
            draft.node,
            draft.tensor.shape,
            draft.output.shape,
            draft.cost,
            draft.output.field,
            draft.notes,
            draft.kept_bytes,
            draft.training_macs,
            draft.gradient_positions,
            draft.auxiliary,
        )
        for draft in walk.drafts
    )
    return Report(network, rows, end.shape, end.field, share)


def _input_field(shape: Shape) -> Field:
    height, width = shape[:2] if len(shape) == 3 else (shape[0], 1)
    rows = Axis.of_input(height)
    return Field(rows, rows if width == height else Axis.of_input(width), flat=len(shape) < 3)


_Back = Callable[[int], int]


def _spread_gradient(steps: list[_Back], reached: int) -> int:
    """Follow a gradient from the end to the start: how many positions it can reach at each step's input."""
    for step in reversed(steps):
        reached = step(reached)
    return reached


class _Walk:
    def __init__(self, strict: bool, given: _Tensor) -> None:
        self.strict, self.given = strict, given
        self.drafts: list[_Draft] = []
        self.in_exit = False
        self.known: dict[tuple[Layer, Shape], _Facts] = {}
        self.steps, self.most = 0, most("steps")  # rows and columns worked through, of windows and of fields

    def facts(self, layer: Layer, path: str, input: Shape) -> _Facts:
        """Work out what a layer's place in the network does not change: networks repeat themselves."""
        steps, shape = [], input
        for step in layer.steps():
            try:
                output = bounded(step.output_shape(shape))
                if self.strict and (error := step.strict_error(shape)) is not None:
                    raise error
            except ShapeError as error:
                raise error.at(path) from None
            except LimitError as error:
                raise LimitError(f"{path}: {error}") from None
            cost = step.cost(shape)
            self.steps += sum(shape[:-1])
            steps.append(_Step(step, output, cost, step.shares_input()))
            shape = output
        together = _together([step.cost for step in steps])
        return _Facts(tuple(steps), together, layer.notes(input), steps[0].layer.gradient_paths(input))

    def counted(self, path: str, field: Field) -> Field:
        """Count what working out a field takes. Raises `LimitError` where that is too much for a network."""
        self.steps += len(field.rows.firsts) + len(field.columns.firsts)
        if self.steps > self.most:
            check("steps", self.steps, path)
        return field

    def chain(self, nodes: tuple[Node, ...], scope: str, tensor: _Tensor, backward: list[_Back]) -> _Tensor:
        for name, node in named_children(nodes):
            tensor = self.node(node, f"{scope}{name}", tensor, backward)
        return tensor

    def node(self, node: Node, path: str, tensor: _Tensor, backward: list[_Back]) -> _Tensor:
        match node:
            case Layer():
                return self.layer(node, path, tensor, backward)
            case Chain():
                return self.chain(node.nodes, f"{path}.", tensor, backward)
            case Sum() | Concat() | Product():
                return self.join(node, path, tensor, backward)
            case Auxiliary():
                return self.exit(node, path, tensor, backward)
            case _:
                assert_never(node)

    def layer(self, layer: Layer, path: str, tensor: _Tensor, backward: list[_Back]) -> _Tensor:
        if layer.reads_whole_numbers and tensor.held is not self.given.held:
            raise needs_whole_numbers(type(layer).__name__).at(path)
        start, kept, training_macs = tensor, 0, 0
        facts = self.known.get((layer, tensor.shape))
        if facts is None:
            facts = self.known[layer, tensor.shape] = self.facts(layer, path, tensor.shape)
        for step in facts.steps:
            trains = step.cost.trainable > 0
            field = self.counted(path, step.layer.seen_through(tensor.shape, tensor.field))
            held = tensor.held if step.passes_on else [False]
            output = _Tensor(step.shape, field, tensor.wants_gradient or trains, held)
            if output.wants_gradient:
                kept += _hold(step.cost.keeps, tensor, output)
            macs = step.cost.macs
            training_macs += macs * (1 + trains) + step.layer.backward_macs(start.shape, macs, tensor.wants_gradient)
            tensor = output
        draft = _Draft(path, layer, start, tensor, facts.cost, facts.notes, kept, training_macs, 0, self.in_exit)
        self.drafts.append(draft)
        read, reach = facts.paths

        def back(reached: int) -> int:
            draft.gradient_positions = min(read, reached * reach)
            return draft.gradient_positions

        backward.append(back)
        return tensor

    def join(self, node: Join, path: str, tensor: _Tensor, backward: list[_Back]) -> _Tensor:
        ends, paths = [], list[list[_Back]]()
        for name, branch in named_children(node.branches):
            paths.append([])
            ends.append(self.node(branch, f"{path}.{name}", tensor, paths[-1]))
        try:
            shape = join_shape(node, [end.shape for end in ends])
        except ShapeError as error:
            raise error.at(path) from None
        output = _Tensor(
            shape, self.counted(path, _joint_field(ends, shape)), any(end.wants_gradient for end in ends), [False]
        )
        operations = 0 if isinstance(node, Concat) else size(shape) * (len(ends) - 1)
        kept = _hold_factors(ends, output) if isinstance(node, Product) else 0
        cost = Cost(elementwise_operations=operations, activations=size(shape))
        draft = _Draft(path, node, tensor, output, cost, (), kept, 0, auxiliary=self.in_exit)
        self.drafts.append(draft)
        everywhere = positions(tensor.shape)
        most = [positions(end.shape) for end in ends]

        def back(reached: int) -> int:
            sent = zip(paths, most, strict=True)
            draft.gradient_positions = min(
                everywhere, sum(_spread_gradient(steps, min(reached, own)) for steps, own in sent)
            )
            return draft.gradient_positions

        backward.append(back)
        return output

    def exit(self, node: Auxiliary, path: str, tensor: _Tensor, backward: list[_Back]) -> _Tensor:
        outer, self.in_exit = self.in_exit, True
        own: list[_Back] = []
        end = self.chain(node.nodes, f"{path}.", tensor, own)
        self.in_exit = outer
        everywhere = positions(tensor.shape)
        backward.append(lambda reached: min(everywhere, reached + _spread_gradient(own, positions(end.shape))))
        return tensor


def _joint_field(ends: list[_Tensor], shape: Shape) -> Field:
    """Unite what branches see; one that is spread sees the same from everywhere."""
    axes = ([], [])  # type: tuple[list[Axis], list[Axis]]
    for end in ends:
        own = end.shape if len(end.shape) == len(shape) else (1,) * len(shape)
        for i, axis in enumerate((end.field.rows, end.field.columns)):
            spread = i < len(shape) - 1 and own[i] < shape[i]
            axes[i].append(axis.everything(shape[i]) if spread else axis)
    rows = union(axes[0])
    alike = all(one is other for one, other in zip(*axes, strict=True))
    pictures = {id(end.field.picture): end.field.picture for end in ends}
    picture = pictures.popitem()[1] if len(pictures) == 1 else None
    return Field(rows, rows if alike else union(axes[1]), ends[0].field.flat, picture)


def _hold_factors(ends: list[_Tensor], output: _Tensor) -> int:
    """Keep each factor whose partner wants a gradient, as PyTorch's multiplication does."""
    kept, product = 0, ends[0]
    for end in ends[1:]:
        kept += _hold(Keeps(product.wants_gradient, end.wants_gradient), end, product)
        shape = product_shape((product.shape, end.shape))
        product = _Tensor(shape, output.field, product.wants_gradient or end.wants_gradient, [False])
    return kept


def _hold(keeps: Keeps, tensor: _Tensor, output: _Tensor) -> int:
    kept = keeps.extra_bytes + keeps.fixed_bytes + keeps.batch_bytes
    kept += keeps.through_bytes if tensor.wants_gradient else 0
    for wanted, held in ((keeps.input, tensor), (keeps.output, output)):
        if wanted and not held.held[0]:
            held.held[0] = True
            kept += 4 * size(held.shape)
    return kept


def _together(costs: list[Cost]) -> Cost:
    if len(costs) == 1:
        return costs[0]
    counts = {name: sum(getattr(cost, name) for cost in costs) for name in COUNTED}
    return Cost(**counts, activations=costs[-1].activations)
