"""A file that was exported, opened again: ONNX Runtime computes, and all else is as the model file says."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from hubel.arch import Report, analyse, parse, torch_order
from hubel.base.errors import MissingFileError, ModelFileError, NetworkError
from hubel.base.headers import reason
from hubel.base.model_file import WholenessWarning, classes_of, complain, entry_of, name_of, why_unread
from hubel.data import Preprocessing
from hubel.export.engines import FEW, USUAL, Way, computing, session, usual_way
from hubel.export.onnx.digest import ENTRY, is_whole
from hubel.export.onnx.write import FORMAT
from hubel.nn.modules.carrying import Carrying
from hubel.tasks import LoadedModel, task_named
from hubel.tasks.decoding import decoding_of
from hubel.tasks.model_file import check_fit


class OnnxNetwork(nn.Module):
    """An exported network, run by an engine on prepared images; it mirrors them itself where that is to be done."""

    mirrors = True

    def __init__(
        self,
        model: onnx.ModelProto,
        preprocessing: Preprocessing,
        way: Way = USUAL,
        report: Report | None = None,
    ) -> None:
        super().__init__()
        names = {name for node in model.graph.node for name in node.input}
        self.start = "prepared" if "prepared" in names else "input"
        self.is_int8 = any(node.op_type == "DequantizeLinear" for node in model.graph.node)
        self._flat = len(model.graph.input[0].type.tensor_type.shape.dim) == 2
        shape = [preprocessing.channels, preprocessing.height, preprocessing.width]
        part = _between(model, self.start, "scores", [None, *([None] if self._flat else shape)])
        self.way = way if report is None else way.suited(report, self.is_int8)
        self._compute = computing(self.way, part, "scores", FEW if report is None else report.macs, input=self.start)
        self.preprocessing = preprocessing

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """What the network says before a closing softmax, float32, for uint8 images N×H×W×C of its own size."""
        if self.start == "prepared":
            given: npt.NDArray[Any] = np.ascontiguousarray(images.numpy().transpose(0, 3, 1, 2), np.float32)
        else:
            given = self.preprocessing.normalise(images).contiguous().numpy()
            given = given.reshape(len(given), -1) if self._flat else given
        return torch.from_numpy(self._compute(given))


class OnnxSteps(OnnxNetwork, Carrying):
    """An exported network of steps, run by ONNX Runtime: within `carrying` it goes on where it stopped."""

    def __init__(self, model: onnx.ModelProto, preprocessing: Preprocessing) -> None:
        nn.Module.__init__(self)
        first, *memories = model.graph.input
        self.start, self.way, self.preprocessing, self.is_int8 = first.name, USUAL, preprocessing, False
        self._whole = first.type.tensor_type.elem_type == onnx.TensorProto.INT64
        shapes = (each.type.tensor_type.shape.dim for each in memories)
        self._blank = {
            each.name: [dim.dim_value for dim in shape[1:]] for each, shape in zip(memories, shapes, strict=True)
        }
        self._ask = session(model.SerializeToString())
        self._answers = ["scores", *(f"{name}_after" for name in self._blank)]

    def logits(self, steps: torch.Tensor) -> torch.Tensor:
        """What the network says of steps before a closing softmax: float32 N×numbers×T, of whole numbers N×T, or
        N×C×T.
        """
        steps = steps.flatten(1 if self._whole else 2)
        known = self.recalled(len(steps)) if self.carries else None
        memory = known or tuple(torch.zeros(len(steps), *shape) for shape in self._blank.values())
        given = {name: np.ascontiguousarray(each.numpy()) for name, each in zip(self._blank, memory, strict=True)}
        dtype = np.int64 if self._whole else np.float32
        scores, *after = self._ask.run(self._answers, {self.start: np.ascontiguousarray(steps.numpy(), dtype), **given})
        if self.carries:
            self.memory = tuple(map(torch.from_numpy, after))
        return torch.from_numpy(scores)

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """The same for uint8 images N×T×1×C."""
        return self.logits(self.preprocessing.normalise(images))


class OnnxMaker(OnnxNetwork):
    """An exported network that makes pictures of noise."""

    def __init__(self, model: onnx.ModelProto, preprocessing: Preprocessing, way: Way, report: Report) -> None:
        super().__init__(model, preprocessing, way, report)
        self.network = report.network

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        """The pictures of vectors N×numbers, float32 N×C×H×W, as the preparation would scale them."""
        return torch.from_numpy(self._compute(np.ascontiguousarray(noise.numpy(), np.float32)))

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """As many pictures as there are images, of no noise."""
        return self.forward(torch.zeros(len(images), *self.network.input))


def open_onnx(path: str | os.PathLike[str], way: Way | None = None) -> LoadedModel:
    """The model of a file that hubel exported, for `predict` and `evaluate`, computed in a way: by default the quickest
    that is installed for many pictures, since a program goes on asking.

    Raises FileNotFoundError, and ModelFileError for a file that is no ONNX or that hubel did not write.
    """
    path, way = Path(path), way or usual_way("auto", many=True)
    if not path.is_file():
        raise MissingFileError(f"no file {path}")
    try:
        content = path.read_bytes()
        model = onnx.load_from_string(content)
    except Exception as error:  # protobuf raises errors of many kinds
        raise ModelFileError(f"{path}: not an ONNX file ({str(error).splitlines()[0]})") from None
    said = {each.key: each.value for each in model.metadata_props}
    if not all(isinstance(value, str) for value in said.values()):  # bytes, where they are in no encoding
        raise ModelFileError(f"{path}: what it says of itself is no text; it was damaged, so export it again")
    if "hubel_version" not in said:
        raise ModelFileError(
            f"{path}: expected a file that hubel exported, which says how images become its input; this one does not "
            "(hubel inspect tells what it costs)"
        )
    if said.get("format") != str(FORMAT):
        raise ModelFileError(
            f"{path}: expected format {FORMAT}, received {said.get('format')!r}; install a newer hubel"
        )
    if any(tensor.data_location for tensor in model.graph.initializer):
        raise ModelFileError(f"{path}: expected one file with all its weights, received one that names others")
    if ENTRY not in said:
        told = f"{path}: has no digest, as files that hubel export writes have; whether it is whole cannot be known"
        warnings.warn(told, WholenessWarning, stacklevel=2)
    elif not is_whole(content, said[ENTRY]):
        complain(path, "damaged, or changed since: its SHA-256 is another than when it was written", None)
    try:
        onnx.checker.check_model(content, full_check=True)  # ONNX Runtime ends the process over some that are not right
        return _assembled(path, model, said, way)
    except ModelFileError:
        raise
    except Exception as error:  # ONNX Runtime's are of many kinds too
        raise ModelFileError(f"{path}: cannot be used: {reason(error)}; export it again") from None


def _assembled(path: Path, model: onnx.ModelProto, said: Mapping[str, str], way: Way) -> LoadedModel:
    listed = ("classes", "task_settings", "summary", *(["layers"] if "layers" in said else []))
    about = {**said, **{name: json.loads(said[name]) for name in listed}}
    try:
        network = dataclasses.replace(parse(entry_of(about, "network", str)), name=name_of(about))
    except NetworkError as error:
        raise ModelFileError(why_unread(path, about, error, "its network")) from None
    preprocessing = Preprocessing.from_json(said["preprocessing"])
    task = task_named(said["task"]).from_settings(classes_of(about), entry_of(about, "task_settings", dict))
    report = analyse(network)
    check_fit(path, report, preprocessing, task)
    network_of = OnnxMaker if decoding_of(task.name).makes else OnnxNetwork
    several = len(model.graph.input) > 1
    module = OnnxSteps(model, preprocessing) if several else network_of(model, preprocessing, way, report)
    _check_answer(path, report, module)
    return LoadedModel(network, module, preprocessing, task, entry_of(about, "summary", dict))


def _check_answer(path: Path, report: Report, module: OnnxNetwork) -> None:
    """Raise ModelFileError where the file computes something else than the network that it says it is."""
    kind = module.preprocessing
    found = module.scores(torch.zeros(1, kind.height, kind.width, kind.channels, dtype=torch.uint8))
    expected = (1, *torch_order(report.output_shape))
    if tuple(found.shape) != expected or found.dtype != torch.float32:
        raise ModelFileError(
            f"{path}: expected answers float32 of {expected[1:]}, as its text form says, received {found.dtype} of "
            f"{tuple(found.shape)[1:]}; it was changed or damaged, so export it again"
        )
    if not found.isfinite().all():
        raise ModelFileError(f"{path}: what it answers is not all finite numbers; it was damaged, so export it again")


def _between(model: onnx.ModelProto, start: str, end: str, shape: list[int | None]) -> onnx.ModelProto:
    """The part of a model that makes `end` of `start`, which has a shape (None where it may be any)."""
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
    part.graph.input.append(onnx.helper.make_tensor_value_info(start, onnx.TensorProto.FLOAT, shape))
    part.graph.output.append(onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, None))
    return part
