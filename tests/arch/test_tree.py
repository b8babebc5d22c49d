"""Trees: names and paths, immutability, limits, side exits, deep chains, and a layer of one's own."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from hubel.arch import (
    Auxiliary,
    Call,
    Chain,
    Concat,
    Dense,
    Identity,
    Layer,
    Network,
    Product,
    Shape,
    Sum,
    analyse,
    edit,
    parse,
    register,
    replace_part,
    report_data,
    training_memory,
)
from hubel.base.errors import NetworkError
from tests.work import lines_run


def paths(text: str) -> list[str]:
    return [row.path for row in analyse(parse(text)).rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8x8x1: conv 2 1x1, relu, conv 2 1x1, maxpool 2, avgpool 2", ["conv1", "relu1", "conv2", "pool1", "pool2"]),
        ("8: dense 3, a=dense 3, dense 3", ["dense1", "a", "dense2"]),
        ("8: a=dense 3, a=dense 3", ["a1", "a2"]),
        ("8: dense1=dense 3, dense 3, dense 3", ["dense1", "dense2", "dense3"]),
        ("8: dense 3, dense1=dense 3", ["dense2", "dense1"]),
        ("8: a=dense 3, a1=dense 3, a=dense 3", ["a2", "a1", "a3"]),
        ("8: stage=(dense 3, relu), stage=(dense 3)", ["stage1.dense1", "stage1.relu1", "stage2.dense1"]),
        (
            "8: sum(dense 8, relu | identity)",
            ["sum1.branch1.dense1", "sum1.branch1.relu1", "sum1.branch2.identity1", "sum1"],
        ),
        ("8: concat(a=dense 8 | b=(relu))", ["concat1.a", "concat1.b.relu1", "concat1"]),
        ("8: aux(dense 2), dense 3", ["aux1.dense1", "dense1"]),
    ],
)
def test_names(text, expected):
    assert paths(text) == expected


def test_find_suggests_the_nearest():
    report = analyse(parse("8: stage=(dense 3, relu), dense 2"))
    assert [row.path for row in report.find("stage")] == ["stage.dense1", "stage.relu1"]
    with pytest.raises(KeyError, match="did you mean 'dense1'"):
        report.find("dense")


NODES = [
    Chain(Dense(3)),
    Sum(Dense(3), Identity()),
    Product(Dense(3), Identity()),
    Concat(Dense(3), Identity()),
    Auxiliary(Dense(3)),
    parse("8: dense 3"),
]


@pytest.mark.parametrize("node", NODES, ids=[type(node).__name__ for node in NODES])
def test_nodes_are_frozen_hashable_and_picklable(node):
    with pytest.raises(FrozenInstanceError):
        node.name = "other"
    again = pickle.loads(pickle.dumps(node))
    assert again == node
    assert hash(again) == hash(node)
    assert str(again) == str(node)


def test_ways_to_write_one_tree_are_equal():
    assert Chain(Chain(Dense(3), Chain(Dense(4)))) == Chain(Dense(3), Dense(4))
    assert Sum(Chain(Dense(3)), Identity()) == Sum(Dense(3), Chain(Identity()))
    assert Chain(Dense(3), name="a") != Chain(Dense(3))
    assert Network((8,), Chain(Dense(3)), "one") == Network((8,), Chain(Dense(3)), "two")


@pytest.mark.parametrize("kind", [Chain, Sum, Concat, Product, Auxiliary])
def test_nodes_refuse_what_is_no_node(kind):
    with pytest.raises(ValueError, match="expected one or more nodes"):
        kind()
    with pytest.raises(TypeError, match=r"expected layers, Chain, .*or Auxiliary in .*received 'relu'"):
        kind("relu")
    with pytest.raises(ValueError, match="expected a name"):
        kind(Dense(3), name="a.b")


def test_depth_is_limited():
    node = Chain(Identity(), name="a")
    for _ in range(63):
        node = Chain(node, name="a")
    with pytest.raises(ValueError, match="expected at most 64 levels of nodes within nodes, received 65"):
        Chain(node, name="a")


def test_side_exits_count_in_totals_and_not_in_the_output():
    plain, exits = analyse(parse("8: dense 4, dense 2")), analyse(parse("8: dense 4, aux(dense 3), dense 2"))
    assert exits.output_shape == plain.output_shape == (2,)
    assert exits.parameters == plain.parameters + (4 + 1) * 3
    assert exits.macs == plain.macs + 12
    assert [row.path for row in exits.rows if row.auxiliary] == ["aux1.dense1"]


def test_a_chain_of_ten_thousand_layers():
    nodes = [Dense(units) for units in range(8, 18)] * 1000
    limit = sys.getrecursionlimit()
    network = Network((8,), Chain(*nodes))
    report = analyse(network)
    data = report_data(report)
    assert parse(str(network)) == network
    assert len(data["layers"]) == 10_000
    assert report.rows[-1].path == "dense10000"
    units = [*range(8, 18)] * 1000
    assert report.parameters == sum((a + 1) * b for a, b in zip([8, *units[:-1]], units, strict=True))
    assert sys.getrecursionlimit() == limit


def test_work_grows_with_the_layers_and_no_faster():
    def work(layers):
        def all_of_it():
            network = Network((8,), Chain(*(Dense(units) for units in [*range(8, 18)] * (layers // 10))))
            report_data(analyse(network))
            assert parse(str(network)) == network

        return lines_run(all_of_it)

    assert work(1000) <= 4.2 * work(250)


@register("swish_of_mine", positional=("slope",))
class SwishOfMine(Layer):
    """A layer of a user's own: x·sigmoid(slope·x), here with PyTorch's for slope 1."""

    slope: float = 1.0

    def output_shape(self, input: Shape) -> Shape:
        return input

    def call(self, input: Shape) -> Call:
        return Call("torch.nn.SiLU")


def test_a_layer_of_ones_own_works_everywhere():
    import torch

    from hubel.nn import build

    network = parse("8: dense 4, swish_of_mine 2.0")
    assert network.body.nodes[1] == SwishOfMine(2.0)
    assert str(network) == "8: dense 4, swish_of_mine 2.0"
    assert pickle.loads(pickle.dumps(network)) == network
    data = json.loads(json.dumps(report_data(analyse(network))))
    assert data["layers"][1]["type"] == "SwishOfMine"
    assert data["layers"][1]["name"] == "swish_of_mine1"
    module = build(network)
    assert isinstance(module.swish_of_mine1, torch.nn.SiLU)
    assert module(torch.zeros(1, 8)).shape == (1, 4)


def test_words_are_taken_once():
    with pytest.raises(ValueError, match="the word 'conv' is taken by Conv2D"):
        register("conv")(SwishOfMine)
    with pytest.raises(ValueError, match="expected a word of letters that is not one of"):
        register("sum")(SwishOfMine)


@pytest.mark.parametrize(
    "line",
    [
        "8: a_relu=dense 8, a=dense 8 relu",
        "8: a=dense 8 relu, a_relu=dense 8",
        "8: dense 8 tanh, dense1_tanh=dense 8",
        "8: sum(a_relu=dense 8 | a=dense 8 relu)",
        "8: b=(a_relu=dense 8, a=dense 8 relu)",
        "8: dense 8 relu, dense1_relu=(dense 8, dense 8)",
    ],
)
def test_a_name_that_an_activation_has_is_refused(line):
    with pytest.raises(NetworkError, match=r"the name \w+ is that of the activation of \w+, in the same chain"):
        analyse(parse(line))
    assert analyse(parse(line.replace("_relu=", "_other=").replace("_tanh=", "_other="))).parameters >= 144


@pytest.mark.parametrize("given", ["28x28x1: flatten, dense 10", None, 3, Path("net.txt")])
def test_what_takes_a_network_says_what_makes_one(given: Any) -> None:
    asked_by = (
        analyse,
        lambda it: edit(it, {}),
        lambda it: replace_part(it, "dense1", Dense(2)),
        lambda it: training_memory(it, 1),
    )
    for asked in asked_by:
        with pytest.raises(
            TypeError, match=f"expected a Network, received {type(given).__name__}; hubel.network makes"
        ):
            asked(given)
