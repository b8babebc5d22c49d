"""A network as the engine of pages runs it: its tree with every shape, window and receptive field worked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hubel.arch import (
    Auxiliary,
    Chain,
    Concat,
    Layer,
    Node,
    Product,
    Report,
    Row,
    Sum,
    assert_never,
    named_children,
    ops,
)


def packed_body(report: Report, weights: Callable[[str], Any]) -> list[dict[str, Any]]:
    """The tree as plain values.

    A layer has `path`, `type`, `text`, `input`, `output` (H×W×C or (features,)), `operation` (as `hubel.arch.ops` has
    it), the name of its `activation`, its `weights` by name, `field` (rows and columns: length, firsts, lasts, advance,
    as `hubel.arch.Axis`), `counted` (how its parameters are counted) and `notes`; a chain, sum, concat or side exit has
    `nodes`.

    weights: where those of a name such as `conv1.weight` lie, asked for in order.
    """
    return _Packer(report, weights).nodes(report.network.body.nodes, "")


class _Packer:
    """Walks the tree once."""

    def __init__(self, report: Report, weights: Callable[[str], Any]) -> None:
        self.rows = {row.path: row for row in report.rows}
        self.weights = weights

    def nodes(self, nodes: tuple[Node, ...], scope: str) -> list[dict[str, Any]]:
        return [self.node(node, f"{scope}{name}") for name, node in named_children(nodes)]

    def node(self, node: Node, path: str) -> dict[str, Any]:
        match node:
            case Layer():
                return self.layer(node, self.rows[path])
            case Chain():
                return {"kind": "chain", "path": path, "nodes": self.nodes(node.nodes, f"{path}.")}
            case Sum() | Concat() | Product():
                inside = self.nodes(node.branches, f"{path}.")
                how = "add" if isinstance(node, Sum) else "concat" if isinstance(node, Concat) else "multiply"
                join: dict[str, Any] = {"kind": "Join", "how": how, "branches": []}
                facts = _facts(self.rows[path])
                return {"kind": type(node).__name__.lower(), **facts, "operation": join, "nodes": inside}
            case Auxiliary():  # for training alone: the page needs no more than its name
                return {"kind": "auxiliary", "path": path, "nodes": []}
            case _:
                assert_never(node)

    def layer(self, layer: Layer, row: Row) -> dict[str, Any]:
        plain, *after = layer.steps()
        operation = plain.lower(row.input_shape)
        activations = [step.lower(row.output_shape) for step in after]
        return {
            "kind": "layer",
            **_facts(row),
            "text": layer.text(),
            "operation": operation.data(),
            "activation": next((part.function for part in activations if isinstance(part, ops.Activate)), None),
            "weights": {name: self.weights(f"{row.path}.{name}") for name in operation.weights.values()},
        }


def _facts(row: Row) -> Mapping[str, Any]:
    """What the page tells of a layer, or of a place where branches meet."""
    return {
        "path": row.path,
        "type": row.type,
        "input": list(row.input_shape),
        "output": list(row.output_shape),
        "parameters": row.cost.parameters,
        "macs": row.cost.macs,
        "field": {
            name: {"length": axis.length, "firsts": axis.firsts, "lasts": axis.lasts, "advance": axis.advance}
            for name, axis in (("rows", row.field.rows), ("columns", row.field.columns))
        },
        "counted": next(
            ({"names": one.names, "text": str(one)} for one in row.formulas if one.figure == "parameters"), None
        ),
        "notes": list(row.notes),
    }
