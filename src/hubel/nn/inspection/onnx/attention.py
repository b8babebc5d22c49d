"""Attention in ONNX files, ONNX's own and ONNX Runtime's, written out as products of matrices, one row an operator.

Queries may have more heads than keys and values have (grouped), and keys of earlier steps may be given and kept. A mask
saves nothing, and turning positions (rotary) multiplies no matrices.
"""

from __future__ import annotations

from itertools import pairwise

from hubel.nn.inspection.onnx.writing import Row, Writing

Laid = tuple[str, int, int, int]  # images × heads × steps × features: its name, and the last three


def _attention(one: Writing) -> None:
    _nothing_given(one, 4)
    _projected(one, one.input(0), one.input(1))


def _whole_attention(one: Writing) -> None:
    """The same of whole numbers."""
    _nothing_given(one, 8)
    _projected(one, one.whole(0, 3, 6), one.whole(1, 4, 7))


def _projected(one: Writing, given: str, weights: str) -> None:
    """Self-attention with its projections: queries, keys and values of one matrix."""
    batch, steps, _ = one.shape(0)
    made = one.add("MatMul", given, weights)
    made = one.add("Add", made, one.input(2)) if one.input(2) else made
    third = one.shape(1)[1] // 3
    sizes = [*one.setting("qkv_hidden_sizes", (third, third, third))]
    heads = one.setting("num_heads", 1)
    parts = _cut(one, made, sizes)
    sides = [_laid(one, part, batch, steps, heads, size) for part, size in zip(parts, sizes, strict=True)]
    _attended(one, batch, sides[0], sides[1], sides[2], flat=True)


def _heads(one: Writing) -> None:
    """Attention of queries to keys and values that are given, all as images × steps × features."""
    _nothing_given(one, 3, 6, 7)
    heads = one.setting("num_heads", 1)
    sides = [_side(one, place, heads) for place in range(3)]
    _attended(one, one.shape(0)[0], sides[0], sides[1], sides[2], flat=True)


def queries(one: Writing) -> None:
    """ONNX's own attention: heads beside one another in the features, or in an axis of their own."""
    batch, flat = one.shape(0)[0], len(one.shape(0)) == 3
    sides = [_side(one, place, one.setting("kv_num_heads" if place else "q_num_heads", 1)) for place in range(3)]
    keys, values = (_kept(one, sides[each], each + 3, each) for each in (1, 2))
    _attended(one, batch, sides[0], keys, values, flat, scores=3)


def _grouped(one: Writing) -> None:
    """ONNX Runtime's of fewer heads of keys and values, which may come in one tensor with the queries."""
    (batch, steps, width), heads, fewer = one.shape(0), one.setting("num_heads", 1), one.setting("kv_num_heads", 1)
    if one.input(1):
        sides = [_side(one, place, number) for place, number in enumerate((heads, fewer, fewer))]
    else:
        each = width // (heads + 2 * fewer)
        sizes = [number * each for number in (heads, fewer, fewer)]
        parts = _cut(one, one.input(0), sizes)
        sides = [_laid(one, part, batch, steps, size // each, size) for part, size in zip(parts, sizes, strict=True)]
    for side, place in enumerate((14, 15)):  # what each head's queries and keys are normalised with
        if one.input(place):
            sides[side] = (one.add("Mul", sides[side][0], one.input(place)), *sides[side][1:])
    keys, values = (_kept(one, sides[each], each + 2, each) for each in (1, 2))
    _attended(one, batch, sides[0], keys, values, flat=True, scores=3, sink=one.input(11))


def _nothing_given(one: Writing, *places: int) -> None:
    """Leave operators as they are that are given keys of earlier steps, or biases of their own."""
    if any(map(one.input, places)):
        raise KeyError(one.path)


def _cut(one: Writing, name: str, sizes: list[int]) -> list[str]:
    """Cut what stands beside one another in the features."""
    ends = [0, sizes[0], sizes[0] + sizes[1], sum(sizes)]
    return [one.add("Slice", name, *(one.number([each], "int64") for each in (*pair, 2))) for pair in pairwise(ends)]


def _side(one: Writing, place: int, heads: int) -> Laid:
    """Return an input with the heads in an axis of their own, where they may be already."""
    shape = one.shape(place)
    if len(shape) == 4:
        return one.input(place), shape[1], shape[2], shape[3]
    batch, steps, width = shape
    return _laid(one, one.input(place), batch, steps, heads, width)


def _laid(one: Writing, name: str, batch: int, steps: int, heads: int, width: int) -> Laid:
    """Give heads that stand beside one another in the features an axis of their own."""
    shape = one.number([batch, steps, heads, width // heads], "int64")
    return one.add("Transpose", one.add("Reshape", name, shape), perm=[0, 2, 1, 3]), heads, steps, width // heads


def _kept(one: Writing, now: Laid, past: int, output: int) -> Laid:
    """Put keys or values of earlier steps, where some are given, before those of now, and give both."""
    name, heads, steps, width = now
    if one.input(past):
        steps += one.shape(past)[2]
        name = one.add("Concat", one.input(past), name, axis=2)
    one.also(output, name)
    return name, heads, steps, width


def _attended(
    one: Writing, batch: int, queries: Laid, keys: Laid, values: Laid, flat: bool, scores: int = 0, sink: str = ""
) -> None:
    """Write the products; queries of the heads that share keys are more steps of one head. `scores` is the output that
    has the first product; `sink` has a number for each head that softmax sums too.
    """
    name, heads, steps, width = queries
    _, fewer, seen, _ = keys
    together = [batch, fewer, heads // fewer * steps]
    name = name if heads == fewer else one.add("Reshape", name, one.number([*together, width], "int64"))
    factor = one.number(one.setting("scale", 0.0) or width**-0.5)
    made = one.add("Mul", one.add("MatMul", name, one.add("Transpose", keys[0], perm=[0, 1, 3, 2])), factor)
    if sink or (scores and len(one.gives) > scores and one.gives[scores]):
        made = one.add("Reshape", made, one.number([batch, heads, steps, seen], "int64"))
        one.also(scores, made)
        if sink:
            made = one.add("Add", made, one.add("Reshape", sink, one.number([heads, 1, 1], "int64")))
        made = one.add("Reshape", made, one.number([*together, seen], "int64"))
    mixed = one.add("MatMul", one.add("Softmax", made, axis=-1), values[0], last=heads == fewer and not flat)
    if heads != fewer:
        shape = one.number([batch, heads, steps, values[3]], "int64")
        mixed = one.add("Reshape", mixed, shape, last=not flat)
    if flat:
        beside = one.number([batch, steps, heads * values[3]], "int64")
        one.add("Reshape", one.add("Transpose", mixed, perm=[0, 2, 1, 3]), beside, last=True)


ATTENTION: dict[str, Row] = {
    "Attention": _attention,
    "QAttention": _whole_attention,
    "MultiHeadAttention": _heads,
    "GroupQueryAttention": _grouped,
}
"""ONNX Runtime's, by name."""
