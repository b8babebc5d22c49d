"""Inputs of a PyTorch model on the command line: pictures, vectors, sequences, volumes, token ids, by place or name."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.base.names import hint

if TYPE_CHECKING:
    from torch import nn

KINDS = ("int", "bool", "as-is")
MOST_NUMBERS = 2**20
_MOST = 5  # axes, of volumes in a batch of the model's own
_AXES = {2: "batch, features, steps", 4: "batch, channels, depth, height, width"}


@dataclass(frozen=True)
class Input:
    """One input, without the batch. kinds: "int" and "bool" are its type, "as-is" leaves axes in the order given."""

    text: str
    shape: tuple[int, ...]
    name: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it is a picture or a vector of numbers, in its place."""
        return len(self.shape) in (1, 3) and not self.name and not self.kinds

    @property
    def moved(self) -> tuple[int, ...]:
        """The shape as PyTorch's layers take it: what stands last, channels or features, comes first."""
        return self.shape if self.kinds or len(self.shape) < 2 else (self.shape[-1], *self.shape[:-1])


def input_argument(text: str) -> Input:
    """Read `224x224x3`, `16000x1`, `128:int`, `mask=128:bool`, `100x64:as-is`, `t=:int` (one number an example)."""
    found = re.fullmatch(r"(?:(\w+)=)?(\d{1,9}(?:[x×]\d{1,9})*)?(?::([\w,-]+))?", text, re.ASCII)
    if found is None or not (found[2] or found[3]):
        raise ArgumentTypeError(
            f"expected a shape such as 224x224x3 or 128, with NAME= before it and :int, :bool or :as-is after it where "
            f"wanted (:int alone is one number an example), received {text!r}"
        )
    shape = tuple(map(int, re.split("[x×]", found[2]))) if found[2] else ()
    if 0 in shape or len(shape) > _MOST:
        raise ArgumentTypeError(f"expected 1 to {_MOST} sizes of at least 1, received {text!r}")
    kinds = tuple((found[3] or "").split(",")) if found[3] else ()
    for kind in kinds:
        if kind not in KINDS:
            raise ArgumentTypeError(
                f"expected {', '.join(KINDS)} after the colon, received {kind!r}{hint(kind, KINDS)}"
            )
    return Input(text, shape, found[1] or "", kinds)


def example(model: nn.Module, inputs: Sequence[Input], batch: int) -> tuple[Any, ...] | dict[str, Any]:
    """Tensors without numbers for inputs of any kind: a tuple, or a dictionary where they have names."""
    import torch

    named = [given for given in inputs if given.name]
    if named and len(named) < len(inputs):
        raise SettingError(
            f"expected all inputs with names or none, received {named[0].text} and "
            f"{next(given.text for given in inputs if not given.name)}"
        )
    real = [each.dtype for each in model.parameters() if each.dtype.is_floating_point]
    types = {"int": torch.int64, "bool": torch.bool}
    tensors = []
    for given in inputs:
        kind = next((types[kind] for kind in given.kinds if kind in types), real[0] if real else torch.float32)
        sizes = (batch, *given.moved)
        # a model may decide on whole numbers: masks that let all through, ids that are not the first, which often pads
        few = not kind.is_floating_point and prod(sizes) <= MOST_NUMBERS
        tensors.append(torch.ones(sizes, dtype=kind) if few else torch.empty(sizes, dtype=kind, device="meta"))
    return {given.name: tensor for given, tensor in zip(inputs, tensors, strict=True)} if named else tuple(tensors)


def moves(given: Input, batch: int) -> str:
    """What is to be said of an input whose axes are moved though one may not expect it."""
    if given.kinds or len(given.shape) not in _AXES:
        return ""
    sizes = "×".join(map(str, (batch, *given.moved)))
    return f"{given.text} is given as {sizes} ({_AXES[len(given.shape)]}); {given.text}:as-is keeps the order"
