"""What ONNX Runtime fuses in transformers besides attention, written out as ordinary operators: embeddings of tokens,
normalisation with what is added before it, and gates; one row an operator.
"""

from __future__ import annotations

from hubel.nn.inspection.onnx.writing import Row, Writing

INT32 = 6  # as ONNX numbers its types


def _embedding(one: Writing) -> None:
    _embedded(one, one.input(2), one.input(3), one.input(4), (one.input(5), one.input(6)), one.input(8))


def _whole_embedding(one: Writing) -> None:
    """The same of tables of whole numbers."""
    words, places, segments, factor, shift = (
        one.whole(place, place + 6, place + 11) if one.input(place) else "" for place in range(2, 7)
    )
    _embedded(one, words, places, segments, (factor, shift), "")


def _embedded(one: Writing, words: str, places: str, segments: str, learned: tuple[str, str], positions: str) -> None:
    """Rows of tables, of words, places and segments, added and normalised. Its second output says of each text how long
    it is, and its third is the sum.
    """
    total = one.add("Gather", words, one.input(0))
    if positions:
        total = one.add("Add", total, one.add("Gather", places, positions))
    else:
        steps = [one.number([number], "int64") for number in (0, one.shape(0)[1], 0)]
        total = one.add("Add", total, one.add("Slice", places, *steps))
    if segments and one.input(1):
        total = one.add("Add", total, one.add("Gather", segments, one.input(1)))
    one.add(
        "LayerNormalization", total, *filter(None, learned), last=True, axis=-1, epsilon=one.setting("epsilon", 1e-12)
    )
    if len(one.gives) > 1 and one.gives[1]:
        one.also(1, one.add("Cast", one.add("ArgMax", one.input(7) or one.input(0), axis=1, keepdims=0), to=INT32))
    one.also(2, total)


def _skip(kind: str, bias: int) -> Row:
    """A sum of branches and a bias, normalised; its fourth output is that sum."""

    def write(one: Writing) -> None:
        total = one.add("Add", one.input(0), one.input(1))
        total = one.add("Add", total, one.input(bias)) if one.input(bias) else total
        learned, epsilon = filter(None, one.given[2:bias]), one.setting("epsilon", 1e-12)
        one.add(kind, total, *learned, last=True, axis=-1, epsilon=epsilon)
        one.also(3, total)

    return write


def _groups(one: Writing) -> None:
    """Normalisation of groups with the channels last, after what is added, before SiLU where that is asked for."""
    total = one.input(0)
    for name in filter(None, one.given[3:5]):
        total = one.add("Add", total, name)
    one.also(1, total)
    groups, gated = one.setting("groups", 1), bool(one.setting("activation", 0))
    made = one.add("GroupNormalization", total, *one.given[1:3], last=not gated, num_groups=groups)
    if gated:
        one.add("Mul", made, one.add("Sigmoid", made), last=True)


def _bias_dropout(one: Writing) -> None:
    total = one.input(0)
    for name in filter(None, one.given[1:3]):
        total = one.add("Add", total, name)
    one.add("Dropout", total, *one.given[3:4], last=True)


def _bias_softmax(one: Writing) -> None:
    one.add("Softmax", one.add("Add", one.input(0), one.input(1)), last=True, **one.plain("axis"))


def _bias_split_gelu(one: Writing) -> None:
    """The first half of the features times GELU of the second."""
    half = one.shape(0)[-1] // 2
    total, axis = one.add("Add", one.input(0), one.input(1)), one.number([len(one.shape(0)) - 1], "int64")
    ends = [[one.number([each], "int64") for each in pair] for pair in ((0, half), (half, 2 * half))]
    first, second = (one.add("Slice", total, *pair, axis) for pair in ends)
    spread = one.add("Add", one.add("Erf", one.add("Mul", second, one.number(0.5**0.5))), one.number(1.0))
    made = one.add("Mul", one.add("Mul", second, spread), one.number(0.5))
    one.add("Mul", first, made, last=True)


def _rotary(one: Writing) -> None:
    """Turns positions, which multiplies no matrices."""
    one.add("RotaryEmbedding", one.input(0), *one.given[2:4], one.input(1), last=True)


TRANSFORMERS: dict[str, Row] = {
    "EmbedLayerNormalization": _embedding,
    "QEmbedLayerNormalization": _whole_embedding,
    "SkipLayerNormalization": _skip("LayerNormalization", 4),
    "SkipSimplifiedLayerNormalization": _skip("SimplifiedLayerNormalization", 3),
    "GroupNorm": _groups,
    "SkipGroupNorm": _groups,
    "BiasDropout": _bias_dropout,
    "BiasSoftmax": _bias_softmax,
    "BiasSplitGelu": _bias_split_gelu,
    "RotaryEmbedding": _rotary,
}
"""By name."""
