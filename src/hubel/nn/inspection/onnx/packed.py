"""Operators of ONNX Runtime's own whose weights are packed, several in a byte, or of which each place takes some alone:
written out as ordinary products, one row an operator.
"""

from __future__ import annotations

from math import prod

from hubel.nn.inspection.onnx.writing import Row, Writing


def _packed_matrix(one: Writing) -> None:
    """A product with a matrix of whole numbers of 2, 4 or 8 bits."""
    weights = one.unpacked(1, (one.setting("K", 0), one.setting("N", 0)))
    made = one.add("MatMul", one.input(0), weights, last=not one.input(5))
    if one.input(5):
        one.add("Add", made, one.input(5), last=True)


def _experts(one: Writing) -> None:
    """Experts, of which each place takes `k` alone: as many of them, the first ones, see all places."""
    _mixed(one, ((2, 3), (4, 5), (6, 7)), None)


def _packed_experts(one: Writing) -> None:
    """The same of whole numbers."""
    bits = [one.setting(f"fc{each}_expert_weight_bits", one.setting("expert_weight_bits", 4)) for each in (1, 2, 3)]
    _mixed(one, ((2, 4), (5, 7), (8, 10)), bits)


def _mixed(one: Writing, places: tuple[tuple[int, int], ...], bits: list[int] | None) -> None:
    shape, experts, chosen = one.shape(0), one.shape(places[0][0])[0], one.setting("k", 1)
    width, rows = shape[-1], prod(shape[:-1])
    if chosen > experts:
        raise KeyError(one.path)
    given = one.add("Reshape", one.input(0), one.number([rows, width], "int64"))

    def product(number: int, given: str, columns: int) -> tuple[str, int]:
        """Multiply by a matrix for each of the chosen experts, and add their biases."""
        weights, bias = places[number]
        made, (_, one_axis, other) = one.input(weights), one.shape(weights)
        if bits is not None:
            numbers = prod(one.shape(weights)) * 8 // bits[number] // experts
            one_axis, other = numbers // columns, columns
            made = one.unpacked(weights, (experts, one_axis, other))
        made = _first(one, made, chosen)
        if other == columns:  # as most files have them; older ones with the inputs first
            made, other = one.add("Transpose", made, perm=[0, 2, 1]), one_axis
        made = one.add("MatMul", given, made)
        if one.input(bias):
            row = one.number([chosen, 1, other], "int64")
            made = one.add("Add", made, one.add("Reshape", _first(one, one.input(bias), chosen), row))
        return made, other

    made, units = product(0, given, width)
    gated = product(2, given, width)[0] if one.input(places[2][0]) else ""
    if one.setting("swiglu_fusion", 0) and one.setting("activation_type", b"relu") in (b"swiglu", b"geglu"):
        units //= 2  # factors beside what they gate
        ends = [[one.number([each], "int64") for each in pair] for pair in ((0, units), (units, 2 * units))]
        axis = one.number([2], "int64")
        made, gated = (one.add("Slice", made, *both, axis) for both in ends)
    made = one.add("Mul", made, one.add("Sigmoid", made))
    made = one.add("Mul", made, gated) if gated else made
    made, _ = product(1, made, units)
    best, shares = (f"{one.path}/{name}" for name in ("best", "shares"))
    node = one.helper.make_node("TopK", [one.input(1), one.number([chosen], "int64")], [best, shares], best)
    one.nodes.append(node)
    shares = one.add("Reshape", one.add("Transpose", best, perm=[1, 0]), one.number([chosen, rows, 1], "int64"))
    total = one.add("Einsum", one.add("Mul", made, shares), equation="erc->rc")
    one.add("Reshape", total, one.number(list(shape), "int64"), last=True)


def _first(one: Writing, name: str, chosen: int) -> str:
    return one.add("Slice", name, *(one.number([each], "int64") for each in (0, chosen, 0)))


PACKED: dict[str, Row] = {
    "MatMulNBits": _packed_matrix,
    "MatMulBnb4": _packed_matrix,
    "MoE": _experts,
    "QMoE": _packed_experts,
}
"""By name."""
