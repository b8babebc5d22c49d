"""What the page tells of a layer that is chosen: formulas, how its weights are spread, its filters as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.arch import Report, Row, ops, shape_text
from hubel.look import Scale
from hubel.report._glossary import FIGURES
from hubel.report._images import picture_url, tiled
from hubel.tasks import LoadedModel
from hubel.view.figures.charts import histogram
from hubel.view.writers.markup import text_of

Weights = npt.NDArray[np.float32]

BINS = 41
_ENOUGH = 500_000  # weights from which a histogram is drawn; of more, evenly spread ones
_KERNELS = 12  # kernels across and down in a picture of those that are not all shown
_PICTURES = 40  # layers whose filters are drawn


def layer_data(report: Report, formulas: dict[str, Any], model: LoadedModel) -> dict[str, Any]:
    """`formulas` (see `hubel.draw.PageParts`) with more in each row: figures, weights, filters."""
    state = {name: value.detach().float().cpu().numpy() for name, value in model.module.state_dict().items()}
    drawn = 0
    for row, told in zip(report.rows, formulas["rows"], strict=True):
        weight = state.get(f"{row.path}.weight")
        told["facts"] = _facts(row)
        told["notes"] = list(row.notes)
        if weight is None or not weight.size:
            continue
        told["weights"] = _spread(weight)
        if (
            weight.ndim == 4
            and max(weight.shape[2:]) > 1
            and drawn < _PICTURES
            and not isinstance(row.operation, ops.LocalSum)
        ):
            told["filters"] = _filters(row, weight)
            drawn += 1
    return formulas


def _facts(row: Row) -> list[list[str]]:
    field = row.field
    return [
        ["input", shape_text(row.input_shape)],
        ["output", shape_text(row.output_shape)],
        ["parameters", f"{row.cost.parameters:,}", FIGURES["parameters"]],
        ["MACs", f"{row.cost.macs:,}", FIGURES["MACs"]],
        ["receptive field", field.size_text, FIGURES["receptive field"]],
    ]


def _spread(weight: Weights) -> dict[str, Any]:
    every = max(1, weight.size // _ENOUGH)
    values = weight.reshape(-1)[::every]
    limit = float(np.abs(values).max()) or 1.0
    counts, _ = np.histogram(values, BINS, (-limit, limit))
    words = (
        f"{weight.size:,} weights, biases not counted: mean {values.mean():.3g}, "
        f"standard deviation {values.std():.3g}, from {values.min():.3g} to {values.max():.3g}"
    ).replace("-", "−")
    return {"chart": text_of(histogram([int(count) for count in counts], limit)), "words": words}


def _filters(row: Row, weight: Weights) -> dict[str, Any]:
    """Kernels of a layer, filters × channels × rows × columns, as one picture with gaps that are transparent."""
    if isinstance(row.operation, ops.TransposedSum):  # which PyTorch keeps with the channels first
        weight = weight.swapaxes(0, 1)
    filters, channels, rows, columns = weight.shape
    if channels == 3 and row.input_shape[-1] == 3:
        limit = float(np.abs(weight).max()) or 1.0
        tiles = np.rint((weight.transpose(0, 2, 3, 1) / limit + 1) * 127.5).astype(np.uint8)
        across = min(filters, 16)
        return {
            **_picture(list(tiles[:128]), across, rows, columns),
            "caption": f"{_count(filters, 128, 'filter')} of {rows}×{columns}×3, each as a picture in red, green and "
            f"blue: grey is 0, the ends are ±{limit:.3g}",
        }
    if channels == 1:
        shown = weight[:144, 0]
        across = min(len(shown), 16)
        what = f"{_count(filters, 144, 'filter')} of {rows}×{columns}"
    else:
        shown = weight[:_KERNELS, :_KERNELS] if filters * channels > 400 else weight
        across = shown.shape[1]
        what = f"kernels of {rows}×{columns}: a row for each of {_count(filters, len(shown), 'filter')}, a column for "
        what += f"each of {_count(channels, across, 'input channel')}"
        shown = shown.reshape(-1, rows, columns)
    scale = Scale.of_signed(shown)
    caption = f"{what}; blue is negative, white 0, red positive, the ends are ±{scale.high:.3g}"
    return {**_picture(list(scale.colours(shown)), across, rows, columns), "caption": caption}


def _count(there: int, shown: int, name: str) -> str:
    return f"the first {shown:,} of {there:,} {name}s" if there > shown else f"{there:,} {name}{'s' * (there != 1)}"


def _picture(tiles: list[npt.NDArray[np.uint8]], across: int, rows: int, columns: int) -> dict[str, Any]:
    """Tiles on one picture, and how large the page should show it."""
    canvas = tiled(tiles, across)
    scale = max(2, min(10, 56 // max(rows, columns), 720 // canvas.shape[1]))
    return {"url": picture_url(canvas), "width": canvas.shape[1] * scale, "height": canvas.shape[0] * scale}
