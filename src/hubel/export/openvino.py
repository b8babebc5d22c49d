"""A model as OpenVINO's own files, converted from the ONNX that hubel writes, and run in 32 bits to be compared."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path

from hubel.base.errors import SettingError
from hubel.base.versions import version_of
from hubel.export.forms import Order, Written
from hubel.export.onnx.form import onnx_bytes, runner, usual_input

PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}
_TOLD = (
    "compile it with INFERENCE_PRECISION_HINT f32: by itself OpenVINO computes in bfloat16 where the processor can, "
    "and probabilities are then off by up to some hundredths"
)


def written_openvino(order: Order) -> Written:
    """Write a folder with model.xml and model.bin, in 32 bits. Raises SettingError where OpenVINO is not installed."""
    try:
        openvino = importlib.import_module("openvino")
    except ModuleNotFoundError:
        raise SettingError(
            "this form needs OpenVINO, which is not installed; install it with: pip install openvino"
        ) from None
    input, notes = usual_input(order.model, order.input)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        content = onnx_bytes(order.model, input)
        (place / "model.onnx").write_bytes(content)
        openvino.save_model(openvino.convert_model(place / "model.onnx"), place / "model.xml", compress_to_fp16=False)
        files = {name: (place / name).read_bytes() for name in ("model.xml", "model.bin")}
        compiled = openvino.Core().compile_model(place / "model.xml", "CPU", PRECISION)
    run = runner(content, input, order.model, ask=lambda given: [*compiled(given).values()])
    return Written(files, input, run, f"OpenVINO {version_of('openvino')} in 32 bits", notes=(*notes, _TOLD))
