"""Which images of a data set excite each channel of a layer most, and where: one pass, memory bounded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hubel.arch import Field, Row
from hubel.data import Dataset
from hubel.look.access.infer import check_size
from hubel.look.access.record import modules_of
from hubel.nn import device_of, evaluation_mode
from hubel.nn.modules.own import own_hook
from hubel.tasks import LoadedModel

BATCH = 64
Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Excerpt:
    """What excites a channel: an image of the set, and of it the receptive field of the channel's largest number.

    index: which image; label: its class. value: the number, after the layer's own activation. place: (row, column) in
    the layer's output, None of a vector. span: ((first row, last row), (first column, last column)) that the number
    sees, clipped to the image; crop: that part, uint8 H×W×C. reaches_out: whether it sees padding too.
    """

    index: int
    label: int
    value: float
    place: tuple[int, int] | None
    span: Span
    crop: npt.NDArray[np.uint8] = field(repr=False)
    reaches_out: bool = False


class _Enough(Exception):  # noqa: N818 (no error)
    """The layer has been reached: what follows it need not be computed."""


def exciting(
    model: LoadedModel,
    row: Row,
    channels: Sequence[int],
    dataset: Dataset,
    best: int,
    indices: npt.NDArray[np.int64],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[tuple[Excerpt, ...], ...]:
    """Return, for each channel, the `best` images of those at `indices`, the most exciting first, each once.

    The network runs no further than the layer, 64 images at a time; kept are the largest numbers so far alone.
    """
    check_size(model, dataset)
    values = torch.empty(len(channels), 0)
    images, places = torch.empty(len(channels), 0, dtype=torch.int64), torch.empty(len(channels), 0, dtype=torch.int64)
    wanted = torch.tensor(list(channels))
    for start in range(0, len(indices), BATCH):
        part = indices[start : start + BATCH]
        output = _output(model, row, torch.from_numpy(dataset.images[part])).index_select(1, wanted)
        most, where = output.flatten(2).max(2) if output.dim() == 4 else (output, torch.zeros_like(output).long())
        values = torch.cat([values, most.T], 1)
        images = torch.cat([images, torch.from_numpy(part).expand(len(channels), -1)], 1)
        places = torch.cat([places, where.T], 1)
        kept = values.sort(dim=1, descending=True, stable=True).indices[:, :best]
        values, images, places = (found.gather(1, kept) for found in (values, images, places))
        if progress is not None:
            progress(min(start + BATCH, len(indices)), len(indices))
    return tuple(
        tuple(
            _excerpt(model, row, dataset, value, image, place)
            for value, image, place in zip(values[c].tolist(), images[c].tolist(), places[c].tolist(), strict=True)
        )
        for c in range(len(channels))
    )


def _output(model: LoadedModel, row: Row, images: Tensor) -> Tensor:
    """Run the network up to a layer and return what that gives, on the processor."""
    last = modules_of(row, dict(model.module.named_modules()))[-1]
    found: list[Tensor] = []

    def stop(module: torch.nn.Module, given: object, output: Tensor) -> None:
        found.append(output.detach().float().cpu())
        raise _Enough

    hook = last.register_forward_hook(own_hook(stop))
    try:
        with evaluation_mode(model.module), torch.inference_mode(), contextlib.suppress(_Enough):
            given = model.preprocessing.normalise(images.to(device_of(model.module)))
            model.module(given.flatten(1) if len(model.network.input) == 1 else given)
    finally:
        hook.remove()
    return found[0]


def _excerpt(model: LoadedModel, row: Row, dataset: Dataset, value: float, image: int, place: int) -> Excerpt:
    picture = dataset.images[image]
    height, width = picture.shape[:2]
    spot, spans = None, ((0, height - 1), (0, width - 1))
    if len(row.output_shape) == 3:
        spot = divmod(place, row.output_shape[1])
        spans = row.field.at(*spot) if len(model.network.input) == 3 else spans
    elif len(model.network.input) == 3:
        spans = whole(row.field)
    clipped = tuple(
        (max(first, 0), min(last, side - 1)) for (first, last), side in zip(spans, (height, width), strict=True)
    )
    (top, bottom), (left, right) = clipped
    crop = picture[top : bottom + 1, left : right + 1].copy()
    return Excerpt(
        image, int(dataset.labels[image]), value, spot, ((top, bottom), (left, right)), crop, clipped != spans
    )


def whole(seen: Field) -> Span:
    """Return what all numbers of a layer see together."""
    return seen.each(lambda axis: axis.everything()).at(0, 0)
