"""A trained model as one ONNX model: preparation, network and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import onnx

from hubel.arch import Network, analyse, own_layers, torch_order
from hubel.base.errors import SettingError
from hubel.base.versions import version_of
from hubel.base.words import json_text
from hubel.data.prepare.preprocessing import Preprocessing
from hubel.export.lowered import Step, steps_of
from hubel.export.onnx.boxes import boxed
from hubel.export.onnx.colours import coloured
from hubel.export.onnx.graph import Graph
from hubel.export.onnx.masks import masked, whole
from hubel.export.onnx.operations import scaled, written
from hubel.export.onnx.points import pointed
from hubel.export.onnx.preparation import prepared
from hubel.export.source import Model, Source
from hubel.tasks.decoding import Decoding, Exchange, decoding_of, exchange_of

Input: TypeAlias = Literal["image", "sized", "tensor"]
FORMAT = 1  # of what the metadata say


def onnx_model(model: Model, input: Input = "sized") -> onnx.ModelProto:
    """Write a model as ONNX (opset 18), from its tree and its weights.

    model: one that is loaded, or the path of a model file or of a run's folder; torch is not needed for those.
    input: what the file takes. "sized": "image", uint8 N×H×W×C of the network's own size, prepared as
    `Preprocessing.prepare` does it. "image": the same of any size, red, green and blue: it is brought to the network's
    size as `prepare` does it, to a grey level; turning it as its EXIF says, and bringing it to three channels of eight
    bits, stays with who reads the file. "tensor": "input", what the network itself takes: float32 N×C×H×W, N×C×T or
    N×features, normalised already (whole numbers int64 N×T where they are looked up). Of a model of a language, of any
    number of steps, with what each layer remembers as inputs besides ("lstm1.state", "lstm1.cell", "conv1.queue"; zeros
    begin anew) and, with "_after" behind their names, as outputs. Of a model that makes pictures it takes vectors of
    noise, N×numbers, and gives "pictures" besides (uint8 N×H×W×C).

    What comes out: "scores", what the network says before a closing softmax or sigmoid (float32, N×…), from tensors;
    from images what the task makes of them (its `Decoding`): "probabilities" of classes or labels, "numbers" in their
    own units; beside the probabilities of pixels the "mask" (uint8 N×H×W, the likeliest class; of images of any size as
    large as they are, 255 where the network did not look); beside the "scores" of objects their "boxes" (N×K×4: left,
    top, right, bottom, in pixels of the image), "probabilities" and "classes" (N×K), the surest first; and the "points"
    (N×K×P×2: x, y in pixels from the middle of the first) of individuals with their "probabilities" (N×K×P) and those
    of the "individuals" (N×K); beside the "probabilities" of each step's words the likeliest "words" (int64 N×steps: 0
    is the end, 1 unknown, 2 the first of the task's words); beside the "probabilities" of colours the "picture" in
    colour (uint8 N×rows×columns×3); "scores" of a task that says nothing else.

    The metadata say all that the model file says, in JSON where it is no plain text: see `metadata`.

    Raises SettingError for a layer that does not say what it computes, and for a form that there is not.
    """
    if input not in get_args(Input):
        raise SettingError(f"expected input {' | '.join(get_args(Input))}, received {input!r}")
    source = Source.of(model)
    graph = Graph(carries=input == "tensor" and decoding_of(source.task).carries)
    graph.fresh("batch")
    shape = source.network.input
    steps = steps_of(source.network, source.arrays)
    if input == "tensor":
        kind = "int64" if source.network.reads_whole_numbers else "float32"
        given: list[Any] = list(torch_order(shape))
        given[-1:] = ["steps"] if graph.carries else given[-1:]
        inputs: dict[str, Any] = {graph.fresh("input"): (kind, ["batch", *given])}
        x = "input"
    else:
        preparation = source.preprocessing
        sizes = ["rows", "columns"] if input == "image" else [preparation.height, preparation.width]
        bands = 3 if input == "image" and preparation.channels == 1 else preparation.channels
        inputs = {graph.fresh("image"): ("uint8", ["batch", *sizes, bands])}
        if input == "image":
            numbers = graph.add("Identity", prepared(graph, "image", preparation), name=graph.fresh("prepared"))
        else:
            graph.scope = "preparation"
            turned = graph.add("Transpose", "image", perm=[0, 3, 1, 2])
            numbers = graph.add("Cast", turned, name=graph.fresh("prepared"), to=int(onnx.TensorProto.FLOAT))
        x = normalised(graph, numbers, preparation, shape)
    exchange = exchange_of(source.task, source.classes, source.task_settings)
    found = written(graph, steps, x) if exchange is None else _mean(graph, source.network, steps, x, exchange)
    scores = graph.add("Identity", found, name=graph.fresh("scores"))
    outputs = _answers(graph, source, scores, input)
    if graph.carries:
        outputs = {name: (kind, [*sizes[:2], "steps"]) for name, (kind, sizes) in outputs.items()}
    for memory, (after, own) in graph.memories.items():
        inputs[memory], outputs[after] = ("float32", own), ("float32", own)
    name = source.network.name or "network"
    return graph.model(
        inputs,
        outputs,
        name=name,
        words=str(source.network),
        metadata=metadata(source, input),
        version=version_of("hubel"),
    )


def _mean(graph: Graph, network: Network, steps: Sequence[Step], x: str, exchange: Exchange) -> str:
    """Add what the network says of images and, in the same pass, of the mirrored ones, and the mean of both."""
    columns, across = network.input[1], analyse(network).output_shape[1]
    graph.scope = "answer/views"
    mirrored = graph.add("Gather", x, graph.keep(range(columns)[::-1], "int64"), axis=3)
    both = written(graph, steps, graph.add("Concat", x, mirrored, axis=0))
    graph.scope = "answer/views"
    found, back = graph.add_all("Split", ("found", "mirrored"), both, axis=0, num_outputs=2)
    back = graph.add("Gather", back, graph.keep(range(across)[::-1], "int64"), axis=3)
    if exchange.order:
        back = graph.add("Gather", back, graph.keep(exchange.order, "int64"), axis=1)
        back = graph.add("Mul", back, graph.keep(np.reshape(exchange.signs, (-1, 1, 1))))
    return graph.add("Mul", graph.add("Add", found, back), graph.keep(0.5))


def normalised(graph: Graph, numbers: str, preparation: Preprocessing, shape: tuple[int, ...]) -> str:
    """Add what makes the network's input of numbers N×C×H×W from 0 to 255: (x / 255 − mean) / std."""
    mean, std = np.asarray(preparation.mean), np.asarray(preparation.std)
    found = scaled(graph, numbers, 1 / (255 * std), -mean / std, 2)
    if len(shape) == 2:  # of one column
        return graph.add("Squeeze", found, graph.keep([3], "int64"))
    return graph.add("Flatten", found) if len(shape) == 1 else found


def coloured_back(graph: Graph, scores: str, preparation: Preprocessing, name: str) -> str:
    """Add pictures, uint8 N×H×W×C, of what `normalised` would make of them."""
    mean, std = np.asarray(preparation.mean), np.asarray(preparation.std)
    levels = graph.add("Round", scaled(graph, scores, 255 * std, 255 * mean, 2))
    whole = graph.add("Clip", levels, graph.keep(0.0), graph.keep(255.0))
    pixels = graph.add("Cast", whole, to=int(onnx.TensorProto.UINT8))
    return graph.add("Transpose", pixels, name=graph.fresh(name), perm=[0, 2, 3, 1])


def _answers(graph: Graph, source: Source, scores: str, input: Input) -> dict[str, Any]:
    """Add what the task makes of scores, and return what comes out, with kinds and sizes."""
    graph.scope = "answer"
    shape = torch_order(analyse(source.network).output_shape)
    decoding = decoding_of(source.task)
    if decoding.makes:
        made = coloured_back(graph, scores, source.preprocessing, decoding.output)
        return {scores: ("float32", ["batch", *shape]), made: ("uint8", ["batch", *shape[1:], shape[0]])}
    if input == "tensor" or decoding == Decoding():
        return {scores: ("float32", ["batch", *shape])}
    if decoding.boxes is not None:
        place = "image" if input == "image" else ""
        found = boxed(graph, scores, shape, decoding.boxes, source.task_settings, source.preprocessing, place)
        return {scores: ("float32", ["batch", *shape]), **found}
    if decoding.points is not None:
        place = "image" if input == "image" else ""
        found = pointed(graph, scores, shape, decoding.points, source.task_settings, source.preprocessing, place)
        return {scores: ("float32", ["batch", *shape]), **found}
    if decoding.colours is not None:
        squares, grey = shape[0], input == "sized"
        prior = np.asarray(source.task_settings[decoding.colours.prior]).reshape(1, -1, 1, 1)
        likely = graph.add("Add", scores, graph.keep(prior))
        coloured(graph, likely, squares, decoding.colours, source.task_settings, "image", grey)
        sizes = ["rows", "columns"] if input == "image" else list(source.network.input[:2])
        shares = graph.add("Softmax", likely, name=graph.fresh("probabilities"), axis=1)
        return {shares: ("float32", ["batch", *shape]), "picture": ("uint8", ["batch", *sizes, 3])}
    name = graph.fresh(decoding.output)
    if decoding.function == "softmax":
        graph.add("Softmax", scores, name=name, axis=1)
    elif decoding.function == "sigmoid":
        graph.add("Sigmoid", scores, name=name)
    else:
        scale, shift = (np.asarray(source.task_settings[name]) for name in (decoding.scale, decoding.shift))
        graph.add("Identity", scaled(graph, scores, scale, shift, 0), name=name)
    outputs: dict[str, Any] = {name: ("float32", ["batch", *shape])}
    if decoding.likeliest and decoding.writes:
        graph.add("ArgMax", scores, name=graph.fresh(decoding.likeliest), axis=1, keepdims=0)
        outputs[decoding.likeliest] = ("int64", ["batch", *shape[1:]])
    elif decoding.likeliest and input == "image":
        enlarged = whole(graph, scores, (shape[1], shape[2]), source.preprocessing)
        masked(graph, enlarged, "image", source.preprocessing, decoding.likeliest)
        outputs[decoding.likeliest] = ("uint8", ["batch", "rows", "columns"])
    elif decoding.likeliest:
        enlarged = whole(graph, scores, (shape[1], shape[2]), source.preprocessing)
        likeliest = graph.add("ArgMax", enlarged, axis=1, keepdims=0)
        graph.add("Cast", likeliest, name=graph.fresh(decoding.likeliest), to=int(onnx.TensorProto.UINT8))
        outputs[decoding.likeliest] = ("uint8", ["batch", *source.network.input[:2]])
    return outputs


def metadata(source: Source, input: Input) -> dict[str, str]:
    """What the file says of itself: hubel_version, format, input, task, task_settings, classes, preprocessing, network
    (its text form), layers of others that it has, name and summary; lists and mappings as JSON.
    """
    return {
        "hubel_version": version_of("hubel"),
        "format": str(FORMAT),
        "input": input,
        "task": source.task,
        "task_settings": json_text(source.task_settings),
        "classes": json_text(source.classes),
        "preprocessing": source.preprocessing.to_json(),
        "network": str(source.network),
        **({"layers": json_text(own)} if (own := own_layers(source.network)) else {}),
        "name": source.network.name,
        "summary": json_text(source.summary),
    }
