"""What a class is told by: a network's logits, whatever it ends with, and the places to watch on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hubel.base.errors import SettingError
from hubel.base.names import hint
from hubel.look.access.layers import LayerCall, figures, watching
from hubel.tasks import LoadedModel

BUDGET = 512 * 2**20  # bytes that batches may take
_MOST_AT_ONCE = 64


Place = tuple[int, int]  # a row and a column of the network's input, from 0


def logits(module: nn.Module, input: Tensor, at: Place | None = None) -> Tensor:
    """Return a network's outputs before a closing softmax, N×classes; of maps, those of the place `at` of the input, or
    the mean over places.

    A module of one's own that gives probabilities is asked for their logarithms, which have the same gradients between
    classes as logits have.
    """
    own: Any = getattr(module, "logits", None)
    if callable(own) and not isinstance(own, nn.Module):
        output: Tensor = own(input)
    else:
        output = module(input)
        if are_probabilities(output):
            output = output.clamp_min(torch.finfo(output.dtype).tiny).log()
    if output.dim() > 3 and at is not None:
        row, column = (
            min(size - 1, spot * size // whole)
            for spot, size, whole in zip(at, output.shape[2:], input.shape[2:], strict=True)
        )
        return output[:, :, row, column]
    return output.flatten(2).mean(2) if output.dim() > 2 else output


def are_probabilities(output: Tensor) -> bool:
    """Whether outputs are shares of one."""
    seen = output.detach()
    return bool(
        seen.shape[1] > 1 and (seen >= 0).all() and torch.allclose(seen.sum(1), seen.new_ones(()), rtol=0, atol=1e-4)
    )


class Score:
    """The function whose cause is sought: normalised inputs to logits (at a place), layers' maps passed through `tap`.

    Captum hooks `tap`, which runs once a pass whatever the network does with its own modules: a module that runs
    several times, or one followed by an operation in place, is no trouble to it.
    """

    def __init__(self, module: nn.Module, layer: LayerCall | None = None, at: Place | None = None) -> None:
        self.module, self.layer, self.at, self.tap = module, layer, at, nn.Identity()

    def __call__(self, input: Tensor) -> Tensor:
        """Run the network. The maps start a graph of their own, so that only the layers after them are gone back."""
        input = input.clone()  # a first operation in place must not meet a leaf, nor the caller's numbers
        if self.layer is None:
            return logits(self.module, input, self.at)
        with watching([self.layer], lambda call, maps: self.tap(maps.detach().clone().requires_grad_())):
            return logits(self.module, input, self.at)


def batch_size(model: LoadedModel, budget: int = BUDGET) -> int:
    """Return how many images fit into a budget of bytes, forwards and backwards, by the network's own figures."""
    report = figures(model.network)
    each = 2 * max(report.kept_bytes, 4 * report.activations)
    return max(1, min(_MOST_AT_ONCE, budget // max(1, each)))


def class_index(classes: Sequence[str], wanted: str | int, noun: Sequence[str] = ("class", "classes")) -> int:
    """Return a class's place by its name, or by its number (`281` or "#281"). noun: what classes are called, one and
    many.

    A name may be written in any case. Raises ValueError with the nearest name.
    """
    number = int(wanted[1:]) if isinstance(wanted, str) and wanted[:1] == "#" and wanted[1:].isdecimal() else wanted
    if isinstance(number, int):
        if not 0 <= number < len(classes):
            raise SettingError(f"expected a {noun[0]} from 0 to {len(classes) - 1}, received {number}")
        return number
    if number in classes:
        return list(classes).index(number)
    lower = [name.lower() for name in classes]
    if number.lower() in lower:
        return lower.index(number.lower())
    parts = [name for name in classes if number.lower() in name.lower()]
    raise SettingError(f"expected one of the model's {noun[1]}, received {number!r}{hint(number, parts or classes)}")
