"""The studio in a notebook: a widget that shows a network, a convolution, a run's report, and gives edits back."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from hubel import zoo
from hubel.arch import Network
from hubel.base.errors import HubelError, SettingError
from hubel.base.words import printable
from hubel.look.byhand.convolve import Convolution
from hubel.studio.answers import answered
from hubel.studio.digits import DIGIT_FILES, digits_file
from hubel.studio.page import notebook_page
from hubel.view.writers.linked import web_file

HEIGHT = 760  # pixels
_ROWS, _PLANES, _KERNEL = 24, 3, 7  # that the room shows
Send = Callable[[dict[str, Any]], object]


def live(given: Any, height: int = HEIGHT) -> Any:
    """Show something at work in a notebook (Jupyter, VS Code, Colab, marimo): leave it on a cell's last line.

    given: a network, as a word, a text form, a `Network`, `Report` or `Sequential`, in the studio's rooms, where one
    changes it: the widget's `network` is then the changed one, and setting it changes the page. Or a `Convolution`
    (`hubel.look.byhand.convolve.convolve`), step by step; or a `Run`, whose report is shown. height: pixels.

    Raises ModuleNotFoundError, with what to install, where anywidget is not here; SettingError for anything else.
    """
    kind = _kind()
    runs = sys.modules.get("hubel.train.run.run")  # where there is a run, this is imported
    if runs is not None and isinstance(given, runs.Run):
        from hubel.report import report_page

        return kind(page=report_page(given), height=height)
    if isinstance(given, Convolution):
        return kind(page=notebook_page(_of_convolution(given)), height=height)
    text = _text(given)
    return kind(page=notebook_page(_of_network(text)), height=height, text=text)


def replied(message: Any, designed: Callable[[str], object] = lambda text: None) -> dict[str, Any]:
    """What a page's message is answered with. designed: is told the text form of each network that it shows."""
    if not isinstance(message, Mapping) or not isinstance(message.get("number"), int):
        raise SettingError("expected a message of the studio's page")
    number = {"number": message["number"]}
    if (file := str(message.get("file"))) in DIGIT_FILES:
        return {**number, "answer": base64.b64encode(digits_file(file)).decode()}
    try:
        answer = answered(str(message.get("question")), message.get("values") or {})
    except (HubelError, LookupError) as error:
        return {**number, "refused": printable(str(error.args[0] if error.args else error))}
    if message["question"] == "design" and not {"error", "wrong"} & answer.keys():
        designed(str(message["values"].get("text", "")))
    return {**number, "answer": answer}


def _text(given: Any) -> str:
    network = given if isinstance(given, (str, Network)) else getattr(given, "network", given)
    if isinstance(network, str) and zoo.meant(network.strip()):
        return network.strip()
    if isinstance(network, (str, Network)):
        return str(zoo.network(network))
    raise SettingError(f"expected a network, a convolution or a run to show at work, received {type(given).__name__}")


def _of_network(text: str) -> str:
    return f"room=design&net={quote(text, safe='')}"


def _of_convolution(made: Convolution) -> str:
    layer = made.layer
    sides = {len(made.image[0]), len(made.image[0][0])}, {len(made.kernel[0]), len(made.kernel[0][0])}
    alike = all(isinstance(each, int) or each[0] == each[1] for each in (layer.strides, layer.dilation_rate))
    if max(sides[0]) > _ROWS or len(sides[1]) > 1 or max(sides[1]) > _KERNEL or len(made.image) > _PLANES or not alike:
        raise SettingError(
            f"expected at most {_ROWS}×{_ROWS} numbers in {_PLANES} channels, and a square kernel of at most {_KERNEL}×"
            f"{_KERNEL} that moves alike down and across, to show a convolution at work; its own page shows larger ones"
        )
    asked = {
        "x": _numbers(made.image),
        "k": _numbers(made.kernel),
        "s": _one(layer.strides),
        "p": "same" if layer.padding == "same" else 0 if layer.padding == "valid" else layer.padding,
        "d": _one(layer.dilation_rate),
        "b": f"{float(made.bias):g}",
        "f": made.activation or "none",
    }
    return "&".join(["room=convolve", *(f"{name}={quote(str(value), safe='')}" for name, value in asked.items())])


def _numbers(planes: Any) -> str:
    return " // ".join(" / ".join(" ".join(f"{float(each):g}" for each in row) for row in plane) for plane in planes)


def _one(sides: int | tuple[int, int]) -> int:
    return sides if isinstance(sides, int) else sides[0]


@cache
def _kind() -> Any:
    """The widget's class; its base comes with a package that is not always here."""
    try:
        import anywidget
        import traitlets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"expected {error.name} to show things at work in a notebook, and it is not installed; install it with: "
            "pip install 'hubel[notebook]'",
            name=error.name,
        ) from None

    class Live(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
        """A page at work in a notebook. network: what it shows, after changes there too; None of other pages."""

        _esm = web_file("studio", "widget.js")
        page = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int(HEIGHT).tag(sync=True)
        text = traitlets.Unicode()

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.on_msg(lambda widget, content, buffers: self.send(replied(content, self._designed)))

        @property
        def network(self) -> Network | None:
            """What the page shows."""
            return zoo.network(self.text) if self.text else None

        @network.setter
        def network(self, given: Any) -> None:
            self.text = _text(given)
            self.send({"address": _of_network(self.text)})

        def _designed(self, text: str) -> None:
            self.text = text

    return Live
