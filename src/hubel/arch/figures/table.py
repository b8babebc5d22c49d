"""A report as plain data, for JSON and for tables."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hubel.arch._cost import Formula
from hubel.arch._shape import Shape
from hubel.arch._tree import Node
from hubel.arch.figures.expression import Number
from hubel.arch.figures.report import Report, Row

# what a formula is called, in the order in which one reads; the first four make a row's short formula
TITLES = {
    "output_height": "output height",
    "output_width": "output width",
    "output_steps": "output steps",
    "output_features": "output",
    "output_channels": "output channels",
    "parameters": "parameters",
    "macs": "MACs",
    "padding_that_keeps_the_size": "padding that keeps the size",
    "dot_product": "numbers in one dot product",
    "parameters_per_filter": "parameters per filter",
    "weights": "weights",
    "biases": "biases",
    "frozen": "parameters not trained",
    "buffers": "running statistics",
    "bias_operations": "bias additions",
    "normalization_operations": "normalisation operations",
    "pooling_operations": "pooling operations",
    "activation_operations": "activation operations",
    "elementwise_operations": "element-wise operations",
    "activations": "numbers in the output",
}
SHORT = ("output_height", "output_steps", "output_features", "output_channels", "parameters", "macs")


def ordered(formulas: tuple[Formula, ...]) -> list[Formula]:
    """Put formulas in reading order: the output's size, parameters, MACs, the rest."""
    order = {figure: place for place, figure in enumerate(TITLES)}
    return sorted(formulas, key=lambda formula: order.get(formula.figure, len(order)))


def short_formula(formulas: list[Formula]) -> str:
    """Write the main formulas in one line: `output height (32 − 5)/1 + 1 = 28; parameters (5·5·3 + 1)·8 = 608`."""
    return "; ".join(f"{TITLES[formula.figure]} {formula}" for formula in formulas if formula.figure in SHORT)


def _formula_data(row: Row) -> dict[str, Any]:
    formulas = ordered(row.formulas)
    written = {
        formula.figure: {"names": formula.names, "values": formula.values, "result": _plain(formula.result)}
        for formula in formulas
    }
    return {"text": str(row.node) if row.is_layer else "", "formula": short_formula(formulas), "formulas": written}


def row_data(row: Row, formulas: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return one layer as JSON-able data; `formulas` are those of an equal layer, where they are at hand."""
    cost = row.cost
    return {
        "name": row.path,
        "type": row.type,
        "input_shape": list(row.input_shape),
        "output_shape": list(row.output_shape),
        "parameters": cost.parameters,
        "trainable": cost.trainable,
        "buffers": cost.buffers,
        "macs": cost.macs,
        "training_macs": row.training_macs,
        "operations": {
            "bias": cost.bias_operations,
            "normalization": cost.normalization_operations,
            "pooling": cost.pooling_operations,
            "activation": cost.activation_operations,
            "elementwise": cost.elementwise_operations,
        },
        "activations": cost.activations,
        "kept_bytes": row.kept_bytes,
        "receptive_field": list(row.field.size),
        "stride": [_plain(stride) for stride in row.field.stride],
        "offset": list(row.field.offset),
        "gradient_share": _plain(row.gradient_share),
        "auxiliary": row.auxiliary,
        "notes": list(row.notes),
        **(_formula_data(row) if formulas is None else formulas),
    }


def report_data(report: Report) -> dict[str, Any]:
    """Return a whole report as JSON-able data."""
    return {
        "name": report.network.name,
        "text": str(report.network),
        "input": list(report.network.input),
        "output_shape": list(report.output_shape),
        "parameters": report.parameters,
        "trainable": report.trainable,
        "buffers": report.total("buffers"),
        "macs": report.macs,
        "training_macs": report.training_macs,
        "operations": {
            name: report.total(f"{name}_operations")
            for name in ("bias", "normalization", "pooling", "activation", "elementwise")
        },
        "activations": report.activations,
        "kept_bytes": report.kept_bytes,
        "receptive_field": list(report.field.size),
        "gradient_share": _plain(report.gradient_share),
        "layers": _rows_data(report.rows),
        "notes": list(report.notes),
    }


def _rows_data(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    """Write every row; networks repeat themselves, so formulas are written once for equal layers of equal inputs."""
    known: dict[tuple[Node, Shape], dict[str, Any]] = {}
    found = []
    for row in rows:
        key = row.node, row.input_shape
        if not row.is_layer:
            found.append(row_data(row))
            continue
        if key not in known:
            known[key] = _formula_data(row)
        found.append(row_data(row, known[key]))
    return found


def _plain(value: Number | Fraction) -> int | float:
    return int(value) if value == int(value) else float(value)
