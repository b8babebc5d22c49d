"""A file that was exported, opened again: ONNX Runtime computes, and all else is as the model file says."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from hubel.arch import analyse, parse
from hubel.base.errors import MissingFileError, ModelFileError
from hubel.base.headers import reason
from hubel.data import Preprocessing
from hubel.export.onnx.write import FORMAT
from hubel.tasks import LoadedModel, task_named
from hubel.tasks.model import check_fit


def session(content: bytes, threads: int = 0) -> Any:
    """ONNX Runtime's session of a model, on so many threads (0: as it chooses)."""
    onnxruntime = importlib.import_module("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class OnnxNetwork(nn.Module):
    """An exported network, run by ONNX Runtime on prepared images."""

    def __init__(self, model: onnx.ModelProto, preprocessing: Preprocessing) -> None:
        super().__init__()
        names = {name for node in model.graph.node for name in node.input}
        self.start = "prepared" if "prepared" in names else "input"
        self._session = session(_between(model, self.start, "scores").SerializeToString())
        self._preprocessing = preprocessing

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """What the network says before a closing softmax, float32, for uint8 images N×H×W×C of its own size."""
        if self.start == "prepared":
            given: npt.NDArray[Any] = np.ascontiguousarray(images.numpy().transpose(0, 3, 1, 2), np.float32)
        else:
            given = self._preprocessing.normalise(images).contiguous().numpy()
            given = given.reshape(len(given), -1) if len(self._session.get_inputs()[0].shape) == 2 else given
        return torch.from_numpy(self._session.run(["scores"], {self.start: given})[0])


def open_onnx(path: Path) -> LoadedModel:
    """The model of a file that hubel exported, for `predict` and `evaluate`.

    Raises FileNotFoundError, and ModelFileError for a file that is no ONNX or that hubel did not write.
    """
    if not path.is_file():
        raise MissingFileError(f"no file {path}")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises errors of many kinds
        raise ModelFileError(f"{path}: not an ONNX file ({str(error).splitlines()[0]})") from None
    said = {each.key: each.value for each in model.metadata_props}
    if "hubel_version" not in said:
        raise ModelFileError(
            f"{path}: expected a file that hubel exported, which says how images become its input; this one does not "
            "(hubel inspect tells what it costs)"
        )
    if said.get("format") != str(FORMAT):
        raise ModelFileError(
            f"{path}: expected format {FORMAT}, received {said.get('format')!r}; install a newer hubel"
        )
    try:
        return _assembled(path, model, said)
    except ModelFileError:
        raise
    except Exception as error:  # ONNX Runtime's are of many kinds too
        raise ModelFileError(f"{path}: cannot be used: {reason(error)}; export it again") from None


def _assembled(path: Path, model: onnx.ModelProto, said: Mapping[str, str]) -> LoadedModel:
    network = dataclasses.replace(parse(said["network"]), name=said["name"])
    preprocessing = Preprocessing.from_json(said["preprocessing"])
    task = task_named(said["task"]).from_settings(tuple(json.loads(said["classes"])), json.loads(said["task_settings"]))
    check_fit(path, analyse(network), preprocessing, task)
    return LoadedModel(network, OnnxNetwork(model, preprocessing), preprocessing, task, json.loads(said["summary"]))


def _between(model: onnx.ModelProto, start: str, end: str) -> onnx.ModelProto:
    """The part of a model that makes `end` of `start`."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    wanted, waiting = set[str](), [end]
    while waiting:
        name = waiting.pop()
        if name in wanted or name == start or name not in made_by:
            continue
        wanted.update(made_by[name].output)
        waiting += made_by[name].input
    part = onnx.ModelProto()
    part.CopyFrom(model)
    kept = [node for node in model.graph.node if wanted.intersection(node.output)]
    used = {name for node in kept for name in node.input}
    stored = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del part.graph.node[:], part.graph.initializer[:], part.graph.input[:], part.graph.output[:]
    part.graph.node.extend(kept)
    part.graph.initializer.extend(stored)
    part.graph.input.append(onnx.helper.make_tensor_value_info(start, onnx.TensorProto.FLOAT, None))
    part.graph.output.append(onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, None))
    return part
