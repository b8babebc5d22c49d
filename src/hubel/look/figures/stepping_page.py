"""A window's way as a page that plays: every position's products and running sum, computed in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hubel.base.errors import SettingError
from hubel.look.figures.stepping import chosen_channels, input_scale
from hubel.view.figures.scale import Kind, Scale
from hubel.view.writers.linked import program, web_file
from hubel.view.writers.markup import Element, h
from hubel.view.writers.page import finding_page

if TYPE_CHECKING:
    from hubel.arch import Pair
    from hubel.look.byhand.stepping import Stepping

MOST_CHANNELS = 8  # of the input that are put in the page
MOST_NUMBERS = 400_000  # of the input that are put in the page
WHOLE = 60_000  # milliseconds that the film takes at most, where there are many positions
_BUTTONS = (
    ("first", "the first position"),
    ("back", "one position back"),
    ("play", "play or pause"),
    ("next", "one position on"),
    ("last", "the last position"),
)
KINDS: tuple[Kind, ...] = ("signed", "magnitude", "grey")


def to_html(found: Stepping, ending: str, theme: str, place: Pair | None = None) -> str:
    """Write the page. A dense layer, and one whose weights differ from place to place, stands still.

    Raises `ValueError` for an input too large to be put in a page.
    """
    if found.is_dense or (found.kind == "sum" and found.kernel is None):
        return found.figure(place).html(theme)
    held = _data(found, place)
    inputs = [
        h(
            "figure",
            _screen(f"what came in, channel {channel}", small=len(held["channels"]) > 2),
            h("figcaption", _caption(found, channel)),
            class_="input",
        )
        for channel in held["channels"]
    ]
    size = "×".join(map(str, found.output.shape))
    output = h(
        "figure",
        _screen("the output so far"),
        h("figcaption", f"output so far, {size}: click a place"),
        id="output",
    )
    buttons = [h("button", name, type="button", id=name, title=title) for name, title in _BUTTONS]
    slider = h("input", type="range", id="slider", min=0, aria_label="position")
    return finding_page(
        found.title,
        h("nav", buttons, slider, h("output", id="where"), aria_label="positions"),
        h("div", inputs, output, class_="panels"),
        h("h2", "In the window"),
        h("div", class_="products", id="products"),
        h("h2", "What comes of it"),
        h("p", id="sum"),
        h("div", id="chart"),
        subtitle=found.rules,
        style=web_file("look", "stepping.css"),
        scripts=[program(["hubel/look/stepping"])],
        data={"data": held},
        theme=theme,
    )


def _screen(label: str, small: bool = False) -> Element:
    canvas = h("canvas", role="img", aria_label=label)
    return h("div", canvas, h("i"), class_="screen small" if small else "screen")


def _caption(found: Stepping, channel: int) -> str:
    size = f"{found.inputs.shape[1]}×{found.inputs.shape[2]}"
    return f"came in, channel {channel}, {size}" if len(found.channels) > 1 else f"came in, {size}"


def _data(found: Stepping, place: Pair | None) -> dict[str, Any]:
    here = found.position(place or found.strongest)
    room = MOST_NUMBERS // found.inputs[0].size
    if not room or found.output.size > MOST_NUMBERS:
        raise SettingError(
            f"expected an input of at most {MOST_NUMBERS:,} numbers a channel for a page, received "
            f"{found.inputs[0].size:,}; write .png or .gif, or make the image smaller"
        )
    kept = chosen_channels(found, here, min(MOST_CHANNELS, room))
    below = found.position((0, 0))
    right, down = (
        found.position((0, min(1, found.output.shape[1] - 1))),
        found.position((min(1, len(found.output) - 1), 0)),
    )
    kernel = None if found.kernel is None else found.kernel[kept]
    biases = [done.value - here.total for done in here.finish if done.name == "bias"]
    others = len(found.channels) - len(kept)
    inputs = found.inputs[kept]
    return {
        "kind": found.kind,
        "shape": list(inputs.shape),
        "out": list(found.output.shape),
        "kernel": [len(here.rows), len(here.columns)],
        "stride": [down.rows[0] - below.rows[0], right.columns[0] - below.columns[0]],
        "before": [-below.rows[0], -below.columns[0]],
        "dilation": [_gap(here.rows), _gap(here.columns)],
        "channels": [found.channels[number] for number in kept],
        "others": others,
        "inputs": [_short(plane) for plane in inputs],
        "weights": None if kernel is None else [_short(plane) for plane in kernel],
        "sums": None if not others or found.sums is None else _short(found.sums),
        "bias": biases[0] if biases else None,
        "activation": next((done.name for done in here.finish if done.name != "bias"), None),
        "output": _short(found.output),
        "place": here.place[0] * found.output.shape[1] + here.place[1],
        "chosen": place is not None,
        "delay": int(min(500, max(40, WHOLE / found.output.size))),
        "tables": {kind: Scale(kind, -1.0, 1.0).bar(128)[0].tolist() for kind in KINDS},
        "scales": {
            "input": _scale(input_scale(found)),
            "output": _scale(Scale.of(found.output)),
            "weights": _scale(Scale.of_signed(found.kernel if found.kernel is not None else [0.0])),
            "products": _scale(Scale.of_signed(here.products)),
        },
    }


def _gap(places: tuple[int, ...]) -> int:
    return places[1] - places[0] if len(places) > 1 else 1


def _scale(scale: Scale) -> dict[str, Any]:
    return {"kind": scale.kind, "low": scale.low, "high": scale.high}


def _short(numbers: Any) -> list[float]:
    """Write numbers with six figures: what the page shows has three."""
    return [float(f"{value:.6g}") for value in np.asarray(numbers).ravel().tolist()]
