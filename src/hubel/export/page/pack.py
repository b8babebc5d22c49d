"""A trained model as plain JSON, for the page's own arithmetic: every number resolved, nothing left to look up.

Shapes, windows, bins and receptive fields are worked out here, by the tree; the page only multiplies and adds.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from hubel.arch import Layer, analyse, ops
from hubel.code.packed import packed_body
from hubel.look.byhand.kernels import kernels_for_pages
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import decoding_of
from hubel.view.figures.ramps import ramps_for_pages

FORMAT = 1
MOST_PARAMETERS = 1_500_000  # 8 MB of page
MOST_OF_MAKERS = 4_000_000  # of networks that make pictures of vectors, whose page is for nothing else: 21 MB
MOST_MACS = 250_000_000  # some 0.2 s of JavaScript


def pack(model: LoadedModel, places: bool = False) -> dict[str, Any] | None:
    """The model as JSON values, for `hubel/engine`; None where it cannot run in a page (`reason_not_packed`).

    `body` is the tree as `hubel.code.packed.packed_body` has it, its `weights` name: [offset, length] in the numbers of
    `weights`, which is base64 of little-endian float32, in PyTorch's order.
    """
    if reason_not_packed(model, places) is not None:
        return None
    report = analyse(model.network)
    numbers = _Numbers(model.module)
    body = packed_body(report, numbers.keep)
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
        "weights": {"dtype": "float32", "data": numbers.text()},
        "kernels": kernels_for_pages(),
        "colours": ramps_for_pages(),
    }


def reason_not_packed(model: LoadedModel, places: bool = False) -> str | None:
    """Why a model cannot run in a page: it is too large, does not classify, or has a layer that the page does not know;
    None if it can.

    places: one that names the class of every place is taken too. A page takes up to 1,500,000 parameters (8 MB of
    text), of what makes pictures of vectors 4,000,000, and 250,000,000 MACs (some 0.2 s).
    """
    if not (decoding_of(model.task.name).names or places):
        return f"a page runs models that classify, and this one is for {model.task.name}"
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


class _Numbers:
    """A module's weights, one after the other as they are asked for."""

    def __init__(self, module: nn.Module) -> None:
        self.state = {name: tensor.detach().cpu().float().numpy() for name, tensor in module.state_dict().items()}
        self.numbers: list[npt.NDArray[np.float32]] = []
        self.length = 0

    def keep(self, name: str) -> list[int]:
        """Where those of a name lie: [offset, length]."""
        flat = np.ascontiguousarray(self.state[name]).ravel()
        self.numbers.append(flat)
        self.length += flat.size
        return [self.length - flat.size, flat.size]

    def text(self) -> str:
        """All of them in base64."""
        return base64.b64encode(b"".join(each.astype("<f4").tobytes() for each in self.numbers)).decode()
