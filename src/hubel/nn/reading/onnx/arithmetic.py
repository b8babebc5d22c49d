"""ONNX's sums, differences, products and quotients with numbers that the file has stored: one row an operator."""

from __future__ import annotations

from dataclasses import replace

import hubel.arch as arch
from hubel.arch import Layer
from hubel.base.errors import NetworkError
from hubel.nn.reading.onnx.node import Instead, Node, Reader, per_channel


def _number(node: Node) -> tuple[float, bool] | None:
    """Return the one number that stands beside what the operator is given, and whether it comes second."""
    place = int(node.inputs[0] in node.takes)
    found = node.array(place)
    return None if found is None or found.size != 1 else (float(f"{float(found.reshape(-1)[0]):.7g}"), place == 1)


def _nothing(node: Node) -> NetworkError:
    return NetworkError(f"the tree has no layer for {node.kind}{' with a constant' if node.weights else ''}")


def _add(node: Node) -> Layer | Instead:
    if node.weights and per_channel(node) and getattr(node.before, "use_bias", None) is False and _biased(node):
        return Instead(replace(node.before, use_bias=True))
    number = _number(node) if node.weights else None
    if number is None and node.weights and per_channel(node):
        return arch.Shift()
    if number is None:
        raise _nothing(node)
    return arch.Rescaling(1.0, number[0])


def _biased(node: Node) -> bool:
    return isinstance(node.before, (arch.Conv2D, arch.Conv1D, arch.Dense, arch.Scale))


def _multiply(node: Node) -> Layer:
    if not node.weights:
        raise _nothing(node)
    if (number := _number(node)) is not None:
        return arch.Rescaling(number[0])
    if not per_channel(node):
        raise NetworkError("the tree multiplies by one learned number for each channel, not by other constants")
    return arch.Scale(use_bias=False)


def _subtract(node: Node) -> Layer | arch.Chain:
    number = _number(node) if node.weights else None
    if number is None and node.weights and per_channel(node):
        return arch.Shift() if node.inputs[0] in node.takes else arch.Chain(arch.Rescaling(-1.0), arch.Shift())
    if number is None:
        raise _nothing(node)
    return arch.Rescaling(1.0, -number[0]) if number[1] else arch.Rescaling(-1.0, number[0])


def _divide(node: Node) -> Layer:
    number = _number(node) if node.weights else None
    if number is None and node.weights and per_channel(node) and node.inputs[0] in node.takes:
        return arch.Scale(use_bias=False)
    if number is None:
        raise _nothing(node)
    if not number[1] or not number[0]:
        raise NetworkError("the tree has no layer that divides a number by others")
    return arch.Rescaling(1 / number[0])


ARITHMETIC: dict[str, Reader] = {"Add": _add, "Mul": _multiply, "Sub": _subtract, "Div": _divide}
