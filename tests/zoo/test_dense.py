"""Dense networks: any encoder's own layers, and a way up to the size that is asked for."""

from __future__ import annotations

import json

import pytest
import torch

from hubel import zoo
from hubel.arch import analyse, parse
from hubel.base.errors import NetworkError, SettingError, WeightsError
from hubel.nn import build, load_pretrained
from tests.command import hubel

ENCODERS = ["lenet5", "alexnet", "vgg11_bn", "inception_v3", "resnet18", "squeezenet1_1", "mobilenet_v2", "densenet121"]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_size_comes_out_whole(name):
    """Of sizes that halve evenly nowhere too: ⌈H/stride⌉×⌈W/stride⌉."""
    encoder = zoo.get(name, input=(101, 139, 3))
    for stride in (1, 4) if name != "lenet5" else (1, 2):
        network = zoo.dense(encoder, 5, stride)
        assert analyse(network).output_shape == (-(-101 // stride), -(-139 // stride), 5)
        assert parse(str(network)) == network


def test_halvings_after_the_encoder_let_places_see_further():
    plain, deeper = (zoo.dense("resnet10", 5, 4, input=(101, 139, 3), width=0.25, deeper=n) for n in (0, 2))
    assert analyse(deeper).output_shape == analyse(plain).output_shape == (26, 35, 5)
    assert min(analyse(deeper).field.size) > 2.5 * min(analyse(plain).field.size)
    kept = build(deeper).state_dict()
    assert [name for name in build(plain).state_dict() if "stage" in name] == [name for name in kept if "stage" in name]
    assert build(deeper).eval()(torch.zeros(1, 3, 101, 139)).shape == (1, 5, 26, 35)
    with pytest.raises(SettingError, match=r"deeper from 0 to 2, halvings of maps of 4×5, received 3"):
        zoo.dense("resnet10", 5, 4, input=(101, 139, 3), deeper=3)


@pytest.mark.parametrize("size", [(24, 24), (25, 31), (8, 40)])
def test_the_module_gives_what_the_arithmetic_says(size):
    network = zoo.dense(f"{size[0]}x{size[1]}x1: conv 4 3x3 same relu, maxpool 2, conv 8 3x3, relu, maxpool 2", 3, 1)
    found = build(network).eval()(torch.zeros(2, 1, *size))
    assert found.shape == (2, 3, *size)


def test_a_picture_is_halved_only_as_far_as_there_is_something_to_halve():
    small, smaller = (zoo.dense("resnet10", 2, 1, input=(side, side, 3)) for side in (32, 16))
    assert str(small).count("skip") == 5
    assert str(smaller).count("skip") == 4
    assert analyse(smaller).output_shape == (16, 16, 2)


def test_the_encoder_keeps_its_names_and_comes_first():
    own = zoo.get("resnet18", input=(64, 64, 3), width=0.125)
    network = zoo.dense(own, 4, 4)
    kept = [name.replace("level.below.", "") for name in build(network).state_dict()]
    encoder = [name for name in build(own).state_dict() if not name.startswith("dense1")]
    assert kept[: len(encoder)] == encoder
    assert "aux(" not in str(zoo.dense("googlenet", 2, 2, heads=True))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_trained_weights_of_the_encoder_fit(ending, tmp_path):
    from safetensors.torch import save_file

    own = build(zoo.get("resnet18", input=(64, 64, 3), width=0.125))
    path = tmp_path / f"weights{ending}"
    (torch.save if ending == ".pth" else save_file)(own.state_dict(), path)
    module = build(zoo.dense("resnet18", 4, 4, input=(64, 64, 3), width=0.125))
    taken = load_pretrained(module, path)
    fresh = [name for name in module.state_dict() if name not in taken.names and "num_batches" not in name]
    assert {name.replace("level.below.", "").partition(".")[0] for name in fresh} == {"up", "head", "conv1", "norm1"}
    for name, other in taken.names.items():
        assert torch.equal(module.state_dict()[name], own.state_dict()[other])
    with pytest.raises(WeightsError, match="do not fit"):
        load_pretrained(build(zoo.dense("resnet34", 4, 4, input=(64, 64, 3), width=0.125)), path)


def test_what_is_no_encoder_is_refused_in_words():
    with pytest.raises(NetworkError, match="makes its picture smaller, received unet"):
        zoo.dense("unet", 2)
    with pytest.raises(NetworkError, match="takes pictures H×W×C, received one for 96"):
        zoo.dense("96: dense 10", 2)
    with pytest.raises(SettingError, match=r"expected stride as one of 1, 2, 4, 8, 16, 32.*received 3"):
        zoo.dense("resnet18", 2, 3)
    with pytest.raises(SettingError, match="did you mean 'resnet18'"):
        zoo.dense("resnt18", 2)


def test_words_of_the_command_line_mean_them():
    word = hubel("explain", "dense-resnet18", "--classes", "11", "--input", "64x96x3", "--option", "stride=2", "--json")
    assert json.loads(word.stdout)["output_shape"] == [32, 48, 11]
    text = "dense(16x16x1: conv 4 3x3 same, maxpool 2, conv 4 3x3 same)"
    assert zoo.network(text, stride=1) == zoo.dense(text[6:-1], 2, 1)
    assert zoo.is_made("dense-ResNet-18")
    assert not zoo.is_made(text)
    wrong = hubel("explain", "dense-resnt18")
    assert wrong.returncode == 2
    assert "did you mean 'resnet18'" in wrong.stderr
