"""What if: settings changed and parts replaced, by path."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from hubel import zoo
from hubel.arch import Conv2D, Layer, Network, analyse, edit, parse, parse_node, replace_part
from tests.trees import networks


def test_one_setting_changes_and_nothing_else():
    lenet = zoo.get("lenet5")
    changed = edit(lenet, {"conv2.kernel_size": 3})
    before, after = str(lenet), str(changed)
    assert before.count("5x5") == after.count("5x5") + 1
    assert after.count("3x3") == 1
    assert changed.name == "lenet5"
    assert analyse(lenet).find("conv2")[0].cost.parameters == (5 * 5 * 6 + 1) * 16
    assert analyse(changed).find("conv2")[0].cost.parameters == (3 * 3 * 6 + 1) * 16


def test_a_layer_deep_inside_a_part():
    resnet = zoo.get("resnet50")
    path = next(row.path for row in analyse(resnet).rows if row.path.count(".") > 1 and isinstance(row.node, Conv2D))
    layer = analyse(edit(resnet, {f"{path}.use_bias": True})).find(path)[0].node
    assert isinstance(layer, Conv2D)
    assert layer.use_bias


@pytest.mark.parametrize(
    ("value", "expected"),
    [("3", (3, 3)), ("3x5", (3, 5)), ((3, 5), (3, 5)), (7, (7, 7))],
)
def test_values_are_read_as_the_text_form_has_them(value: object, expected: tuple[int, int]):
    network = edit(parse("28x28x1: conv 6 5x5"), {"conv1.kernel_size": value})
    layer = network.body.nodes[0]
    assert isinstance(layer, Conv2D)
    assert layer.kernel_size == expected


def test_words_sides_and_several_changes_at_once():
    network = parse("28x28x8: conv 6 5x5, select 0 1 2, conv 6 5x5")
    changed = edit(
        network, {"conv1.pad": "0/1x2/3", "conv1.use_bias": "false", "select1.channels": "4 5", "conv2.padding": "same"}
    )
    assert changed == parse("28x28x8: conv 6 5x5 pad=0/1x2/3 nobias, select 4 5, conv 6 5x5 same")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("convv2.kernel_size", "no layer is called 'convv2'; did you mean 'conv2'"),
        ("conv2.kernel_sise", "no setting 'kernel_sise'; did you mean 'kernel_size'"),
        ("conv2", "conv2 has .*kernel_size"),
        ("conv2.name", "no setting 'name'"),
    ],
)
def test_a_mistake_names_the_nearest(key: str, message: str):
    with pytest.raises(KeyError, match=message):
        edit(zoo.get("lenet5"), {key: 3})


def test_a_value_that_the_layer_does_not_take_names_the_layer():
    with pytest.raises(ValueError, match="conv2: expected kernel_size"):
        edit(zoo.get("lenet5"), {"conv2.kernel_size": "0"})
    with pytest.raises(ValueError, match="expected a number, a size such as"):
        edit(zoo.get("lenet5"), {"conv2.kernel_size": "__import__('os')"})


def test_a_part_is_put_in_anothers_place():
    network = parse("28x28x192: relu, sum(conv 192 5x5 same | identity), flatten")
    found = replace_part(network, "sum1.branch1.conv1", parse_node("conv 16 1x1, conv 192 5x5 same"))
    assert found == parse("28x28x192: relu, sum(conv 16 1x1, conv 192 5x5 same | identity), flatten")
    with pytest.raises(KeyError, match="did you mean 'sum1'"):
        replace_part(network, "summ1", parse_node("relu"))


@settings(max_examples=50, deadline=None)
@given(networks())
def test_every_layer_replaced_by_itself_is_the_same_network(network: Network):
    changed = network
    for row in analyse(network).rows:
        if isinstance(row.node, Layer):
            changed = replace_part(changed, row.path, row.node)
    assert changed == network
    assert edit(network, {}) == network
