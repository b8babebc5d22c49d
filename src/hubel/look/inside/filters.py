"""A layer's filters as pictures, and the images that excite each of its channels most.

Arrays first (`filters(model, "conv1").weights`), the picture second (`.figure().save("filters.html")`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from hubel.arch import Row, Shape, analyse, ops, shape_text
from hubel.base.errors import SettingError
from hubel.base.names import listing
from hubel.base.numbers import short_text
from hubel.data import Dataset
from hubel.look.access.captions import pick
from hubel.look.access.models import of_any_model
from hubel.look.inside.exciting import Excerpt, exciting
from hubel.look.unit.wiring import INPUT, wiring
from hubel.tasks import LoadedModel
from hubel.view.words.finding import Drawn

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST_FILTERS = 32
MOST_IMAGES = 10_000
_WEIGHTED = (ops.WindowedSum, ops.TransposedSum, ops.LocalSum, ops.DenseSum, ops.RadialSum)


@dataclass(frozen=True, eq=False)
class Filters(Drawn):
    """A layer's filters.

    row: the layer. channels: which of its channels are shown; `total` is how many there are. weights: float32,
    channels×inputs×rows×columns (a dense layer that was given a flattened picture: that picture's shape; one that was
    given a vector: 1×features; along steps: 1×steps), None where a layer has no weights of its own; biases: one a
    channel, or None.
    on_pixels: whether the layer is given the image itself. excerpts: for each channel the images that excite it most,
    of `searched` that were looked through; empty where none were.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.filters:filters_figure"

    name: str
    row: Row = field(repr=False)
    channels: tuple[int, ...]
    total: int
    weights: npt.NDArray[np.float32] | None = field(repr=False)
    biases: npt.NDArray[np.float32] | None = field(repr=False)
    on_pixels: bool
    excerpts: tuple[tuple[Excerpt, ...], ...] = field(default=(), repr=False)
    searched: int = 0
    classes: tuple[str, ...] = ()

    def lines(self, width: int = 160) -> Iterator[RenderableType]:
        """A line a channel: its extremes, its bias, and what excites it most."""
        from hubel.view.words.terminal import table

        shape = "" if self.weights is None else f", each {shape_text((*self.weights.shape[2:], self.weights.shape[1]))}"
        yield (f"{self.row.path}: {len(self.channels)} of {self.total} filters{shape}")
        titles = ["#channel"]
        titles += ["#lowest", "#highest", "#bias"] if self.weights is not None else []
        titles += ["excited most by"] if self.excerpts else []
        rows = []
        for place, channel in enumerate(self.channels):
            cells = [str(channel)]
            if self.weights is not None:
                own = self.weights[place]
                bias = "" if self.biases is None else short_text(float(self.biases[place]))
                cells += [short_text(float(own.min())), short_text(float(own.max())), bias]
            if self.excerpts:
                best = self.excerpts[place][:3]
                cells.append(", ".join(f"{self.classes[e.label]} ({short_text(e.value)})" for e in best))
            rows.append(cells)
        yield table(*titles, rows=rows)

    def data(self) -> dict[str, Any]:
        """Return the weights and the excerpts' places and values as JSON-able data."""
        return {
            "network": self.name,
            "layer": self.row.path,
            "output_shape": list(self.row.output_shape),
            "field": list(self.row.field.size),
            "channels": list(self.channels),
            "total": self.total,
            "weights": None if self.weights is None else self.weights.tolist(),
            "biases": None if self.biases is None else self.biases.tolist(),
            "searched": self.searched,
            "exciting": [[_excerpt_data(excerpt, self.classes) for excerpt in line] for line in self.excerpts],
        }


@of_any_model
def filters(
    model: LoadedModel,
    layer: str | None = None,
    channels: Sequence[int] | None = None,
    dataset: Dataset | None = None,
    *,
    most: int = MOST_FILTERS,
    best: int = 8,
    most_images: int = MOST_IMAGES,
    progress: Callable[[int, int], None] | None = None,
) -> Filters:
    """Return a layer's filters, of the first layer with weights where none is named.

    `channels` are those to show, else the first `most`. With a `dataset`, the `best` images that excite each channel
    most are found (of `most_images` evenly spread over the set), and cropped to the receptive field of the channel's
    largest number; `progress` is told how many are done. Images are run 64 at a time, no further than the layer.

    Raises `KeyError`, with the nearest, for a layer that is not there; `ValueError` for a channel that is not there,
    for a layer without weights where no data set is given, and for images of another size.
    """
    row = _row(model, layer, dataset is not None)
    total = row.output_shape[-1]
    chosen = (
        range(min(total, most)) if channels is None else [pick(f"channel of {row.path}", c, total) for c in channels]
    )
    weights, biases = _weights(model, row, list(chosen))
    excerpts: tuple[tuple[Excerpt, ...], ...] = ()
    searched = 0
    if dataset is not None:
        searched = min(len(dataset), most_images)
        indices = np.linspace(0, len(dataset) - 1, searched).astype(np.int64)
        excerpts = exciting(model, row, chosen, dataset, best, indices, progress)
    name, on_pixels = model.network.title, INPUT in wiring(model.network)[row.path]
    return Filters(
        name,
        row,
        tuple(chosen),
        total,
        weights,
        biases,
        on_pixels,
        excerpts,
        searched,
        dataset.classes if dataset else (),
    )


def _row(model: LoadedModel, layer: str | None, excites: bool) -> Row:
    report = analyse(model.network)
    rows = [row for row in report.rows if not row.auxiliary]
    weighted = [row for row in rows if isinstance(row.operation, _WEIGHTED)]
    if layer is None:
        if not weighted:
            raise SettingError("expected a network with a layer of weights, received one without: name a layer")
        return weighted[0]
    found = [row for row in report.find(layer) if not row.auxiliary]
    if not found:
        raise SettingError(f"expected a layer that runs when the network predicts, received {layer!r}, a side exit")
    own = next((row for row in found if row.path == layer), None)
    row = own or next((row for row in found if row in weighted), found[-1])
    if row not in weighted and not excites:
        raise SettingError(
            f"expected a layer with filters, received {row.path} ({row.type}), which has none; only the images that "
            f"excite it can be shown, which takes a data set. Filters have {listing([r.path for r in weighted], 8)}"
            + (" …" if len(weighted) > 8 else "")
        )
    return row


def _weights(
    model: LoadedModel, row: Row, channels: list[int]
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.float32] | None]:
    """Return channels×inputs×rows×columns, and the biases."""
    operation = row.operation
    if not isinstance(operation, _WEIGHTED):
        return None, None
    state = model.module.get_submodule(row.path).state_dict()
    arrays = {role: state[name].float().cpu() for role, name in operation.weights.items()}
    weight, bias = arrays["weight"], arrays.get("bias")
    if isinstance(operation, ops.TransposedSum):  # inputs × filters of a group: each group's filters see its inputs
        weight = weight.unflatten(0, (operation.groups, -1)).transpose(1, 2).flatten(0, 1)
    if isinstance(operation, ops.LocalSum):  # the kernels of the middle place
        middle = weight.shape[0] // 2 + (row.output_shape[1] // 2 if row.output_shape[0] % 2 == 0 else 0)
        height, width = (window.kernel for window in operation.windows)
        weight, bias = weight[middle].unflatten(1, (-1, height, width)), None if bias is None else bias[middle]
    if weight.dim() == 3:  # along steps: kernels of one row
        weight = weight.unsqueeze(2)
    if weight.dim() == 2:
        shape = _picture_before(model, row) or (1, weight.shape[1], 1)
        weight = weight.unflatten(1, (shape[2], shape[0], shape[1]))
    kept = torch.tensor(channels)
    return weight[kept].numpy(), None if bias is None else bias[kept].numpy()


def _picture_before(model: LoadedModel, row: Row) -> Shape | None:
    """Return the shape of the picture that a vector was flattened from right before a dense layer."""
    (source,) = wiring(model.network)[row.path]
    if source == INPUT:
        settings = model.preprocessing
        shape = (settings.height, settings.width, settings.channels)
        return shape if model.network.input == (math.prod(shape),) else None
    before = next(other for other in analyse(model.network).rows if other.path == source)
    return before.input_shape if isinstance(before.operation, ops.View) and len(before.input_shape) == 3 else None


def _excerpt_data(excerpt: Excerpt, classes: tuple[str, ...]) -> dict[str, Any]:
    (top, bottom), (left, right) = excerpt.span
    return {
        "image": excerpt.index,
        "label": classes[excerpt.label],
        "value": excerpt.value,
        "place": None if excerpt.place is None else list(excerpt.place),
        "field": {"rows": [top, bottom], "columns": [left, right]},
    }


__all__ = ["Excerpt", "Filters", "filters"]
