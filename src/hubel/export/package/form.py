"""The package as one of the forms."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image

from hubel.base.errors import SettingError
from hubel.base.versions import version_of
from hubel.export.check import Picture, evenly
from hubel.export.forms import Order, Written
from hubel.export.odd import odd_pictures
from hubel.export.odd_sounds import odd_sounds
from hubel.export.onnx.form import RUNTIME, onnx_bytes, runner, usual_input
from hubel.export.package.card import card
from hubel.export.package.reading import reading_program
from hubel.tasks.decoding import Decoding, decoding_of
from hubel.view.figures.tiles import png_bytes

PROGRAMS = ("predict.py", "test_predict.py", "Dockerfile")
_SHOWN = ("EXIF orientation 6", "dark on transparent", "16-bit grey PNG")  # where there are no pictures of the user's
_PLAYED = ("16 bits", "stereo", "8,000 samples a second")  # nor sounds


def written_package(order: Order) -> Written:
    """Write a folder: model.onnx, predict.py and reading.py (NumPy, Pillow and onnxruntime alone), test_predict.py
    with three pictures or sounds and answers.json, requirements.txt, Dockerfile, README.md (the model's card).
    """
    model = order.model
    decoding = decoding_of(model.task.name)
    if not (decoding.names or decoding.lists or decoding.says_where):
        raise SettingError(
            "a package is written for models that name classes or labels, of a picture or its places, say numbers, "
            f"find objects or points, or colour pictures, not for {model.task.name}"
        )
    if model.preprocessing.channels not in (1, 3):
        raise SettingError(
            f"a package reads picture files, which hold no {model.preprocessing.channels} bands; export model.onnx"
        )
    input, _ = usual_input(model, None)
    if input != "image" and (decoding.boxes or decoding.points or decoding.colours):
        raise SettingError(
            "a package answers in pixels of pictures of any size, and this model's preparation cannot be put into the "
            "ONNX file; export model.onnx, which takes prepared pictures"
        )
    content = onnx_bytes(model, input)
    run, program = runner(content, input, model), reading_program(model.preprocessing)
    space: dict[str, Any] = {"__name__": __name__}  # of a module that is there, for which data classes ask
    exec(compile(program, "reading.py", "exec"), space)  # hubel's own functions, as they are written

    def read(picture: Picture) -> Any:
        return space["read"](io.BytesIO(picture) if isinstance(picture, bytes) else picture)

    pictures = _pictures(order)
    answers = {name: _means(run(read(shown)[np.newaxis])[0]) for name, shown in pictures.items()}
    own = files("hubel.export.package").joinpath("files")
    made = {
        "model.onnx": content,
        **{name: own.joinpath(name).read_bytes() for name in PROGRAMS},
        "predict.py": _predicting(own.joinpath("predict.py").read_text(encoding="utf-8"), decoding),
        "reading.py": program.encode(),
        "requirements.txt": _requirements().encode(),
        "answers.json": json.dumps(answers, indent=1).encode(),
        "README.md": card(order).encode(),
        **{f"examples/{name}": shown for name, shown in pictures.items()},
    }
    return Written(made, input, run, f"the package, {RUNTIME}", read=read)


def _predicting(program: str, decoding: Decoding) -> bytes:
    """The program that says what was found, with what it cannot know of the model's file."""
    return program.replace("ENOUGH = None", f"ENOUGH = {decoding.enough or None}").encode()


def _requirements() -> str:
    return "".join(f"{name}=={version_of(name)}\n" for name in ("numpy", "pillow", "onnxruntime"))


def _means(shares: Any) -> list[float]:
    return [round(float(each), 6) for each in shares.reshape(len(shares), -1).mean(1)]


def _pictures(order: Order) -> dict[str, bytes]:
    """Three pictures or sounds: of the user's where there are any, else odd ones."""
    hears = order.model.preprocessing.fit == "time"
    if hears and not len(order.pictures):
        played = dict(odd_sounds())
        return {f"{number}.wav": played[name] for number, name in enumerate(_PLAYED, 1)}
    if not len(order.pictures):
        known = dict(odd_pictures(order.model.preprocessing.height, order.model.preprocessing.width))
        return {f"{number}.{'jpg' if 'EXIF' in name else 'png'}": known[name] for number, name in enumerate(_SHOWN, 1)}
    found = {}
    for number, picture in enumerate(evenly(order.pictures, 3), 1):
        if isinstance(picture, np.ndarray):
            found[f"{number}.png"] = png_bytes(Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture))
        elif isinstance(picture, bytes):
            found[f"{number}.{'sound' if hears else 'picture'}"] = picture
        else:
            with open(picture, "rb") as file:
                found[f"{number}.{str(picture).rpartition('.')[2].lower()}"] = file.read()
    return found
