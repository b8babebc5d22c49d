"""The activations as a module of JavaScript for the engine of pages, written from the one table of them."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from hubel.arch.ops.functions import FUNCTIONS, WORDS

_OF_MATH = ("abs", "exp", "expm1", "log1p", "max", "min", "tanh")


def engine_modules() -> dict[str, str]:
    """What the engine of pages imports and no file holds: a module's text by its name."""
    return {"hubel/view/engine/functions": _functions()}


def _functions() -> str:
    """`FUNCTIONS`: by name `apply`, the `names` of its constants, its `formula`, and the `low` and `high` it gives."""
    words = [word for word in WORDS if word not in _OF_MATH]
    lines = [f'import {{ {", ".join(words)} }} from "hubel/view/engine/maths";', "", "export const FUNCTIONS = {"]
    for name, function in FUNCTIONS.items():
        body = re.sub(rf"\b({'|'.join(_OF_MATH)})\(", r"Math.\1(", function.arithmetic)
        apply = f"({', '.join(('x', *function.constants))}) => {body}" if body else "null"
        facts = {"names": [*function.constants], "formula": function.formula}
        told = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items())
        low, high = map(_number, function.bounds)
        lines.append(f"  {name}: {{ apply: {apply}, {told}, low: {low}, high: {high} }},")
    return "\n".join([*lines, "};", ""])


def _number(value: float) -> Any:
    return f"{'-' if value < 0 else ''}Infinity" if math.isinf(value) else value
