"""ONNX as one of the forms."""

from __future__ import annotations

from typing import Any

import onnx

from hubel.arch import torch_order
from hubel.base.errors import SettingError
from hubel.base.names import listing
from hubel.base.versions import version_of
from hubel.export.engines import Engine, asking, is_here
from hubel.export.forms import Order, Written
from hubel.export.onnx.digest import sealed
from hubel.export.onnx.preparation import reason_no_images
from hubel.export.onnx.write import Input, onnx_model
from hubel.export.source import Source
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import decoding_of

RUNTIME = f"ONNX Runtime {version_of('onnxruntime')}"
WHOLE = (
    "the file takes steps, one or many, {}, and what its layers remember ({}; zeros begin anew), which it gives back"
)
MAKES = (
    "the file takes noise, float32 N×{}, drawn from a normal distribution (mean 0, deviation 1), and gives the "
    "pictures made of it, uint8 N×rows×columns×channels"
)
FRAMES = "it takes what is seen of a game as uint8 rows×columns×{} of any size, as games are prepared for it"
EXIF = (
    "it takes any picture as uint8 rows×columns×{}: turning it as its EXIF says, bringing it to "
    "eight bits and putting what is transparent on a ground stays with who reads the file"
)


def usual_input(model: LoadedModel, input: str | None) -> tuple[Any, tuple[str, ...]]:
    """What a file takes where nobody says it, and why where that is not any picture; of any picture, what stays with
    who reads the file.
    """
    decoding = decoding_of(model.task.name)
    if decoding.sees_none:
        if input not in (None, "tensor"):
            why = "makes pictures of noise" if decoding.makes else "goes on step by step"
            raise SettingError(f"expected input tensor, since this model {why}, received {input!r}")
        return "tensor", (MAKES.format(model.network.input[0]),) if decoding.makes else ()
    if input is None and (reason := reason_no_images(model.preprocessing)) is not None:
        return "sized", (f"the file takes images of one size: {reason}",)
    channels = model.preprocessing.channels
    if input in (None, "image") and model.task.example[0] == "frame":
        return "image", (FRAMES.format(channels),)
    bands = "3 (red, green, blue)" if channels in (1, 3) else channels
    return input or "image", (EXIF.format(bands),) if input in (None, "image") else ()


def written_onnx(order: Order) -> Written:
    """Write a model as one ONNX file, in eight bits where that was asked for."""
    if order.calibration is not None:
        from hubel.export.onnx.int8 import written_int8

        return written_int8(order)
    chosen, notes = usual_input(order.model, order.input)
    content = onnx_bytes(order.model, chosen)
    run = runner(content, chosen, order.model)
    also, missing = others(content, chosen, order.model)
    memories = _memories(content)
    more = (WHOLE.format(_step_of(order.model), listing(memories, 4)),) if memories else ()
    return Written({"": content}, chosen, run, RUNTIME, notes=(*notes, *more, *missing), also=also)


def _step_of(model: LoadedModel) -> str:
    """What a file takes at each step, in words."""
    if model.network.reads_whole_numbers:
        return "of texts the numbers of symbols (int64) in the vocabulary's order"
    prepared, channels = model.preprocessing, model.network.input[-1]
    words = [word for those in model.task.settings().get("known", {}).values() for word in those]
    told = (
        f"; bytes: the code of the sample before, and of {listing(words, 20)} 255 for what is told, else 0"
        if words
        else ""
    )
    mean, std = (" ".join(f"{each:.6g}" for each in values) for values in (prepared.mean, prepared.std))
    scaled = f"(byte / 255 - mean) / std with each channel's mean ({mean}) and std ({std})"
    return f"float32 N×{channels}×steps: {scaled}{told}"


def _memories(content: bytes) -> list[str]:
    """The inputs of a file that hold what its layers remember."""
    return [each.name for each in onnx.load_from_string(content).graph.input][1:]


def onnx_bytes(model: LoadedModel, input: Input) -> bytes:
    """The bytes of a model as ONNX, which is checked to be whole."""
    made = onnx_model(Source.of(model), input)
    onnx.checker.check_model(made)
    return sealed(made)


def runner(content: bytes, input: Input, model: LoadedModel, engine: Engine = "onnxruntime", ask: Any = None) -> Any:
    """What computes a file's answers (`Task.outcome`) for uint8 images: an engine, or `ask`, made of the file already
    (see `asking`).
    """
    ask, graph = ask or asking(engine, content), onnx.load_from_string(content).graph
    kept = {each.name: [size.dim_value for size in each.type.tensor_type.shape.dim][1:] for each in graph.input[1:]}

    def run(images: Any) -> Any:
        if input != "tensor":
            return ask({"image": images})[0]
        import numpy as np
        import torch

        if decoding_of(model.task.name).makes:
            return model.task.outcome(torch.from_numpy(ask({"input": images})[0])).numpy()
        given = model.preprocessing.normalise(torch.from_numpy(images.copy())).contiguous().numpy()
        if model.network.reads_whole_numbers:
            given = given.reshape(len(given), -1).astype(np.int64)
        else:
            given = given.reshape(len(given), *torch_order(model.network.input))
        memories = {name: np.zeros((len(given), *sizes), np.float32) for name, sizes in kept.items()}
        scores = ask({"input": given, **memories})[0].astype(np.float64)
        return model.task.outcome(torch.from_numpy(scores)).numpy()

    return run


def others(content: bytes, input: Input, model: LoadedModel) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What else here computes a file's answers, by name, and of what is here and cannot, why."""
    if not is_here("openvino"):
        return {}, ()
    import numpy as np

    name, kind = f"OpenVINO {version_of('openvino')} in 32 bits", model.preprocessing
    sizes, bands = (kind.height, kind.width), 3 if input == "image" and kind.channels == 1 else kind.channels
    try:
        run = runner(content, input, model, "openvino")
        makes = decoding_of(model.task.name).makes
        run(np.zeros((1, *model.network.input), np.float32) if makes else np.zeros((1, *sizes, bands), np.uint8))
    except Exception as error:  # its own, of many kinds
        return {}, (f"{name} cannot compute it, so it was not compared there: {str(error).splitlines()[0][:200]}",)
    return {name: run}, ()
