"""What is written beside a layer's pictures: its name, shape, size rule and receptive field."""

from __future__ import annotations

from hubel.arch import Formula, Row, ops, ordered, shape_text
from hubel.base.errors import SettingError

_RULES = ("output_height", "output_width", "output_features", "output_channels", "parameters")


def layer_title(row: Row) -> str:
    """Return `conv1 · conv 6 5x5 same tanh · 28×28×1 → 28×28×6`."""
    return f"{row.path} · {row.words} · {shape_text(row.input_shape)} → {shape_text(row.output_shape)}"


def layer_rules(row: Row) -> str:
    """Return the size rule and the parameters with the values put in, and what one number sees of the input."""
    found = {formula.figure: _written(formula) for formula in ordered(row.formulas) if formula.figure in _RULES}
    parts = []
    if "output_height" in found:
        height, width = found["output_height"], found.get("output_width")
        parts.append(f"size {height}" if height == width else f"height {height}, width {width}")
    for figure, word in (("output_features", ""), ("output_channels", "channels "), ("parameters", "parameters ")):
        parts += [word + found[figure]] if figure in found else []
    parts.append(field_words(row))
    return "  ·  ".join(parts)


def _written(formula: Formula) -> str:
    """Write a formula; that it is rounded is said in words, since the signs for it are missing from many fonts."""
    text = str(formula)
    for signs, how in (("⌊⌋", "down"), ("⌈⌉", "up")):
        if signs[0] in text:
            text = text.replace(signs[0], "").replace(signs[1], "").replace(" = ", f" rounds {how} to ")
    return text


def field_words(row: Row) -> str:
    """Return how much of the input one number sees."""
    if len(row.output_shape) == 1 and isinstance(row.operation, ops.View):
        return f"the same {row.output_shape[0]:,} numbers, channel after channel"
    return f"one number sees {row.field.size_text} of the input"


def pick(what: str, number: int, among: int) -> int:
    """Return `number` where it is one of 0 … among − 1; raise `ValueError` otherwise."""
    if not 0 <= number < among:
        raise SettingError(f"expected a {what} from 0 to {among - 1}, received {number}")
    return number
