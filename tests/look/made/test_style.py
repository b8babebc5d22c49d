"""Style transfer: what falls, what repeats, which layers are picked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from hubel import zoo
from hubel.arch import parse
from hubel.cli import main
from hubel.look.made.style import averaging, gram, picked_layers, transfer_style
from hubel.tasks import LoadedModel, save_model
from tests.look.conftest import untrained

POOLED = "32x32x3: conv 6 3x3 same relu, conv 6 3x3 same relu, maxpool 2, conv 8 3x3 same relu, conv 8 3x3 same relu, "
SMALL = {"steps": 2}


@pytest.fixture(scope="module")
def pooled() -> LoadedModel:
    return untrained(parse(POOLED + "maxpool 3x3/2 same, conv 8 3x3 same relu, flatten, dense 2"), ("a", "b"))


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0:32, 0:32]
    content = np.stack([rows * 8, columns * 8, 255 - rows * 8], 2).astype(np.uint8)
    style = np.stack([(rows // 3 % 2) * 255, (columns // 3 % 2) * 200, rows * 0 + 30], 2).astype(np.uint8)
    return content, style


def test_both_losses_fall_from_noise(pooled, pictures):
    made = transfer_style(pooled, *pictures, start="noise", style_weight=1, seed=1, keep_frames=True, **SMALL)
    again, other = (
        transfer_style(pooled, *pictures, start="noise", style_weight=1, seed=seed, steps=1).picture for seed in (1, 2)
    )
    np.testing.assert_array_equal(made.frames[0], again)
    assert (again != other).any()
    assert made.losses["style"][-1] < 0.1
    assert made.losses["content"][-1] < 0.5
    assert made.picture.shape == (32, 32, 3)


def test_style_weight_trades_one_for_the_other(pooled, pictures):
    content, style = (transfer_style(pooled, *pictures, style_weight=weight, **SMALL) for weight in (0.0, 1000.0))
    assert content.losses["content"][-1] < style.losses["content"][-1]
    assert content.losses["style"][-1] > style.losses["style"][-1]
    np.testing.assert_allclose(content.picture, pictures[0], atol=30)


def test_gram_is_the_mean_product_of_channels():
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    assert gram(maps).tolist() == [[2.5, 5.5], [5.5, 12.5]]


def test_layers_are_picked_as_in_the_paper():
    """VGG-19: conv4_2 for the content, conv1_1 to conv5_1 for the style. Shapes alone: no weights are drawn."""
    network = zoo.get("vgg19")
    with torch.device("meta"):
        model = untrained_shapes(network)
    content, style = picked_layers(model)
    assert [call.path for call in content] == ["conv4_2"]
    assert [call.path for call in style] == [f"conv{stage}_1" for stage in range(1, 6)]


def untrained_shapes(network) -> LoadedModel:
    from hubel.data import Preprocessing
    from hubel.nn import build

    return LoadedModel(network, build(network), Preprocessing(224, 224, 3, (0.5,) * 3, (0.25,) * 3), ("a",))


def test_layers_can_be_named(pooled, pictures):
    made = transfer_style(pooled, *pictures, content_layers=["conv3"], style_layers=["conv1", "conv5"], steps=1)
    assert (made.content_layers, made.style_layers) == (("conv3",), ("conv1", "conv5"))
    with pytest.raises(KeyError, match="did you mean 'conv1'"):
        transfer_style(pooled, *pictures, style_layers=["conw1"], steps=1)
    with pytest.raises(ValueError, match="expected layers with maps, received dense1"):
        transfer_style(pooled, *pictures, content_layers=["dense1"], steps=1)
    with pytest.raises(ValueError, match="steps of at least 1"):
        transfer_style(pooled, *pictures, steps=0)


def test_average_pooling_shares_the_weights(pooled):
    module = averaging(pooled).module
    kinds = [type(part).__name__ for part in module.modules() if "ool" in type(part).__name__]
    assert kinds == ["AvgPool2d", "PaddedAvgPool2d"] or kinds == ["AvgPool2d", "AvgPool2d"]
    assert any(isinstance(part, nn.MaxPool2d) for part in pooled.module.modules())
    assert all(one is other for one, other in zip(module.parameters(), pooled.module.parameters(), strict=True))
    input = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        maps = pooled.module.conv2_relu(pooled.module.conv2(pooled.module.conv1_relu(pooled.module.conv1(input))))
        expected = torch.nn.functional.avg_pool2d(maps, 2)
        torch.testing.assert_close(module.pool1(maps), expected)


def test_nothing_is_moved(pooled, pictures):
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in pooled.module.state_dict().items()}
    transfer_style(pooled, *pictures, start="noise", average_pooling=True, steps=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(weight.requires_grad and weight.grad is None for weight in pooled.module.parameters())
    assert all(torch.equal(value, state[name]) for name, value in pooled.module.state_dict().items())


def test_pictures_of_any_size_and_one_channel(pooled, digits_model, pictures, digit):
    wide = np.repeat(pictures[0], 2, axis=1)
    assert transfer_style(pooled, wide, pictures[1], steps=1).picture.shape == (32, 64, 3)
    assert transfer_style(digits_model, digit, digit, steps=1).picture.shape == (28, 28, 1)


def test_pictures_that_the_layers_do_not_fit_are_scaled_and_that_is_said(pooled, pictures):
    made = transfer_style(pooled, pictures[0][:1], pictures[1], steps=1)
    own = (pooled.preprocessing.height, pooled.preprocessing.width)
    assert made.picture.shape[:2] == own
    assert "both were brought to that size, the network's own, since its layers do not fit 1×32 and" in made.outcome
    assert made.data()["scaled"] in made.outcome
    assert transfer_style(pooled, *pictures, steps=1).scaled == ""


def test_the_command(pooled, pictures, tmp_path, capsys):
    model = save_model(
        tmp_path / "m.safetensors",
        pooled.network,
        pooled.module,
        preprocessing=pooled.preprocessing,
        classes=("a", "b"),
    )
    names = [str(tmp_path / name) for name in ("content.png", "style.png")]
    for name, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture).save(name)
    target = tmp_path / "made.html"
    assert main(["look", "style", str(model), *names, "--steps", "2", "-o", str(target), "--longest", "24"]) == 0
    assert "content by conv4, style by conv1, conv3, conv5" in capsys.readouterr().out
    assert "L-BFGS" in target.read_text(encoding="utf-8")
    assert main(["look", "style", str(model), *names, "--steps", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["content_layers"] == ["conv4"]
