"""A page as one of the forms: one file that opens from a disk, on a phone too, and asks nobody for anything."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from hubel.arch import analyse, closing_function
from hubel.base.errors import SettingError
from hubel.code.javascript import engine_modules
from hubel.data.colours.white import for_pages
from hubel.data.prepare.cut import CUT
from hubel.export.forms import Order, Written
from hubel.export.page.pack import pack, reason_not_packed
from hubel.export.page.trial import Trial, TrialError
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import decoding_of, shown_from
from hubel.view.figures.colours import SERIES
from hubel.view.writers.linked import program, web_file
from hubel.view.writers.markup import h
from hubel.view.writers.page import page

if TYPE_CHECKING:
    from hubel.export.check import Picture
    from hubel.export.forms import Runner

RUNTIME = "node_modules/onnxruntime-web/dist"  # where npm puts it, beside which hubel is called or above
_BUNDLE, _WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
PLAYING = {"media-src": "blob:"}  # what a page may do that plays sounds
_EXPORT = re.compile(r"export\{(?P<names>[^{}]*)\};?\s*(?://# sourceMappingURL=\S*\s*)?$")


def written_page(order: Order) -> Written:
    """Write a page that says of pictures, the camera and drawings which class or labels they have, or numbers, names
    the class of each of their pixels, finds objects or points in them, or colours them; or one that says so of WAV
    files and what the microphone hears.

    Small networks run in the page's own engine, others in ONNX Runtime as WebAssembly, which npm installs beside
    (onnxruntime-web) and the page then holds. Of a folder, the page is its index.html.

    Raises SettingError for tasks that a page does not answer for, and where that runtime is not there.
    """
    model = order.model
    decoding = decoding_of(model.task.name)
    if not (decoding.names or decoding.lists or decoding.says_where) or not model.task.of_one:
        instead = "hubel serve has one" if model.task.answers_examples else "hubel predict shows what it does"
        raise SettingError(
            "a page is written for tasks that name classes or labels of a picture, a class of each pixel, or numbers, "
            f"find objects or points, or colour pictures, not for {model.task.name}; {instead}"
        )
    if model.preprocessing.channels not in (1, 3):
        raise SettingError(f"a page has pictures, which hold no {model.preprocessing.channels} bands")
    hears = model.preprocessing.fit == "time"
    why = reason_not_packed(model, places=True)
    modules, data, policy = _engine(model) if why is None else _runtime(model, why)
    policy |= PLAYING if hears else {}
    text = _page(order, program(["hubel/export/page"], modules), data, policy)
    told = "it runs in the page's own engine" if why is None else f"it runs in ONNX Runtime inside the page ({why})"
    name = "" if order.path.suffix.lower() in (".html", ".htm") else "index.html"
    run, runtime, note = _trial(model, modules, data)
    read = _file if hears else None
    return Written({name: text.encode()}, "sound" if hears else "image", run, runtime, read, notes=(told, note))


def _file(sound: Picture) -> npt.NDArray[np.uint8]:
    """A sound's file as the trial is given it: as a picture a byte high."""
    content = sound if isinstance(sound, bytes) else Path(str(sound)).read_bytes()
    return np.frombuffer(content, np.uint8)[np.newaxis]


def _trial(model: LoadedModel, modules: dict[str, str], data: dict[str, Any]) -> tuple[Runner | None, str, str]:
    """What computes the page's answers here, its name, and what is not compared."""
    try:
        trial = Trial(modules, data, "scores" if _drawn(model) else "shares")
        if model.preprocessing.fit != "time":
            trial(np.zeros((1, 8, 8, 3), np.uint8))
    except TrialError as error:
        return None, "", f"nothing here can run a page ({error}), so it was not compared: open it and look"

    def run(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        found, decoding = trial(images), decoding_of(model.task.name)
        if not _drawn(model):
            return found[..., 0, 0]
        if "onnx" not in data:
            return model.task.outcome(torch.from_numpy(found.copy())).numpy()
        return found if decoding.boxes or decoding.points else np.exp(found)  # see onnx_runner.js

    if model.preprocessing.fit == "time":
        return run, trial.name, "its programs were run on the sounds' files; it reads WAV files alone"
    return run, trial.name, "its programs were run on pixels; how a browser decodes files was not compared"


def running(model: LoadedModel) -> tuple[dict[str, str], dict[str, Any]]:
    """What the module `hubel/export/page` needs of a model that runs in the page's own engine (`reason_not_packed` has
    none): other modules, by name, and the page's data.
    """
    modules = {**engine_modules(), "hubel/export/runner": web_file("export", "engine_runner.js")}
    packed = pack(model, places=True)
    assert packed is not None
    views = {} if model.task.exchange is None else {"views": asdict(model.task.exchange)}
    return modules, {"model": packed | _drawn(model) | _listed(model) | views, "colours": SERIES, "cut": CUT}


def _engine(model: LoadedModel) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    """The modules that no file holds, the page's data, and what else the page may do."""
    return *running(model), {}


def _drawn(model: LoadedModel) -> dict[str, Any]:
    """What the page draws by: how scores are boxes, points or colours; of a task that names the class of each pixel,
    the colours of the classes.
    """
    decoding, settings = decoding_of(model.task.name), model.task.settings()
    if rules := decoding.boxes:
        own = {"most": settings[rules.most], "usual": settings[rules.usual]}
        return {"boxes": {**asdict(rules), **own, "threshold": shown_from(rules, model.summary)}}
    if points := decoding.points:
        names = model.classes
        joined = [[names[one], names[other]] for one, other in settings["bones"]]
        own = {"several": settings["several"], "most": settings["most"], "names": names, "joined": joined}
        return {"points": {**asdict(points), **own, "threshold": shown_from(points, model.summary)}}
    if squares := decoding.colours:
        own = {"middles": settings[squares.middles], "prior": settings[squares.prior]}
        return {"squares": {"temperature": squares.temperature, **own, **for_pages()}}
    found: Sequence[Sequence[int]] = getattr(model.task, "colours", ())
    return {"places": [list(colour) for colour in found]} if decoding.likeliest else {}


def _listed(model: LoadedModel) -> dict[str, Any]:
    """What the page makes of a number a class that is told as it is: by what each is multiplied, what is added, and
    from which on a label is one.
    """
    decoding, settings = decoding_of(model.task.name), model.task.settings()
    if not decoding.lists:
        return {}
    bent = decoding.function == "sigmoid" and closing_function(model.network) != "sigmoid"
    scale, shift = (settings[name] if name else [] for name in (decoding.scale, decoding.shift))
    return {"listed": {"enough": decoding.enough, "bent": bent, "scale": scale, "shift": shift}}


def _runtime(model: LoadedModel, why: str) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    from hubel.export.onnx.form import onnx_bytes  # which needs onnx; reports write pages without

    folder = _installed(why)
    made = {
        **engine_modules(),
        "hubel/export/runner": web_file("export", "onnx_runner.js"),
        "hubel/export/onnxruntime": _as_module((folder / _BUNDLE).read_text(encoding="utf-8")),
    }
    about = {"classes": list(model.classes), "preprocessing": json.loads(model.preprocessing.to_json())}
    drawn = _drawn(model)
    if squares := drawn.get("squares"):
        squares["prior"] = [0.0] * len(squares["prior"])  # the file's probabilities have it in them
    held = {
        "model": about | drawn | _listed(model),
        "colours": SERIES,
        "cut": CUT,
        "onnx": b64encode(onnx_bytes(model, "sized")).decode(),
        "wasm": b64encode((folder / _WASM).read_bytes()).decode(),
    }
    return made, held, {"script-src": "'wasm-unsafe-eval'"}


def _installed(why: str) -> Path:
    """Where onnxruntime-web lies. Raises SettingError where it does not."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / RUNTIME / _BUNDLE).is_file() and (folder / RUNTIME / _WASM).is_file():
            return folder / RUNTIME
    raise SettingError(
        f"{why} by itself; larger models run in ONNX Runtime as WebAssembly, which the page then holds: npm install "
        "onnxruntime-web, in this folder, and again"
    )


def _as_module(bundle: str) -> str:
    """The runtime's own bundle as a module that the linker knows: what it exports, as one constant."""
    found = _EXPORT.search(bundle)
    if found is None:
        raise SettingError(f"expected {_BUNDLE} of onnxruntime-web to end with its exports; install a 1.20 or newer")
    pairs = [each.strip().split(" as ") for each in found["names"].split(",")]
    names = ", ".join(f"{pair[-1]}: {pair[0]}" for pair in pairs if pair[-1] in ("InferenceSession", "Tensor", "env"))
    return f"{bundle[: found.start()]}\nexport const runtime = {{ {names} }};\n"


def _page(order: Order, script: str, data: dict[str, Any], policy: dict[str, str]) -> str:
    model, title, report = order.model, order.title, analyse(order.model.network)
    sheets = [web_file("view", name) for name in ("base.css", "live/live.css", "ways/ways.css")]
    names = ", ".join(model.classes[:12]) + (" …" if len(model.classes) > 12 else "")
    example = "sound" if model.preprocessing.fit == "time" else "picture"
    size = f"{model.network.title}, {report.parameters:,} parameters, {report.macs:,} multiply-adds a {example}"
    body = h(
        "main",
        h("h1", title),
        h(
            "p",
            f"{names}. {size}. All of it is in this page, and nothing leaves it.",
            class_="note",
        ),
        h("noscript", h("p", "This page needs JavaScript: the model runs in it.")),
        id="page",
    )
    return page(title, body, style="\n".join(sheets), scripts=[script], data=data, policy=policy)
