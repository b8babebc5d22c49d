"""What a page needs to train a network by itself: a chain of sums, pools and activations, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubel.arch import Layer, Row, ops, shape_text
from hubel.base.errors import SettingError
from hubel.code.packed import packed_body
from hubel.draw import strip
from hubel.studio.answers.read import report
from hubel.view.writers.markup import text_of
from hubel.view.writers.svg import drawing

INPUT, CLASSES = (28, 28, 1), 10  # of the digits that the page has
MOST_MACS, MOST_PARAMETERS = 100_000_000, 5_000_000  # a page's own program does each
FUNCTIONS = ("relu", "tanh", "sigmoid")


def steps(text: str) -> dict[str, Any]:
    """Return the steps of a network for the page's digits, a softmax at its end left to the loss, and what is not done;
    and the whole as the engine of pages runs it, its drawing from left to right, and the paths of its layers.

    Raises SettingError where it takes or gives something else, or has what the page cannot train.
    """
    found = report(text)
    network = found.network
    if tuple(network.input) != INPUT or tuple(found.output_shape) != (CLASSES,):
        raise SettingError(
            f"expected a network from {shape_text(INPUT)} to {CLASSES} numbers, a score a digit, received one from "
            f"{shape_text(network.input)} to {shape_text(found.output_shape)}"
        )
    for what, number, most in (
        ("multiply-adds an image", found.macs, MOST_MACS),
        ("parameters", found.parameters, MOST_PARAMETERS),
    ):
        if number > most:
            raise SettingError(
                f"expected at most {most:,} {what}, which a page's own program can do, received {number:,}; "
                "hubel train takes larger ones"
            )
    done = [(row.path, operation) for row in found.rows for operation in _operations(row)]
    if isinstance(last := done[-1][1], ops.Activate) and last.function == "softmax":
        done = done[:-1]
    left = [path for path, operation in done if isinstance(operation, ops.Pass) and operation.rate]
    made = [step for path, operation in done if (step := _step(path, operation)) is not None]
    return {
        "text": str(network),
        "name": network.name,
        "parameters": found.parameters,
        "macs": found.macs,
        "steps": made,
        "body": packed_body(found, str),
        "output": list(found.output_shape),
        "paths": (paths := [row.path for row in found.rows]),
        "strip": text_of(drawing(strip(found), places={path: at for at, path in enumerate(paths)}, ruled=False)),
        "notes": [f"left out in the page: {', '.join(left)}"] if left else [],
    }


def _operations(row: Row) -> Iterator[ops.Operation]:
    """What a layer computes, and what is written with it."""
    if not isinstance(row.node, Layer):
        raise _strange(row.path)
    shape = row.input_shape
    for step in row.node.steps():
        yield (operation := step.lower(shape))
        shape = operation.output


def _strange(path: str) -> SettingError:
    return SettingError(
        f"{path}: the page trains chains of conv, pooling, dense, {', '.join(FUNCTIONS)} and dropout; hubel train "
        "trains all others"
    )


def _step(path: str, operation: Any) -> dict[str, Any] | None:
    about = {"path": path, "input": list(operation.input), "output": list(operation.output)}
    if isinstance(operation, (ops.Pass, ops.View)):
        return None
    if isinstance(operation, ops.DenseSum) and len(operation.input) == 1:
        return {**about, "kind": "dense", "bias": operation.bias is not None}
    if isinstance(operation, ops.Activate) and operation.function in FUNCTIONS:
        return {**about, "kind": "activate", "function": operation.function}
    if isinstance(operation, ops.Span) and len(operation.spans) == 2:
        spans = [[list(stretch) for stretch in axis] for axis in operation.spans]
        return {**about, "kind": operation.how, "spans": spans}
    if isinstance(operation, ops.WindowedSum) and len(operation.windows) == 2 and operation.groups == 1:
        names = ("kernel", "stride", "before", "dilation")
        windows = [{name: getattr(window, name) for name in names} for window in operation.windows]
        return {**about, "kind": "conv", "bias": operation.bias is not None, "windows": windows}
    raise _strange(path)
