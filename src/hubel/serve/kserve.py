"""The same models under the protocol of KServe, version 2, as far as JSON goes: what speaks to Triton speaks to them.

A tensor BYTES [N] holds files in base64, one of UINT8 [N, rows, columns, channels] pixels. What comes back are `class`,
`probability` and the `probabilities` of all classes in their order, or of other tasks `answer`, JSON in a BYTES tensor.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response

from hubel import __version__
from hubel.base.names import listing
from hubel.base.words import json_text, printable
from hubel.serve import schema
from hubel.serve.batches import Picture
from hubel.serve.pictures import json_of
from hubel.serve.refusal import Refusal
from hubel.serve.service import INLINE, PLACES, VERSION, Service
from hubel.serve.settings import Limits
from hubel.tasks.answer import Named
from hubel.tasks.decoding import decoding_of

ALIVE = ("/v2/health/live", "/v2/health/ready")
_SHAPES = {"BYTES": ["N"], "UINT8": ["N", "rows", "columns", "channels"]}
_KINDS = {"BYTES": "files in base64", "UINT8": "pixels"}
_BINARY = ("binary_data", "binary_data_output")  # where they are false, what comes and goes is JSON
_REFUSED = ("request", "unknown", "pictures", "unreadable", "full", "deadline")


def add_kserve(app: FastAPI, service: Service) -> None:
    """Add the protocol's routes."""
    for path in ALIVE:
        app.get(path, tags=["KServe"], responses=schema.refusals())(_well)

    @app.get("/v2", tags=["KServe"], responses=schema.refusals())
    async def server() -> dict[str, Any]:
        """What serves."""
        return {"name": "hubel", "version": __version__, "extensions": []}

    async def model(name: schema.Name) -> dict[str, Any]:
        """A model's tensors."""
        return _about(service.named(name).current.by.model, name)

    async def ready(name: schema.Name) -> dict[str, Any]:
        """Whether a model answers: where it is served, it does."""
        return {"name": service.named(name).name, "ready": True}

    async def infer(request: Request, name: schema.Name) -> Response:
        """What a model says of pictures. Where one cannot be read the request is refused: a tensor has no gaps."""
        body, kind = await request.body(), service.named(name).current.by.model
        request.state.note["model"] = name
        asked = (body, kind, service.limits)
        loop = asyncio.get_running_loop()
        small = len(body) <= INLINE
        read = _read(*asked) if small else await loop.run_in_executor(service.pool, _read, *asked)
        said, wanted, pictures = read
        found = await service.answers(name, pictures, request.scope["state"])
        for answer in found:
            if isinstance(answer, Exception):
                raise Refusal("unreadable", printable(str(answer))[:500])
        notes = [f"picture {number}: {each.note}" for number, each in enumerate(found, 1) if each.note]
        said |= {"parameters": {"note": "; ".join(notes)}} if notes else {}
        outputs = [each for each in _outputs([one.answer for one in found], kind.classes) if each["name"] in wanted]
        told = {"model_name": name, "model_version": VERSION, "outputs": outputs}
        return Response(json_text(said | told, compact=True), media_type="application/json")

    for place in PLACES:
        path = place.format("{name}")
        for end, tells in (("", model), ("/ready", ready)):
            app.get(path + end, tags=["KServe"], responses=schema.refusals("unknown"))(tells)
        asked: dict[str, Any] = {"requestBody": schema.INFER}
        app.post(f"{path}/infer", tags=["KServe"], responses=schema.refusals(*_REFUSED), openapi_extra=asked)(infer)


async def _well() -> dict[str, bool]:
    """Whether the process is alive, and answers: models are opened before it listens."""
    return {"live": True, "ready": True}


def _about(model: Any, name: str) -> dict[str, Any]:
    count = len(model.classes)
    inputs = [("pictures", "BYTES", [-1]), ("pixels", "UINT8", [-1, -1, -1, -1])]
    outputs = [("class", "BYTES", [-1]), ("probability", "FP32", [-1]), ("probabilities", "FP32", [-1, count])]
    if not decoding_of(model.task.name).names:
        outputs = [("answer", "BYTES", [-1])]
    tensors = [[{"name": n, "datatype": t, "shape": s} for n, t, s in each] for each in (inputs, outputs)]
    return {"name": name, "versions": [VERSION], "platform": "hubel", "inputs": tensors[0], "outputs": tensors[1]}


def _read(body: bytes, model: Any, limits: Limits) -> tuple[dict[str, Any], list[str], list[Picture]]:
    """The request's id, if it has one, the names of the outputs that it asks for, and its pictures. Raises Refusal."""
    value = json_of(body)
    inputs = value.get("inputs") if isinstance(value, dict) else None
    if not (isinstance(inputs, list) and len(inputs) == 1 and isinstance(inputs[0], dict)):
        one = inputs if isinstance(value, dict) else value
        received = f"{len(one):,} inputs" if inputs is one and isinstance(one, list) and len(one) != 1 else _kind(one)
        form = '{"inputs": [{"name": "pictures", "shape": …, "datatype": …, "data": …}]}'
        raise Refusal("request", f"expected {form}, received {received}")
    given, said = inputs[0], value.get("id")
    _check_known(value, ("id", "inputs", "outputs"), "")
    _check_known(given, ("name", "shape", "datatype", "data"), "inputs: ")
    if said is not None and not isinstance(said, str):
        raise Refusal("request", f"id: expected a text, received {_kind(said)}")
    kind, shape, data = given.get("datatype"), given.get("shape"), given.get("data")
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", or ".join(f"{name} for {what}, of shape {_shape(name)}" for name, what in _KINDS.items())
        raise Refusal("request", f"datatype: expected {known}, received '{printable(str(kind))[:40]}'")
    name, own = given.get("name"), {each["datatype"]: each["name"] for each in _about(model, "")["inputs"]}
    if name is not None and name not in own.values():
        known = " or ".join(f"'{each}' for {datatype}" for datatype, each in own.items())
        raise Refusal("request", f"name: expected {known}, received '{printable(str(name))[:60]}'")
    if not (isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape) and shape):
        raise Refusal("request", f"shape: expected whole numbers above 0, received {printable(str(shape))[:60]}")
    if len(shape) != len(_SHAPES[kind]):
        raise Refusal("request", f"shape: expected {_shape(kind)}, received {printable(str(shape))[:60]}")
    if shape[0] > limits.pictures:
        raise Refusal("pictures", f"expected at most {limits.pictures:,} pictures in a request, received {shape[0]:,}")
    contents = _files(shape, data) if kind == "BYTES" else _pixels(shape, data, limits)
    top = len(model.classes) or 1
    pictures = [Picture(content, f"picture {number}", top) for number, content in enumerate(contents, 1)]
    return ({"id": said} if isinstance(said, str) else {}), _wanted(value.get("outputs"), model), pictures


def _wanted(asked: Any, model: Any) -> list[str]:
    """The names of the outputs that are asked for; of all where none is."""
    known = [each["name"] for each in _about(model, "")["outputs"]]
    if asked is None or asked == []:
        return known
    found: list[str] = []
    for each in asked if isinstance(asked, list) else [asked]:
        name: Any = each.get("name") if isinstance(each, dict) else each
        if name not in known or not isinstance(each, dict):
            wanted = f'[{{"name": …}}] of {listing(known)}'
            raise Refusal("request", f"outputs: expected {wanted}, received '{printable(str(name))[:60]}'")
        _check_known(each, ("name",), f"outputs, {name}: ")
        found.append(name)
    return found


def _check_known(value: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    """Raise Refusal for what would be ignored, also among `parameters`, but for those that ask for JSON."""
    for name in value:
        if name not in (*names, "parameters"):
            raise Refusal("request", f"{where}expected {listing(names)} alone, received '{printable(name)[:60]}'")
    asked = value.get("parameters")
    if not isinstance(asked, dict | None):
        raise Refusal("request", f"{where}parameters: expected an object, received {_kind(asked)}")
    for name, wanted in (asked or {}).items():
        if name not in _BINARY or wanted is not False:
            told = "tensors come and go as JSON alone" if name.startswith("binary_data") else "none is known here"
            raise Refusal("request", f"{where}parameters: {told}, received '{printable(name)[:60]}'")


def _shape(kind: str) -> str:
    return f"[{', '.join(_SHAPES[kind])}]"


def _files(shape: list[int], data: Any) -> list[bytes]:
    wanted = f"data: expected {shape[0]:,} texts, each a file in base64, of shape [{shape[0]}]"
    if not isinstance(data, list) or len(data) != shape[0]:
        raise Refusal("request", f"{wanted}, received {_kind(data)}")
    found = []
    for number, each in enumerate(data):
        if not isinstance(each, str):
            raise Refusal("request", f"{wanted}, received {_kind(each)} as number {number}")
        try:
            found.append(base64.b64decode(each, validate=True))
        except (binascii.Error, ValueError) as error:
            raise Refusal("request", f"data: expected files in base64, number {number} is none ({error})") from None
    return found


def _pixels(shape: list[int], data: Any, limits: Limits) -> list[Any]:
    if shape[3] not in (1, 3, 4) or shape[1] * shape[2] > limits.pixels:
        raise Refusal(
            "request",
            f"shape: expected [N, rows, columns, 1, 3 or 4], of at most {limits.pixels:,} pixels, received "
            f"{printable(str(shape))[:80]}",
        )
    try:
        found = np.array(data)
    except (ValueError, OverflowError):  # lists of unlike lengths
        found = np.zeros(0)
    fits = found.size == math.prod(shape) and found.dtype.kind in "iu" and found.min() >= 0 and found.max() <= 255
    if not fits or bool in _types(data):  # beside numbers NumPy takes `true` as 1
        wanted = f"data: expected {math.prod(shape):,} whole numbers from 0 to 255, flat or nested"
        raise Refusal("request", f"{wanted}, received {_unfit(data)}")
    return list(found.astype(np.uint8).reshape(shape))


def _types(data: Any) -> set[type]:
    """The types of all values in nested lists."""
    found = set(map(type, data)) if isinstance(data, list) else {type(data)}
    return found if list not in found else set().union(*map(_types, data))


def _unfit(data: Any) -> str:
    """Why data is no pixels: its first value that is none, and where; else how many there are."""
    count, waiting = 0, [data]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        elif type(each) is not int or not 0 <= each <= 255:
            said = str(each)[:40] if type(each) in (int, float) else _kind(each)
            return f"{said} as number {count:,}" if isinstance(data, list) else said
        else:
            count += 1
    return f"{count:,}"


def _kind(value: Any) -> str:
    """What a value of JSON is."""
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    kinds = {dict: "an object", str: "a text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def _outputs(answers: list[Any], classes: tuple[str, ...]) -> list[dict[str, Any]]:
    count = len(answers)
    if not all(isinstance(each, Named) for each in answers):
        return [_tensor("answer", "BYTES", [count], [json_text(each.data(), compact=True) for each in answers])]
    shares = [dict(each.likeliest) for each in answers]
    whole = [round(each[name], 6) for each in shares for name in classes]
    return [
        _tensor("class", "BYTES", [count], [each.class_name for each in answers]),
        _tensor("probability", "FP32", [count], [round(each.probability, 6) for each in answers]),
        _tensor("probabilities", "FP32", [count, len(classes)], whole),
    ]


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}
