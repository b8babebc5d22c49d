"""Advice is true: each claim is worked out here by another way, over the whole zoo."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hubel import zoo
from hubel.advise import Advice, advise
from hubel.arch import (
    BatchNormalization,
    Conv2D,
    Dense,
    Network,
    ShapeError,
    analyse,
    edit,
    parse,
)


def rules(network: Network | str) -> dict[str, Advice]:
    found = advise(parse(network) if isinstance(network, str) else network)
    return {advice.rule: advice for advice in found}


def test_a_five_by_five_that_a_bottleneck_makes_cheaper():
    advice = rules("28x28x192: conv 32 5x5 same")["bottleneck"]
    assert advice.figures["macs"] == 120_422_400
    assert advice.figures["macs_after"] == 12_443_648
    assert f"{advice.figures['ratio']:.2f}" == "9.68"
    assert "12,443,648 MACs, 9.68 times cheaper" in advice.remedy
    assert "conv 16 1x1 relu, conv 32 5x5 same" in str(advice.network)


def test_seven_by_seven_becomes_three_small_ones():
    advice = rules("56x56x64: conv 64 7x7 same relu")["stack of 3×3"]
    assert advice.figures["ratio"] == pytest.approx(49 / 27)
    assert str(advice.network) == "56×56×64: 3 * conv 64 3x3 same relu".replace("×", "x")


def test_a_heavy_dense_layer():
    advice = rules(zoo.get("vgg16"))["heavy dense layer"]
    assert advice.paths == ("fc6",)
    assert advice.figures["share"] == pytest.approx(102_764_544 / 138_357_544)
    assert advice.figures["parameters_after"] == 138_357_544 - 48 * 512 * 4096


def test_rows_that_are_never_looked_at():
    advice = rules("32x32x3: conv 8 3x3 same, maxpool 3, conv 8 3x3, globalavgpool, dense 10")[
        "dropped rows or columns"
    ]
    assert advice.paths == ("maxpool1",) or advice.paths == ("pool1",)
    assert advice.figures == {"rows": 2, "columns": 2}


def test_softmax_inside_and_two_dense_layers_that_are_one():
    found = rules("784: dense 128 softmax, dense 10 softmax")
    assert found["softmax inside"].paths == ("dense1",)
    found = rules("784: dense 1024, dense 512 relu, dense 10 softmax")
    assert found["no activation between"].figures["parameters_of_one"] == 785 * 512
    assert "no activation between" not in rules("784: dense 128, dense 512 relu, dense 10 softmax")  # a factored layer


def test_receptive_fields_larger_and_much_smaller_than_the_picture():
    assert rules(zoo.get("resnet50"))["large receptive field"].figures["field"] == 427
    small = rules("64x64x3: conv 8 3x3 same relu, conv 8 3x3 same relu, globalavgpool, dense 10")
    assert small["small receptive field"].figures["field"] == 5
    fitting = rules("16x16x3: conv 8 3x3 same relu, conv 8 7x7 same relu, globalavgpool, dense 10")
    assert not {"small receptive field", "large receptive field"} & fitting.keys()


def test_a_sound_network_gets_no_advice():
    text = "32x32x3: 2 * (conv 64 3x3 same nobias, norm, relu), maxpool 2, 3 * (conv 128 3x3 same nobias, norm, relu), "
    assert advise(parse(text + "globalavgpool, dense 10 softmax")) == ()


@pytest.mark.parametrize("name", zoo.names())
def test_every_claim_about_the_zoo_is_true(name: str):
    network = zoo.get(name)
    report, found = analyse(network), rules(network)
    rows = {row.path: row for row in report.rows}
    order = list(rows)

    useless = [
        path
        for path, after in pairwise(order)
        if isinstance(rows[path].node, (Conv2D, Dense))
        and rows[path].node.use_bias  # type: ignore[union-attr]
        and not rows[path].node.activation  # type: ignore[union-attr]
        and isinstance(rows[after].node, BatchNormalization)
        and path.rpartition(".")[0] == after.rpartition(".")[0]
    ]
    assert list(found["useless bias"].paths if "useless bias" in found else ()) == useless
    if useless:
        advice = found["useless bias"]
        saved = sum(rows[path].output_shape[-1] for path in useless)
        assert advice.figures["parameters"] - advice.figures["parameters_after"] == saved

    try:
        analyse(network, strict=True)
        assert "dropped rows or columns" not in found
    except ShapeError:
        assert "dropped rows or columns" in found

    heavy = found.get("heavy dense layer")
    shares = {row.path: row.cost.parameters / report.parameters for row in report.rows if isinstance(row.node, Dense)}
    if heavy is not None:
        assert shares[heavy.paths[0]] >= 0.5
        assert heavy.network is not None
        assert analyse(heavy.network).parameters == heavy.figures["parameters_after"] < report.parameters
    for rule in ("bottleneck", "stack of 3×3"):
        advice = found.get(rule)
        if advice is None:
            continue
        assert advice.network is not None
        changed = analyse(advice.network)
        assert changed.output_shape == report.output_shape
        row = rows[advice.paths[0]]
        assert report.macs - changed.macs == row.cost.macs - advice.figures["macs_after"]
        assert advice.figures["ratio"] >= 1.5
        assert f"{row.cost.macs:,}" in advice.finding
    if rule_found := found.get("channels off multiples of 8"):
        assert all(rows[path].output_shape[-1] % 8 for path in rule_found.paths)
    if large := found.get("large receptive field"):
        assert min(rows[large.paths[0]].field.size) > max(network.input[:2])
    assert "softmax inside" not in found


def test_the_zoo_gets_what_it_deserves():
    assert "useless bias" in rules(zoo.get("vgg16_bn"))
    assert "useless bias" not in rules(zoo.get("resnet50"))
    assert "bottleneck" not in rules(zoo.get("resnet50"))  # its 3×3 stand in bottlenecks already
    assert "heavy dense layer" not in rules(zoo.get("resnet18"))
    bare = edit(
        zoo.get("vgg16_bn"), {f"{path}.use_bias": False for path in rules(zoo.get("vgg16_bn"))["useless bias"].paths}
    )
    assert "useless bias" not in rules(bare)


def test_the_names_are_still_found_where_they_were():
    import hubel.arch

    assert hubel.arch.advise is advise
    assert hubel.arch.Advice is Advice
