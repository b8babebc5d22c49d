"""Products: one branch gates another, spread along the axes that it lacks."""

from __future__ import annotations

import pytest

from hubel.arch import Chain, Identity, Product, Row, ShapeError, analyse, edit, leaves, parse, parse_node

EXCITE = "product(identity | globalavgpool keepdims=true, conv {narrow} 1x1 relu, conv {wide} 1x1 sigmoid)"


@pytest.mark.parametrize(
    ("branches", "shape"),
    [
        ("identity | conv 4 3x3 same", (6, 5, 4)),
        ("identity | globalavgpool", (6, 5, 4)),
        ("globalavgpool keepdims=true | identity", (6, 5, 4)),
        ("identity | conv 1 1x1 sigmoid", (6, 5, 4)),
        ("globalavgpool | conv 1 1x1 sigmoid", (6, 5, 4)),
        ("adaptiveavgpool 6x1 | adaptiveavgpool 1x5", (6, 5, 4)),
        ("globalavgpool | globalmaxpool", (4,)),
        ("globalavgpool, dense 1 | flatten, dense 9", (9,)),
    ],
)
def test_missing_axes_are_spread(branches: str, shape: tuple[int, ...]) -> None:
    assert analyse(parse(f"6x5x4: product({branches})")).output_shape == shape


@pytest.mark.parametrize(
    ("branches", "received", "fit"),
    [
        ("identity | conv 3 1x1", "6×5×4 and 6×5×3", "in the other branch conv 4 1x1 → 6×5×4"),
        ("identity | globalavgpool, dense 3", "6×5×4 and 3", "in the other branch dense 4 → 4"),
        ("identity | maxpool 2", "6×5×4 and 3×2×4", "in the other branch globalavgpool → 4 numbers"),
        ("identity | conv 9 1x1/2", "6×5×4 and 3×3×9", "in the other branch globalavgpool, dense 4 →"),
    ],
)
def test_what_does_not_spread_says_what_would_fit(branches: str, received: str, fit: str) -> None:
    with pytest.raises(ShapeError, match="product1: Product expected branches") as caught:
        analyse(parse(f"6x5x4: product({branches})"))
    assert f"received {received}" in str(caught.value)
    assert fit in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "6x5x4: product(identity | globalavgpool, dense 4)",
        "6x5x4: product(identity | conv 4 1x1 | conv 1 1x1)",
        "12: product(dense 3 | dense 3 sigmoid)",
    ],
)
def test_one_multiplication_for_each_number_and_each_further_branch(text: str) -> None:
    row = analyse(parse(text)).rows[-1]
    assert isinstance(row.node, Product)
    further, numbers = len(row.node.branches) - 1, row.cost.activations
    assert row.cost.elementwise_operations == further * numbers
    assert row.formulas[0].values.startswith(f"({further + 1} − 1)·")
    assert row.formulas[0].result == further * numbers


@pytest.mark.parametrize(("channels", "ratio"), [(8, 4), (16, 16), (6, 4), (7, 2), (3, 1), (2, 9)])
def test_squeeze_and_excitation_is_this_product(channels: int, ratio: int) -> None:
    before, after = f"9x7x{channels}: conv {channels} 3x3 same, ", ", conv 3 3x3, flatten, dense 2"
    written = parse(f"{before}se {ratio}{after}")
    product = parse(before + EXCITE.format(narrow=max(1, channels // ratio), wide=channels) + after)
    assert written == product
    assert "product" not in str(product)
    assert parse(str(product)) == product


@pytest.mark.parametrize(
    "text",
    [
        "8x8x4: se 2",
        "8x8x4: 3 * (conv 4 3x3 same, se 2), gate=se 4, conv 6 1x1, se 3",
        "8x8x4: sum(identity | conv 4 1x1, se 2), concat(se 2 | se 4)",
        "8x8x4: part=(conv 4 1x1, aux(se 2, globalavgpool, dense 2), se 2)",
    ],
)
def test_a_composition_stands_in_every_network_and_prints_as_its_word(text: str) -> None:
    network = parse(text)
    assert str(network) == text
    assert all(not layer.is_short for layer in leaves(network.body))
    assert edit(network, {}) == network


@pytest.mark.parametrize(
    "gate",
    [
        "globalavgpool, dense 2 relu, dense 4 sigmoid",
        "globalavgpool keepdims=true, conv 2 1x1 relu, conv 4 1x1 hard_sigmoid",
        "globalavgpool keepdims=true, squeeze=conv 2 1x1 relu, conv 4 1x1 sigmoid",
        "globalavgpool keepdims=true, conv 2 1x1 relu nobias, conv 4 1x1 sigmoid",
        "globalavgpool keepdims=true, conv 2 1x1 relu, conv 1 1x1 sigmoid",
    ],
)
def test_other_products_print_as_they_are(gate: str) -> None:
    text = str(parse(f"8x8x4: product(identity | {gate})"))
    assert text.startswith("8x8x4: product(identity | ")
    assert parse(text) == parse(f"8x8x4: product(identity | {gate})")


def test_a_composition_that_does_not_fit_says_so_at_its_place() -> None:
    with pytest.raises(ShapeError, match="se1: SqueezeExcitation expected a picture"):
        analyse(parse("8: dense 4, se 2"))
    with pytest.raises(ShapeError, match="conv1"):
        analyse(parse("8x8x4: conv 4 9x9, se 2"))
    assert str(Chain(parse_node("se 2"))) == "(se 2)"


@pytest.mark.parametrize("gate", ["conv 4 5x5 same", "conv 1 3x3 same sigmoid", "maxpool 3/1 same", "identity"])
def test_a_product_sees_what_a_sum_would_see(gate: str) -> None:
    before, branch = "16x16x4: conv 4 3x3/2", "conv 4 3x3 same"
    product = analyse(parse(f"{before}, product({branch} | {gate})"))
    wide = gate.replace("conv 1", "conv 4")
    assert product.field == analyse(parse(f"{before}, sum({branch} | {wide})")).field


def test_a_gate_over_the_whole_picture_lets_every_place_see_all() -> None:
    row = analyse(parse("16x16x4: product(conv 4 3x3 same | globalavgpool)")).rows[-1]
    assert [row.field.rows.span(place) for place in (0, 7, 15)] == [(-1, 15), (0, 15), (0, 16)]


def test_the_rest_of_a_gated_network_is_found_by_its_path() -> None:
    report = analyse(parse("6x5x4: gated=product(identity | gate=(globalavgpool, dense 4 sigmoid)), relu"))
    assert [row.path for row in report.rows] == [
        "gated.branch1.identity1", "gated.gate.pool1", "gated.gate.dense1", "gated", "relu1",
    ]  # fmt: skip
    assert all(isinstance(row, Row) for row in report.find("gated.gate"))


def test_a_product_prints_as_it_is_read() -> None:
    text = "6x5x4: 2 * product(identity | globalavgpool, dense 4 sigmoid), g=product(a=relu | identity)"
    assert str(parse(text)) == text
    assert parse("8: product(identity | relu)").body == Chain(Product(Identity(), parse("8: relu").body))
