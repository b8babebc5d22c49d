"""Sizes of an ONNX file that nobody knows before it runs, since numbers decide them; and those that have no rule."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

from hubel.base.errors import NetworkError
from hubel.nn.inspection.onnx.parts import KINDS

CHOOSING = ("NonZero", "NonMaxSuppression", "Unique", "Compress")
"""Operators that give as many rows as numbers say."""
SIZED_BY: dict[str, tuple[int, ...]] = {
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "MaxUnpool": (2,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "ReduceSum": (1,),
    "Reshape": (1,),
    "Resize": (2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""Places among an operator's inputs whose numbers decide the size of what it gives."""


class Unknown(NamedTuple):
    """Whence it comes that a tensor has no known shape: what made the first such, and whether numbers decide it."""

    path: str
    maker: str
    by_numbers: bool


def unknown_of(node: Any, path: str, constants: Container[str]) -> Unknown:
    """Say of an operator, all of whose inputs have known shapes, why what it gives has none."""
    plain = node.domain in ("", "ai.onnx")
    sized = [node.input[place] for place in SIZED_BY.get(node.op_type, ()) if place < len(node.input)]
    by_numbers = node.op_type in (*CHOOSING, *KINDS) or any(name and name not in constants for name in sized)
    return Unknown(path, f"{path}, a {node.op_type} of {node.domain or 'ONNX'}", plain and by_numbers)


def stopped_at(left: Sequence[tuple[str, Unknown]], counted: bool) -> str:
    """Say what decides on numbers, and which products are not counted for that; "" where there is nothing.

    Raises `NetworkError` where nothing else is `counted`.
    """
    if not left:
        return ""
    makers = ", ".join(dict.fromkeys(one.maker for _, one in left))
    said = f"{makers}: how much it gives depends on numbers, which are known only when it runs"
    if not counted:
        raise NetworkError(f"{said}; all of the file's products follow from that, and none can be counted")
    few = ", ".join(path for path, _ in left[:3]) + (" …" if len(left) > 3 else "")
    return f"{said}; counted without the multiply-adds that follow from that, of {few}"
