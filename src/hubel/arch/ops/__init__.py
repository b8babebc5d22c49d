"""What layers compute, as data: some twenty operations, with windows and spans already laid.

A layer says once what it computes: `layer.lower(input)` gives one operation. Whatever runs, explains, prices or writes
a network outside PyTorch is a table over these operations and never asks for a layer's class.

The rules of `lower`:

- It gives what the layer does when the network predicts, without an activation that is written with the layer: that is
  a step of its own (`Layer.steps`), and lowers to `Activate`. What only training needs (a dropout's rate, a momentum)
  stands beside it, for those who write programs.
- An operation knows the shapes of its input and its output for one image, channels last: a picture H×W×C, a sequence
  T×C, a vector (n,). Windows are one an axis before the channels: one of a sequence, two of a picture.
- Numbers are resolved: windows and spans are laid (`windows`, `spans`), "same" has become rows before and after, an
  axis has a length. A reader multiplies and adds, and looks nothing up.
- Arrays are named as the layer's own state dict names them, and laid out as PyTorch lays them out; each operation says
  how. `operation.weights` gives the role of each and its name. Without a bias, its name is None.
- A layer that is several operations (squeeze and excitation) gives a `Join` whose branches are chains of operations.
- A layer that says nothing (the default) is `Opaque`: every reader refuses it in words (`Opaque.refusal`).

Functions of one number stand in one table, `FUNCTIONS`: a new activation is one row there.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubel.arch.ops.functions import FUNCTIONS, Function
    from hubel.arch.ops.operations import (
        Activate,
        Affine,
        Blocks,
        Compete,
        DenseSum,
        Embed,
        Join,
        LocalSum,
        Normalise,
        Opaque,
        Operation,
        Pad,
        Pass,
        RadialSum,
        Recur,
        Respond,
        Select,
        Slope,
        Span,
        TransposedSum,
        Upsample,
        View,
        WindowedSum,
        Write,
    )
    from hubel.arch.ops.spans import Stretch, bins, stretches, whole

__all__ = [
    "FUNCTIONS",
    "Activate",
    "Affine",
    "Blocks",
    "Compete",
    "DenseSum",
    "Embed",
    "Function",
    "Join",
    "LocalSum",
    "Normalise",
    "Opaque",
    "Operation",
    "Pad",
    "Pass",
    "RadialSum",
    "Recur",
    "Respond",
    "Select",
    "Slope",
    "Span",
    "Stretch",
    "TransposedSum",
    "Upsample",
    "View",
    "WindowedSum",
    "Write",
    "bins",
    "stretches",
    "whole",
]

_HOMES = {"functions": ("FUNCTIONS", "Function"), "spans": ("Stretch", "bins", "stretches", "whole")}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'hubel.arch.ops' has no attribute {name!r}")
    # loaded when used: explaining a network needs no operation
    home = next((home for home, names in _HOMES.items() if name in names), "operations")
    found = globals()[name] = getattr(importlib.import_module(f"hubel.arch.ops.{home}"), name)
    return found
