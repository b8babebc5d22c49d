"""A tree as steps: operations with their arrays at hand, normalisation folded into the weights before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hubel.arch import (
    Auxiliary,
    Chain,
    Concat,
    Layer,
    Network,
    Node,
    Product,
    Shape,
    Sum,
    analyse,
    assert_never,
    named_children,
    ops,
)
from hubel.base.errors import ModelFileError

Wide: TypeAlias = npt.NDArray[np.floating]
Arrays: TypeAlias = Mapping[str, Wide]

SUMS = (ops.WindowedSum, ops.TransposedSum, ops.LocalSum, ops.DenseSum)


@dataclass(frozen=True, eq=False)
class Step:
    """An operation in its place: the path of its layer, its arrays by their roles, and a join's branches."""

    path: str
    operation: ops.Operation
    arrays: Arrays
    branches: tuple[tuple[Step, ...], ...] = ()


def steps_of(network: Network, arrays: Arrays) -> tuple[Step, ...]:
    """Return what a network does, in order, up to its scores: without side exits, without what only training needs and
    without a softmax or sigmoid at its very end; batch normalisation and scales folded into the sums before them.

    Raises ModelFileError where an array is missing.
    """
    shapes = {row.path: (row.input_shape, row.output_shape) for row in analyse(network).rows}
    steps = list(_Walk(shapes, arrays).nodes(network.body.nodes, ""))
    closing = steps[-1].operation if steps else None
    if isinstance(closing, ops.Activate) and closing.function in ("softmax", "sigmoid"):
        last = network.body.nodes[-1]
        if isinstance(last, Layer):  # as `NetworkModule.logits` has it
            del steps[-1]
    return folded(steps)


def folded(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps without those that pass everything on, and with what follows a sum and is affine in it."""
    found: list[Step] = []
    for step in steps:
        if isinstance(step.operation, ops.Pass):
            continue
        affine = affine_of(step)
        if affine is not None and found and isinstance(found[-1].operation, SUMS):
            found[-1] = _scaled(found[-1], *affine)
        else:
            found.append(replace(step, branches=tuple(map(folded, step.branches))))
    return tuple(found)


def affine_of(step: Step) -> tuple[Wide, Wide] | None:
    """Return what a step multiplies each channel by and then adds, in 64 bits; None where it does something else."""
    arrays = {role: array.astype(np.float64) for role, array in step.arrays.items()}
    match step.operation:
        case ops.Normalise(over="batch", epsilon=epsilon):
            factor = arrays.get("weight", 1.0) / np.sqrt(arrays["variance"] + epsilon)
            return factor, arrays.get("bias", 0.0) - arrays["mean"] * factor
        case ops.Affine():
            either = next(iter(arrays.values()))
            return arrays.get("weight", np.ones_like(either)), arrays.get("bias", np.zeros_like(either))
        case _:
            return None


def _scaled(step: Step, factor: Wide, offset: Wide) -> Step:
    """Multiply what a sum gives, channel by channel, and add: other weights, and a bias."""
    weight = step.arrays["weight"].astype(np.float64)
    match step.operation:
        case ops.TransposedSum(groups=groups):  # channels × filters of a group × …
            parts = weight.reshape(groups, -1, *weight.shape[1:])
            weight = (parts * factor.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))).reshape(weight.shape)
        case ops.LocalSum():  # places × filters × …
            weight = weight * factor[:, np.newaxis]
        case _:
            weight = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    bias = step.arrays.get("bias", np.zeros(1)) * factor + offset
    if isinstance(step.operation, ops.LocalSum):
        bias = np.broadcast_to(bias, weight.shape[:2])
    return replace(step, arrays={"weight": weight, "bias": bias})


class _Walk:
    """Goes once through the tree, and gives each operation its arrays."""

    def __init__(self, shapes: Mapping[str, tuple[Shape, Shape]], arrays: Arrays) -> None:
        self.shapes, self.arrays = shapes, arrays

    def nodes(self, nodes: tuple[Node, ...], scope: str) -> Iterator[Step]:
        for name, node in named_children(nodes):
            yield from self.node(node, f"{scope}{name}")

    def node(self, node: Node, path: str) -> Iterator[Step]:
        match node:
            case Layer():
                for operation in node.operations(self.shapes[path][0]):
                    yield self.bound(operation, path)
            case Chain():
                yield from self.nodes(node.nodes, f"{path}.")
            case Sum() | Concat() | Product():
                how: Literal["add", "concat", "multiply"]
                how = "add" if isinstance(node, Sum) else "concat" if isinstance(node, Concat) else "multiply"
                named = named_children(node.branches)
                branches = tuple(tuple(self.node(branch, f"{path}.{name}")) for name, branch in named)
                yield Step(path, ops.Join(*self.shapes[path], how, ()), {}, branches)
            case Auxiliary():
                pass
            case _:
                assert_never(node)

    def bound(self, operation: ops.Operation, path: str) -> Step:
        if isinstance(operation, ops.Join):
            branches = tuple(tuple(self.bound(part, path) for part in branch) for branch in operation.branches)
            return Step(path, operation, {}, branches)
        roles = operation.weights.items()
        missing = [name for _, name in roles if f"{path}.{name}" not in self.arrays]
        if missing:
            raise ModelFileError(f"expected the weights {path}.{missing[0]}, received none of that name")
        return Step(path, operation, {role: self.arrays[f"{path}.{name}"] for role, name in roles})
