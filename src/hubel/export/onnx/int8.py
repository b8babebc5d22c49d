"""Eight bits: weights of each filter and activations of each tensor as whole numbers, ranges from real pictures."""

from __future__ import annotations

import contextlib
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hubel.base.errors import SettingError
from hubel.data import Dataset
from hubel.export.check import evenly
from hubel.export.engines import runtime_module, session
from hubel.export.forms import Order, Written
from hubel.export.onnx.digest import sealed
from hubel.export.onnx.form import RUNTIME, onnx_bytes, others, runner, usual_input
from hubel.export.opened import OnnxNetwork
from hubel.tasks import LoadedModel, evaluate, need_pictures

CALIBRATED = 256  # images that ranges come from
TIMED = 30  # runs of one picture, each in turn with the float file
_KEPT = ("preparation", "prepared", "answer", "scores", "probabilities", "mask")  # what stays in floating point


def written_int8(order: Order) -> Written:
    """Write a model as ONNX of eight bits (static, per channel, QDQ), with its figures and its speed beside those of
    the float file.

    Raises SettingError where the primary figure loses more than `order.most_lost`.
    """
    assert order.calibration is not None
    model, (part, dataset), images = order.model, order.calibration.measured, order.calibration.images
    need_pictures(model, "--int8")
    input, notes = usual_input(model, order.input)
    if input == "tensor":
        raise SettingError("expected --input image or sized with --int8, whose ranges come from pictures")
    plain = onnx_bytes(model, input)
    content = quantised(plain, model, np.stack(evenly(list(images), CALIBRATED)))
    found = _compared(model, plain, content, part, dataset)
    figure, lost = model.task.primary, found["lost"]
    words = (
        f"int8: {figure.title} {figure.text(found['int8'])}, float {figure.text(found['float'])} ({len(dataset):,} "
        f"{model.task.measured_by or model.example[1]} of the {part} part); {found['int8_ms']:.2f} ms a picture, float "
        f"{found['float_ms']:.2f} ms (median of {TIMED} in turns, {RUNTIME}, this machine); {len(content) / 1e6:.2f} "
        f"MB, float {len(plain) / 1e6:.2f} MB"
    )
    if lost > order.most_lost:
        raise SettingError(
            f"not written: eight bits lose {lost:.2%} of {figure.title}, and at most {order.most_lost:.2%} was asked "
            f"for. {words}. Let more be lost with --most-lost, give more pictures, or keep the float file"
        )
    run, (also, missing) = runner(content, input, model), others(content, input, model)
    told = (*notes, words, *missing)
    return Written({"": content}, input, run, RUNTIME, notes=told, facts={"int8": found}, also=also, bounded=False)


def quantised(content: bytes, model: LoadedModel, images: Any) -> bytes:
    """The model in eight bits, for activations as large as these images (uint8 N×H×W×C) make them."""
    quantization = runtime_module("onnxruntime.quantization")
    whole = onnx.load_from_string(content)
    bands = whole.graph.input[0].type.tensor_type.shape.dim[3].dim_value
    given = np.repeat(images, bands, 3) if images.shape[3] == 1 < bands else images

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            self.left: Iterator[Any] = iter([{"image": given[n : n + 1]} for n in range(len(given))])

        def get_next(self) -> Any:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(content)
        quantization.quantize_static(
            str(before),
            str(after),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=[node.name for node in whole.graph.node if node.name.startswith(_KEPT)],
        )
        made = onnx.load(str(after))
    del made.metadata_props[:]
    made.metadata_props.extend(whole.metadata_props)
    made.producer_name, made.producer_version = whole.producer_name, whole.producer_version
    return sealed(made)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice that does not concern what hubel writes."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _compared(model: LoadedModel, plain: bytes, content: bytes, part: str, dataset: Dataset) -> dict[str, Any]:
    """The primary figure and the time of a picture, of both files."""
    figures = []
    for each in (plain, content):
        module = OnnxNetwork(onnx.load_from_string(each), model.preprocessing)
        opened = LoadedModel(model.network, module, model.preprocessing, model.task, model.summary)
        figures.append(evaluate(opened, dataset).figures[model.task.primary.name])
    lost = figures[0] - figures[1] if model.task.primary.best == "highest" else figures[1] - figures[0]
    times = _times([session(plain), session(content)], dataset)
    return {
        **{"float": figures[0], "int8": figures[1], "lost": lost, "figure": model.task.primary.name, "part": part},
        **{"images": len(dataset), "float_ms": times[0], "int8_ms": times[1], "timed": TIMED},
    }


def _times(ready: list[Any], dataset: Dataset) -> list[float]:
    """Milliseconds of one picture, the median, of each session."""
    image = np.ascontiguousarray(dataset.images[:1])
    bands = ready[0].get_inputs()[0].shape[3]
    image = np.repeat(image, bands, 3) if image.shape[3] == 1 < bands else image
    found: list[list[float]] = [[] for _ in ready]
    for turn in range(TIMED + 3):
        for each, times in zip(ready, found, strict=True):
            began = time.perf_counter()
            each.run(None, {"image": image})
            if turn >= 3:
                times.append(1000 * (time.perf_counter() - began))
    return [statistics.median(times) for times in found]
