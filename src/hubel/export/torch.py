"""A model as an exported PyTorch program (`.pt2`), which runs without hubel."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import nn

from hubel.base.errors import SettingError
from hubel.base.versions import version_of
from hubel.export.forms import Order, Written
from hubel.export.onnx.write import metadata
from hubel.export.source import Source
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import decoding_of
from hubel.tasks.outputs import mean_of


class _Whole(nn.Module):
    """uint8 N×H×W×C of the network's own size to what the task makes of scores, as `predict` has it."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__()
        self.network: Any = model.module
        self.task, self.flat, self.exchange = model.task, len(model.network.input) == 1, model.task.exchange
        mean, std = model.preprocessing.mean, model.preprocessing.std
        wide = torch.tensor([mean, std], dtype=torch.float64)
        self.register_buffer("factor", (1 / (255 * wide[1])).float().view(-1, 1, 1))
        self.register_buffer("offset", (-wide[0] / wide[1]).float().view(-1, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Normalise, run, and decode."""
        scores = self._scores(image)
        if self.exchange is not None:
            scores = mean_of(scores, self._scores(image.flip(2)), self.exchange)
        return self.task.outcome(scores)

    def _scores(self, image: torch.Tensor) -> torch.Tensor:
        factor: Any = self.factor
        offset: Any = self.offset
        found = image.permute(0, 3, 1, 2).float() * factor + offset
        scores: torch.Tensor = self.network.logits(found.flatten(1) if self.flat else found)
        return scores


def written_torch(order: Order) -> Written:
    """Write an exported program: uint8 N×H×W×C of the network's size, any number of them, to probabilities.

    Its extra files say what the metadata of the ONNX file say. Raises SettingError where PyTorch cannot trace a layer.
    """
    model, preparation = order.model, order.model.preprocessing
    if decoding_of(model.task.name).writes:
        raise SettingError("PyTorch's exporter cannot follow what is written a word a step; model.onnx can hold it")
    if decoding_of(model.task.name).carries:
        raise SettingError(
            f"a PyTorch program takes pictures, and this model ({model.task.name}) goes on step by step from what it "
            "remembers; model.onnx can hold it"
        )
    whole = _Whole(model).eval()
    example = torch.zeros(2, preparation.height, preparation.width, preparation.channels, dtype=torch.uint8)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sizes = {"image": {0: torch.export.Dim("batch", min=1, max=65536)}}
            program = torch.export.export(whole, (example,), dynamic_shapes=sizes)
            for parameter in program.parameters():  # who loads it calls .numpy() on what it gives
                parameter.requires_grad_(False)
            content = io.BytesIO()
            torch.export.save(program, content, extra_files=metadata(Source.of(model), "sized"))
            again: Any = torch.export.load(io.BytesIO(content.getvalue())).module()
    except Exception as error:  # the tracer raises errors of many kinds
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise SettingError(f"PyTorch cannot export this network: {first}; model.onnx can hold it") from None

    def run(images: Any) -> Any:
        return again(torch.from_numpy(images.copy())).numpy()

    note = "it takes uint8 images N×H×W×C of the network's own size, as Preprocessing.prepare makes them"
    return Written({"": content.getvalue()}, "sized", run, f"PyTorch {version_of('torch')}", notes=(note,))
