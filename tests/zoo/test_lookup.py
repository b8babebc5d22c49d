"""Names, options and their errors; what is known about a network; and that one name imports one file."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hubel import zoo
from hubel.arch import Network, ShapeError, analyse, parse


@pytest.mark.parametrize("name", zoo.names())
def test_the_text_form_reads_back_as_the_same_network(name):
    network = zoo.get(name)
    assert network.name == name
    assert parse(str(network)) == network
    assert str(parse(str(network))) == str(network)


@pytest.mark.parametrize("name", zoo.names())
def test_an_entry_is_complete(name):
    entry = zoo.entry(name)
    assert entry.name == name
    assert entry.summary
    assert entry.paper.authors
    assert entry.paper.title
    assert entry.paper.venue
    assert 1986 <= entry.paper.year <= 2024
    assert str(entry.paper.year) in str(entry.paper)
    assert "input" in entry.options
    assert all(figure.what and figure.value and figure.source for figure in entry.figures)
    assert all(note.endswith(".") for note in entry.notes)


@pytest.mark.parametrize("name", [name for name in zoo.names() if "classes" in zoo.entry(name).options])
def test_classes_and_channels_can_be_chosen(name):
    standard = zoo.get(name).input
    input = (*standard[:-1], 4)
    network = zoo.get(name, classes=7, input=input)
    assert network.input == input
    assert analyse(network).output_shape[-1] == 7


@pytest.mark.parametrize("name", [name for name in zoo.names() if "width" in zoo.entry(name).options])
def test_width_makes_a_network_thinner_or_wider(name):
    half, whole, double = (analyse(zoo.get(name, width=width)).parameters for width in (0.5, 1.0, 2.0))
    assert half < 0.75 * whole
    assert whole < 0.75 * double
    assert analyse(zoo.get(name)).parameters == whole


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(zoo.UnknownNetworkError, match="received 'googlnet'; did you mean 'googlenet'"):
        zoo.get("googlnet")
    with pytest.raises(zoo.UnknownNetworkError, match="did you mean 'resnet1"):
        zoo.get("ResNet-19")
    with pytest.raises(zoo.UnknownNetworkError, match="did you mean 'lenet5'"):
        zoo.entry("LeNet 6")
    with pytest.raises(zoo.UnknownNetworkError, match="the zoo has softmax, mlp"):
        zoo.get("qqqqqqqqq")


def test_an_unknown_option_lists_the_options():
    with pytest.raises(zoo.UnknownOptionError, match="lenet5 has no option 'klasses'; it has classes, input") as error:
        zoo.get("lenet5", klasses=3)
    assert "did you mean 'classes'?" in str(error.value)


def test_a_value_that_makes_no_network_is_refused():
    with pytest.raises(ValueError, match=r"expected shortcut as one of zero, projection, .*received 'identity'"):
        zoo.get("resnet18", shortcut="identity")
    for width in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="expected a positive width"):
            zoo.get("vgg11", width=width)
    with pytest.raises(ValueError, match=r"expected units as an int"):
        zoo.get("resnet18", classes=0)
    with pytest.raises(ShapeError):
        analyse(zoo.get("alexnet", input=(16, 16, 3)))


def test_the_three_shortcuts_of_the_residual_networks():
    """Identity wherever shapes agree; zero-padded ones have no weights, projections have some, and everywhere more."""
    counts = [
        analyse(zoo.get("resnet20", shortcut=kind)).parameters
        for kind in ("zero", "projection", "projection_everywhere")
    ]
    # 1×1 convolutions 16→32 and 32→64 with their normalisations, then one for each of the seven other blocks.
    changing = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    keeping = 3 * (16 * 16 + 2 * 16) + 2 * (32 * 32 + 2 * 32) + 2 * (64 * 64 + 2 * 64)
    assert counts == [269_722, 269_722 + changing, 269_722 + changing + keeping]


def test_the_stride_of_resnet50_moves_macs_but_no_parameters():
    now, then = (analyse(zoo.get(name)) for name in ("resnet50", "resnet50_v1"))
    assert now.parameters == then.parameters
    assert now.macs > then.macs


def test_names_can_be_found_in_a_network():
    resnet = analyse(zoo.get("resnet50"))
    assert resnet.find("stage2.block1.residual.conv2")[0].output_shape == (28, 28, 128)
    assert resnet.find("stage2.block1.shortcut.conv1")[0].output_shape == (28, 28, 512)
    assert analyse(zoo.get("vgg16")).find("conv5_3")[0].output_shape == (14, 14, 512)
    assert analyse(zoo.get("inception_v3")).find("mixed6e.branch7x7_twice.conv5")[0].output_shape == (17, 17, 192)
    assert analyse(zoo.get("mobilenet_v2")).find("block17.project.conv1")[0].output_shape == (7, 7, 320)


def test_mlp_takes_one_hidden_layer_or_several():
    assert zoo.get("mlp", hidden=32) == zoo.get("mlp", hidden=(32,))
    assert str(zoo.get("mlp", hidden=(32, 16), activation="tanh")) == (
        "28x28x1: flatten, dense 32 tanh, dense 16 tanh, dense 10 softmax"
    )


def test_networks_are_equal_when_built_twice():
    for name in ("lenet5", "googlenet", "densenet121"):
        assert isinstance(zoo.get(name), Network)
        assert zoo.get(name) == zoo.get(name)
        assert hash(zoo.get(name)) == hash(zoo.get(name))


def test_one_name_imports_one_file_and_nothing_heavy():
    program = (
        "import sys, json; from hubel import zoo; zoo.names(); first = sorted(m for m in sys.modules if 'zoo.' in m);"
        "zoo.get('lenet5'); print(json.dumps([first, sorted(sys.modules)]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = json.loads(ran.stdout)
    assert all(module.rpartition(".")[2].startswith("_") for module in before)
    assert "hubel.zoo.lenet" in after
    assert not {"hubel.zoo.resnet", "hubel.zoo.vgg", "torch", "numpy", "rich"} & set(after)
