"""A text form's layers where they stand in it, and every word that there is."""

import pytest
from hypothesis import given, settings

from hubel.arch import activations, analyse, leaves, parse, source_of, vocabulary
from hubel.arch.text.notation import parse_node
from tests.trees import networks
from tests.work import examples


@settings(max_examples=examples(20))
@given(networks())
def test_every_layer_stands_where_it_is_written(network):
    text = str(network)
    found = source_of(text)
    assert found.network == network
    for layer in leaves(found.network.body):
        place = found.place(layer)
        if place is not None:  # a part of what one word stands for has none
            assert parse_node(text[slice(*place)]) == parse_node(layer.text())


def test_paths_lead_to_nodes():
    found = source_of("8x8x4: a=(conv 4 3x3 same, sum(conv 4 1x1 | identity)), 2 * relu")
    for row in analyse(found.network).rows:
        assert found.at(row.path) is row.node
    for path in ("b", "a.conv9", "a.conv1.more", ""):
        assert found.at(path) is None


@pytest.mark.parametrize(
    ("path", "after", "before", "without"),
    [
        ("b1.c", "b=(c=conv 4 3x3 , norm, relu)", "b=(norm, c=conv 4 3x3 , relu)", "b=(relu)"),
        ("b1.relu1", "b=(c=conv 4 3x3 , relu, norm)", "b=(c=conv 4 3x3 , norm, relu)", "b=(c=conv 4 3x3)"),
    ],
)
def test_layers_come_and_go_in_the_text(path, after, before, without):
    text = "8x8x4: 2 * b=(c=conv 4 3x3 , relu), flatten"
    found = source_of(text)
    node = found.at(path)
    made = found.with_more(node, "norm"), found.with_more(node, "norm", after=False), found.without(node)
    for text, expected in zip(made, (after, before, without), strict=True):
        assert parse(text) == parse(f"8x8x4: 2 * {expected}, flatten")


def test_a_repeated_layer_is_taken_away_with_its_count():
    found = source_of("8x8x4: 3 * conv 4 3x3 same, relu")
    assert found.without(found.at("conv2")) == "8x8x4: relu"
    assert found.with_more(found.at("conv1"), "norm") == "8x8x4: 3 * conv 4 3x3 same, norm, relu"


def test_every_word_can_be_written():
    """What the vocabulary shows of a word and its settings is what the text form takes."""
    values = {"FILTERS": "4", "KERNEL-SIZE": "3x3", "UNITS": "4", "RATE": "0.5", "POOL-SIZE": "2"}
    for word in vocabulary():
        given = " ".join(values.get(each, each) for each in word.usage.split())
        given = given.replace("3x3", "3") if word.word.endswith("1d") else given
        if given.lower() != given or "…" in given:
            continue
        parse_node(given)
        for setting in word.settings:
            if setting == "activation":
                parse_node(f"{given} {activations()[0]}")
            elif not setting.endswith("="):
                parse_node(f"{given} {setting}")
