"""For networks too large to run in the page: what their layers make of a few images, worked out beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from hubel.arch import Row, ops, shape_text
from hubel.look import Sample, Scale, grad_cam
from hubel.look.errors.mistakes import Mistakes
from hubel.look.inside.maps import LayerMaps, maps
from hubel.report._images import picture_url, tiled
from hubel.tasks import LoadedModel
from hubel.view.writers.markup import Element, h

Picture = npt.NDArray[np.uint8]

_SHOWN = 2  # images whose maps are drawn
_LAYERS = 16  # layers that are drawn of them
_MAPS = 8  # maps of a layer
_WIDEST = 48  # pixels of a map; larger ones are averaged down
_LOOKED = 8  # images for which Grad-CAM says where the network looked


def maps_section(model: LoadedModel, found: Mistakes, indices: Sequence[int], reason: str) -> list[Element]:
    """The maps of some images, layer by layer, and where the network looked. `reason`: why it does not run, as a
    sentence.
    """
    prepared = [_sample(model, found, index) for index in indices[:_LOOKED]]
    parts = [h("p", f"{reason}. So these were worked out when the page was written.", class_="note")]
    if find_spec("captum") is not None:
        parts += _looked(model, prepared)
    for place, one in enumerate(prepared[:_SHOWN]):
        image = h("img", class_="pixels", src=picture_url(one.seen), height=96, alt=one.name)
        drawn = map(_layer, _chosen(maps(model, one, most=_MAPS).layers))
        parts.append(h("details", h("summary", one.name), image, drawn, open=place == 0))
    return parts


def _sample(model: LoadedModel, found: Mistakes, index: int) -> Sample:
    """An image of the set, which has been brought to the model's size already."""
    picture = found.dataset.images[index]
    name = f"image {index:,}: {found.classes[found.labels[index]]}"
    return Sample(name, picture, model.preprocessing.normalise(torch.from_numpy(picture.copy())[None]))


def _chosen(layers: Sequence[LayerMaps]) -> list[LayerMaps]:
    """The layers that do the work, and where there are many, evenly chosen ones of them."""
    working = [layer for layer in layers if not layer.is_vector and _works(layer.row)]
    places = np.linspace(0, len(working) - 1, min(_LAYERS, len(working))).astype(int)
    return [working[place] for place in places]


def _works(row: Row) -> bool:
    """Whether a layer weighs or pools what windows see, or branches meet in it."""
    operation = row.operation
    if isinstance(operation, ops.Span):
        return bool(operation.windows)
    return operation is None or isinstance(operation, (ops.WindowedSum, ops.TransposedSum))


def _layer(layer: LayerMaps) -> Element:
    values = layer.values[0]
    size = tuple(min(side, _WIDEST) for side in values.shape[1:])
    small = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(values), size).numpy()
    scale = Scale.of(small)
    picture = tiled(list(scale.colours(small)), len(small))
    address = picture_url(picture, "webp")
    words = f"{layer.row.path} · {layer.row.words} · {shape_text(layer.row.output_shape)}"
    note = f"; {layer.note}" if layer.note else ""
    low, high = (f"{value:.3g}".replace("-", "−") for value in (scale.low, scale.high))
    zoom = max(1, 64 // size[1])
    image = h(
        "img",
        class_="pixels",
        src=address,
        width=picture.shape[1] * zoom,
        height=picture.shape[0] * zoom,
        alt=f"maps of {layer.row.path}",
    )
    return h("figure", image, h("figcaption", h("b", words), f"{note}; from {low} to {high}"), class_="maps")


def _looked(model: LoadedModel, prepared: list[Sample]) -> list[Element]:
    """Grad-CAM of each image for its likeliest class, laid over the image."""
    found = grad_cam(model, prepared)
    drawn = []
    for one, maps_of_one in zip(found.images, found.maps, strict=True):
        looked = maps_of_one[0]
        both = np.concatenate([_coloured(one.seen), _overlaid(one.seen, looked.magnitude)], axis=1)
        words = f"{one.name}, taken for {looked.class_name} with {looked.probability:.1%}"
        image = h("img", class_="pixels", src=picture_url(both), height=112, alt=words)
        drawn.append(h("figure", image, h("figcaption", words)))
    told = (
        f"Grad-CAM (Selvaraju et al. 2017): the places of {found.layer or 'the last maps'} that speak for the class, "
        "bright where they speak most."
    )
    return [
        h("h3", "Where it looked"),
        h("p", told),
        h("div", drawn, class_="looked"),
        h("h3", "What the layers make of an image"),
    ]


def _coloured(picture: Picture) -> Picture:
    return picture.repeat(3, axis=2) if picture.shape[2] == 1 else picture[..., :3]


def _overlaid(picture: Picture, magnitude: npt.NDArray[np.float32]) -> Picture:
    height, width = picture.shape[:2]
    spread = np.asarray(Image.fromarray(magnitude).resize((width, height), Image.Resampling.BILINEAR))
    grey = _coloured(picture).mean(2, keepdims=True).repeat(3, axis=2)
    blended: Picture = np.rint(0.35 * grey + 0.65 * Scale.of_magnitude(spread).colours(spread)).astype(np.uint8)
    return blended
