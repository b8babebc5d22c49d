"""A trained model as plain JSON, for the page's own arithmetic: every number resolved, nothing left to look up.

Shapes, windows, bins and receptive fields are worked out here, by the tree; the page only multiplies and adds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

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
    analyse,
    assert_never,
    named_children,
    ops,
)
from hubel.look import Scale
from hubel.look.byhand.kernels import kernels_for_pages
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import decoding_of

FORMAT = 1
MOST_PARAMETERS = 1_500_000  # 8 MB of page
MOST_OF_MAKERS = 4_000_000  # of networks that make pictures of vectors, whose page is for nothing else: 21 MB
MOST_MACS = 250_000_000  # some 0.2 s of JavaScript


def pack(model: LoadedModel, places: bool = False) -> dict[str, Any] | None:
    """The model as JSON values, for `hubel/engine`; None where it cannot run in a page (`reason_not_packed`).

    `body` is the tree: a layer has `path`, `type`, `text`, `input`, `output` (H×W×C or (features,)), `operation`
    (as `hubel.arch.ops` has it), the name of its `activation`, `weights` (name: [offset, length] in the numbers of
    `weights`), `field` (rows and columns: length, firsts, lasts, advance, as `hubel.arch.Axis`), `counted` (how its
    parameters are counted) and `notes`; a chain, sum, concat or side exit has `nodes`. `weights` is base64 of
    little-endian float32, in PyTorch's order.
    """
    if reason_not_packed(model, places) is not None:
        return None
    report = analyse(model.network)
    packer = _Packer(report, model.module)
    body = packer.nodes(model.network.body.nodes, "")
    numbers = np.concatenate(packer.numbers) if packer.numbers else np.zeros(0, np.float32)
    return {
        "format": FORMAT,
        "name": model.network.name,
        "task": model.task.name,
        "classes": list(model.classes),
        "preprocessing": json.loads(model.preprocessing.to_json()),
        "input": list(model.network.input),
        "output": list(report.output_shape),
        "parameters": report.parameters,
        "macs": report.macs,
        "body": body,
        "weights": {"dtype": "float32", "data": base64.b64encode(numbers.astype("<f4").tobytes()).decode()},
        "kernels": kernels_for_pages(),
        "colours": {
            "signed": _table(Scale.signed(1).bar(257)),
            "magnitude": _table(Scale.magnitude(0, 1).bar(256)),
        },
    }


def reason_not_packed(model: LoadedModel, places: bool = False) -> str | None:
    """Why a model cannot run in a page: it is too large, does not classify, or has a layer that the page does not know;
    None if it can.

    places: one that names the class of every place is taken too. A page takes up to 1,500,000 parameters (8 MB of
    text), of what makes pictures of vectors 4,000,000, and 250,000,000 MACs (some 0.2 s).
    """
    if not (decoding_of(model.task.name).names or places):
        return f"expected a model that classifies, received one for {model.task.name}"
    report = analyse(model.network)
    makes = len(model.network.input) == 1 and len(report.output_shape) == 3
    most = MOST_OF_MAKERS if makes else MOST_PARAMETERS
    if report.parameters > most:
        return f"expected at most {most:,} parameters to run in a page, received {report.parameters:,}"
    if report.macs > MOST_MACS:
        return f"expected at most {MOST_MACS:,} MACs to run in a page, received {report.macs:,}"
    for row in report.rows:
        if isinstance(row.node, Layer) and not row.auxiliary:
            for part in row.node.steps()[0].lower(row.input_shape).inside():
                if isinstance(part, ops.Opaque):
                    return part.refusal("it cannot run in a page")
    return None


class _Packer:
    """Walks the tree once, and gathers the weights as it goes."""

    def __init__(self, report: Report, module: nn.Module) -> None:
        self.rows = {row.path: row for row in report.rows}
        self.state = {name: tensor.detach().cpu().float().numpy() for name, tensor in module.state_dict().items()}
        self.numbers: list[npt.NDArray[np.float32]] = []
        self.length = 0

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
            "weights": {name: self.keep(self.state[f"{row.path}.{name}"]) for name in operation.weights.values()},
        }

    def keep(self, array: npt.NDArray[np.float32]) -> list[int]:
        flat = np.ascontiguousarray(array).ravel()
        self.numbers.append(flat)
        self.length += flat.size
        return [self.length - flat.size, flat.size]


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


def _table(colours: npt.NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(colours).tobytes()).decode()
