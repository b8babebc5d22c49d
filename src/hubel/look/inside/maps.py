"""What every layer makes of an image: its activations, on one page, with shapes and formulas.

Arrays first (`maps(model, images).layers[0].values`), the picture second (`.figure().save("maps.html")`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hubel.arch import Row, ops, shape_text
from hubel.base.errors import SettingError
from hubel.base.numbers import short_text
from hubel.look.access.captions import layer_rules, pick
from hubel.look.access.models import of_any_model
from hubel.look.access.record import record
from hubel.look.access.sample import Sample, samples
from hubel.tasks import LoadedModel
from hubel.view.figures.scale import Scale
from hubel.view.words.finding import Drawn

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST_MAPS = 16  # of one layer
MOST_OF_MANY = 8  # the same in a network of many layers
MANY = 40
UNCHANGED = (ops.Pass, ops.View)  # these pass on the numbers they are given


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """One layer's activations for one image or several.

    row: the layer. channels: which are shown, the same for every image; `total` is how many there are.
    values: float32, images×channels×H×W (a sequence's: 1×steps), or images×features of a vector (whole), after the
        layer's own activation.
    dead: for each image, how many channels (or features) are zero everywhere.
    """

    row: Row
    channels: tuple[int, ...]
    total: int
    values: npt.NDArray[np.float32] = field(repr=False)
    dead: tuple[int, ...] = ()

    @property
    def is_vector(self) -> bool:
        """Whether the layer gives a vector, not maps."""
        return self.values.ndim == 2

    @property
    def scale(self) -> Scale:
        """The colours of all its maps: signed where any number is below zero."""
        return Scale.of(self.values)

    @property
    def note(self) -> str:
        """Which of the channels are shown, and how many are zero everywhere."""
        parts = []
        if len(self.channels) < self.total:
            parts.append(f"the {len(self.channels)} strongest of {self.total:,} channels, by mean magnitude")
        if any(self.dead):
            what = "numbers" if self.is_vector else "channels"
            counts = " and ".join(f"{count:,}" for count in self.dead)
            parts.append(f"{counts} of {self.total:,} {what} are zero" + ("" if self.is_vector else " everywhere"))
        return "; ".join(parts)


@dataclass(frozen=True, eq=False)
class Maps(Drawn):
    """The activations of a network's layers for some images."""

    drawn_by: ClassVar[str] = "hubel.look.figures.maps:maps_figure"

    name: str
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    layers: tuple[LayerMaps, ...]

    def __getitem__(self, path: str) -> LayerMaps:
        return next(layer for layer in self.layers if layer.row.path == path)

    def lines(self, width: int = 160) -> Iterator[RenderableType]:
        """A line a layer: its shape, extremes and strongest channels."""
        from hubel.view.words.terminal import table

        rows = []
        for layer in self.layers:
            low, high = short_text(float(layer.values.min())), short_text(float(layer.values.max()))
            rows.append((layer.row.path, shape_text(layer.row.output_shape), low, high, _strongest(layer)))
        yield table("layer", "#output", "#lowest", "#highest", "strongest channels", rows=rows)

    def data(self) -> dict[str, Any]:
        """Return the figures of every layer as JSON-able data: shapes, formulas, extremes, the channels in order."""
        return {
            "network": self.name,
            "images": [s.name for s in self.samples],
            "layers": list(map(_data, self.layers)),
        }


@of_any_model
def maps(
    model: LoadedModel,
    images: Any,
    layer: str | None = None,
    channels: Sequence[int] | None = None,
    most: int | None = None,
) -> Maps:
    """Run the model once on images (see `samples`) and return every layer's activations.

    `layer` is a layer or a part of the network, by its path; `channels` are those to show, else the `most` strongest
    of each layer by mean magnitude (16; of a network of many layers 8). Layers that pass their numbers on unchanged
    when a network predicts (dropout, identity) are left out unless named.

    Raises `KeyError`, with the nearest, for a layer that is not there, `ValueError` for a channel.
    """
    if not model.task.of_files:
        raise SettingError(
            f"expected a model that takes images, received one for {model.task.name}; hubel look unit follows a text"
        )
    images = samples(model, images)
    paths = None if layer is None else frozenset([layer])
    found = record(model, torch.cat([image.input for image in images]), paths)
    rows = [row for row in found.rows if layer is not None or not isinstance(row.operation, UNCHANGED)]
    count = most or (MOST_MAPS if len(rows) <= MANY else MOST_OF_MANY)
    layers = tuple(_layer_maps(row, found.outputs[row.path], channels, count) for row in rows)
    return Maps(model.network.title, model.classes, images, layers)


def _layer_maps(row: Row, output: Tensor, channels: Sequence[int] | None, most: int) -> LayerMaps:
    """Keep what is shown of a layer's output, N×C×H×W, N×C×steps (maps one pixel high) or N×features."""
    output = output.unsqueeze(2) if output.dim() == 3 else output
    total = output.shape[1]
    strengths = output.abs().flatten(2).mean(2) if output.dim() == 4 else output.abs()  # images × channels
    dead = tuple((strengths == 0).sum(1).tolist())
    if output.dim() == 2:
        return LayerMaps(row, tuple(range(total)), total, output.float().numpy(), dead)
    if channels is not None:
        kept = [pick(f"channel of {row.path}", channel, total) for channel in channels]
    elif total <= most:
        kept = list(range(total))
    else:
        kept = torch.topk(strengths.mean(0), most).indices.tolist()
    return LayerMaps(row, tuple(kept), total, output[:, kept].float().numpy(), dead)


def _data(layer: LayerMaps) -> dict[str, Any]:
    values = layer.values
    return {
        "layer": layer.row.path,
        "what": layer.row.words,
        "input_shape": list(layer.row.input_shape),
        "output_shape": list(layer.row.output_shape),
        "rules": layer_rules(layer.row),
        "receptive_field": list(layer.row.field.size),
        "channels": list(layer.channels) if not layer.is_vector else None,
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "mean": float(values.mean()),
        "zero_everywhere": list(layer.dead),
        "values": values.tolist() if layer.is_vector else None,
    }


__all__ = ["LayerMaps", "Maps", "maps"]


def _strongest(layer: LayerMaps) -> str:
    strengths = np.abs(layer.values.reshape(*layer.values.shape[:2], -1)).mean((0, 2))
    best = np.argsort(-strengths, kind="stable")[:5]
    return " ".join(str(layer.channels[place]) for place in best)
