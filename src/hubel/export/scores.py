"""A loaded model whose scores another engine computes: all that its task does with them stays."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import torch
from torch import nn

from hubel.arch import analyse
from hubel.export.engines import Computes, Way, computing
from hubel.export.onnx.write import onnx_model
from hubel.export.source import Source
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import VIEWS


class Scores(nn.Module):
    """In the place of a network's module: what `hubel.tasks.measure.outputs` asks of it. compute: scores N×… for images
    uint8 N×H×W×C.
    """

    def __init__(self, compute: Computes) -> None:
        super().__init__()
        self._compute = compute

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """What the network says before a closing softmax, float32, for uint8 images N×H×W×C of its own size."""
        return torch.from_numpy(self._compute(np.ascontiguousarray(images.numpy())))


def with_scores(model: LoadedModel, way: Way) -> LoadedModel:
    """The model with an engine in the place of its module."""
    source = Source.of(model)  # images are mirrored outside of it, where they are
    written = onnx_model(dataclasses.replace(source, task_settings={**source.task_settings, VIEWS: 1}))
    if all(each.name != "scores" for each in written.graph.output):
        written.graph.output.append(onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, None))
    scores = Scores(computing(way, written, "scores", analyse(model.network).macs))
    kind = model.preprocessing
    scores.scores(torch.zeros(1, kind.height, kind.width, kind.channels, dtype=torch.uint8))  # what fails, fails now
    return dataclasses.replace(model, module=scores.eval())
