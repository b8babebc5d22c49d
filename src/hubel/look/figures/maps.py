"""The page of every layer's maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from hubel.arch import shape_text
from hubel.look.access.captions import layer_rules, layer_title
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure
from hubel.view.figures.vectors import FEW, bars, strip, strip_size

if TYPE_CHECKING:
    from hubel.look.access.sample import Sample
    from hubel.look.inside.maps import LayerMaps, Maps
SIZE = 61.0  # of a map on the page
WIDEST = 64  # pixels of a map that are drawn; larger ones are averaged down


def maps_figure(found: Maps) -> TiledFigure:
    """Draw the image and every layer's maps, one below the other."""
    names = ", ".join(sample.name for sample in found.samples)
    sections: list[Section | Chart] = [_given(found.samples)]
    for layer in found.layers:
        sections += _vector(found, layer) if layer.is_vector else _pictures(found, layer)
    subtitle = "each layer's maps on one scale of their own: blue below zero, red above, or dark to light from zero"
    return TiledFigure(f"{found.name}: what every layer makes of {names}", subtitle, tuple(sections))


def _given(prepared: tuple[Sample, ...]) -> Section:
    tiles = tuple(Tile(s.seen, s.name if len(prepared) > 1 else "", hover=s.name) for s in prepared)
    return Section(f"input · {shape_text(prepared[0].picture.shape)}", tiles, "as the network is given it", 112.0)


def _pictures(found: Maps, layer: LayerMaps) -> list[Section | Chart]:
    scale, note = layer.scale, _joined(layer_rules(layer.row), layer.note)
    title = layer_title(layer.row)
    several = len(found.samples) > 1
    sections: list[Section | Chart] = [Section(title, (), note)] if several else []
    for place, (sample, values) in enumerate(zip(found.samples, _shrunk(layer.values), strict=True)):
        tiles = tuple(
            Tile(scale.colours(value), "", hover=f"{layer.row.path}, channel {channel}, {shape_text(value.shape)}")
            for channel, value in zip(layer.channels, values, strict=True)
        )
        last = place == len(found.samples) - 1
        words = ("", sample.name) if several else (title, note)
        sections.append(Section(words[0], tiles, words[1], SIZE, scale if last else None))
    return sections


def _vector(found: Maps, layer: LayerMaps) -> list[Section | Chart]:
    title, note = layer_title(layer.row), _joined(layer_rules(layer.row), layer.note)
    names = found.classes if len(found.classes) == layer.total and layer is found.layers[-1] else None
    heads = [sample.name for sample in found.samples] if len(found.samples) > 1 else [""]
    if layer.total <= FEW:
        words = names or [str(number) for number in range(layer.total)]
        return [bars(title, list(layer.values), words, heads, note)]
    scale = layer.scale
    tiles = tuple(strip(values, scale, head) for values, head in zip(layer.values, heads, strict=True))
    sections: list[Section | Chart] = [Section(title, tiles, note, strip_size(layer.total), scale)]
    if names is not None:
        top = np.argsort(-layer.values.mean(0), kind="stable")[:10]
        best = [f"{names[place]}" for place in top]
        sections.append(bars("", [values[top] for values in layer.values], best, heads, "the ten largest"))
    return sections


def _shrunk(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average maps down to the pixels that are drawn: N×C×H×W."""
    height, width = values.shape[2:]
    if max(height, width) <= WIDEST:
        return values
    scale = WIDEST / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    found: npt.NDArray[np.float32] = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(values), size).numpy()
    return found


def _joined(*words: str) -> str:
    return "  ·  ".join(word for word in words if word)
