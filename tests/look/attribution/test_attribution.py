"""Grad-CAM, saliency, integrated gradients, occlusion: against Captum and TorchCAM, and why maps are blank."""

from __future__ import annotations

import json
import sys
import warnings

import captum.attr as captum
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Preprocessing
from hubel.look import Sample, grad_cam, integrated_gradients, occlusion, saliency, sample
from hubel.nn import build
from hubel.tasks import LoadedModel, save_model
from tests.look.conftest import untrained

METHODS = {
    "cam": grad_cam,
    "saliency": saliency,
    "integrated-gradients": integrated_gradients,
    "occlusion": occlusion,
}


def noise(model: LoadedModel, seed: int = 0) -> Sample:
    given = model.preprocessing
    pixels = np.random.default_rng(seed).integers(0, 256, (given.height, given.width, given.channels), np.uint8)
    return sample(model, pixels, f"noise{seed}")


class Shared(nn.Module):
    """A network of one's own: one activation in place for every layer, probabilities at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(2)
        self.head = nn.Linear(6 * 8 * 8, 4)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        maps = self.pool(self.relu(self.first(self.relu(input))))
        maps = self.pool(self.relu(self.second(maps)))
        return self.head(maps.flatten(1)).softmax(1)


@pytest.fixture(scope="module")
def shared() -> LoadedModel:
    model = untrained(parse("32x32x3: conv 4 3x3, globalavgpool, dense 4 softmax"), tuple("abcd"))
    torch.manual_seed(3)
    return LoadedModel(model.network, Shared().train(), model.preprocessing, model.classes)


def by_hand(model: LoadedModel, path: str, image: Sample, index: int) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = model.module.get_submodule(path)
        return captum.LayerGradCam(model.module.logits, layer).attribute(image.input.clone(), target=index)[0, 0]


def test_grad_cam_is_captums(digits_model, colour_model, digit):
    for model, image, path in (
        (digits_model, sample(digits_model, digit), "conv2_relu"),
        (colour_model, noise(colour_model), "concat1"),
    ):
        found = grad_cam(model, image, classes=[2])
        expected = by_hand(model, path, image, 2).detach().numpy()
        assert found.layer == path.removesuffix("_relu")
        np.testing.assert_allclose(found.maps[0][0].signed, expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found.maps[0][0].magnitude, expected.clip(0), rtol=1e-5, atol=1e-7)


@pytest.mark.peers
def test_grad_cam_is_torchcams(colour_model):
    from torchcam import methods

    image, module = noise(colour_model), colour_model.module
    with methods.GradCAM(module, target_layer="relu2") as extractor:
        scores = module.logits(image.input)
        (expected,) = extractor(1, scores, normalized=False)
    found = grad_cam(colour_model, image, classes=["bee"], layer="relu2")
    np.testing.assert_allclose(found.maps[0][0].magnitude, expected[0].detach().numpy(), rtol=1e-4, atol=1e-7)


def test_saliency_is_the_gradient(digits_model, digit):
    image = sample(digits_model, digit)
    input = image.input.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(digits_model.module.logits(input)[0, 7], input)
    found = saliency(digits_model, digit).maps[0][0]
    assert (found.class_name, found.predicted) == ("7", True)
    np.testing.assert_allclose(found.signed, gradient[0].sum(0).numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.magnitude, gradient[0].abs().amax(0).numpy(), rtol=1e-5, atol=1e-7)


def test_smooth_gradients_have_a_seed(digits_model, digit):
    one, same, other = (saliency(digits_model, digit, samples=4, seed=seed).maps[0][0].signed for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0
    with pytest.raises(ValueError, match="samples of at least 1"):
        saliency(digits_model, digit, samples=0)


def test_integrated_gradients_add_up_to_the_logit(digits_model, digit):
    found = integrated_gradients(digits_model, digit).maps[0][0]
    image = sample(digits_model, digit)
    black = digits_model.preprocessing.normalise(torch.zeros(1, 28, 28, 1, dtype=torch.uint8))
    with torch.no_grad():
        change = (digits_model.module.logits(image.input) - digits_model.module.logits(black))[0, 7].item()
    assert found.facts["error"] <= 0.02
    assert found.signed.sum() == pytest.approx(change, rel=0.021)
    assert found.facts["change"] == pytest.approx(change, rel=1e-4)
    by_captum = captum.IntegratedGradients(digits_model.module.logits).attribute(
        image.input, black, target=7, n_steps=int(found.facts["steps"])
    )
    np.testing.assert_allclose(found.signed, by_captum[0].sum(0).detach().numpy(), rtol=1e-4, atol=1e-6)


def test_integrated_gradients_say_when_they_do_not_add_up(digits_model, digit):
    found = integrated_gradients(digits_model, digit, most_steps=1, tolerance=1e-9).maps[0][0]
    assert found.facts["steps"] == 1
    assert "off; more steps may help" in found.notes[0]
    raised = integrated_gradients(digits_model, digit, tolerance=1e-12, most_steps=50).maps[0][0]
    assert raised.facts["steps"] == 50
    assert raised.facts["error"] < found.facts["error"]


def test_little_memory_changes_no_number(digits_model, colour_model):
    images = [noise(colour_model, seed) for seed in range(3)]
    for method in METHODS.values():
        plenty, scarce = (method(colour_model, images, classes=["cat", "ant"], budget=size) for size in (2**30, 1))
        for many, few in zip(plenty.maps, scarce.maps, strict=True):
            assert [each.class_name for each in many] == ["cat", "ant"]
            for one, other in zip(many, few, strict=True):
                np.testing.assert_allclose(one.signed, other.signed, rtol=1e-3, atol=1e-5)


def test_occlusion_is_the_fall_of_the_logit(digits_model, digit):
    found = occlusion(digits_model, digit, window=14, stride=14).maps[0][0]
    image = sample(digits_model, digit)
    covered = image.picture.copy()
    covered[:14, 14:] = 0
    with torch.no_grad():
        before = digits_model.module.logits(image.input)[0, 7]
        after = digits_model.module.logits(
            digits_model.preprocessing.normalise(torch.from_numpy(covered)[None]).contiguous()
        )[0, 7]
    assert found.signed.shape == (28, 28)
    np.testing.assert_allclose(found.signed[:14, 14:], (before - after).item(), rtol=1e-4, atol=1e-5)


def test_the_layer_is_picked_and_can_be_named(digits_model, colour_model, digit):
    assert grad_cam(digits_model, digit).layer == "conv2"  # not the pooling after it, which has fewer places
    assert "finer than pool1" in grad_cam(digits_model, digit).about
    assert grad_cam(digits_model, digit, layer="conv1").maps[0][0].signed.shape == (12, 12)
    with pytest.raises(KeyError, match="did you mean 'conv2'"):
        grad_cam(digits_model, digit, layer="comv2")
    with pytest.raises(ValueError, match="expected a layer with maps, received dense1, which gives 24 features"):
        grad_cam(digits_model, digit, layer="dense1")
    vectors = untrained(parse("8x8x1: flatten, dense 4 relu, dense 3 softmax"), ("a", "b", "c"))
    with pytest.raises(ValueError, match="saliency, integrated-gradients and occlusion need no layer"):
        grad_cam(vectors, noise(vectors))


def test_classes_by_name_and_number(colour_model):
    found = grad_cam(colour_model, noise(colour_model), classes=["DOG", 0, "#4"]).maps[0]
    assert [each.class_name for each in found] == ["dog", "ant", "emu"]
    likeliest = grad_cam(colour_model, noise(colour_model), top=3).maps[0]
    assert likeliest[0].predicted
    assert likeliest[0].probability >= likeliest[1].probability >= likeliest[2].probability
    with pytest.raises(ValueError, match="did you mean 'dog'"):
        grad_cam(colour_model, noise(colour_model), classes=["dogg"])
    with pytest.raises(ValueError, match="a class from 0 to 4, received 5"):
        grad_cam(colour_model, noise(colour_model), classes=[5])


@pytest.mark.parametrize("call", ["relu#1", "relu#2", "relu#3"])
def test_a_module_that_runs_often_in_place(shared, call):
    """Captum's own hook sees the last run alone; gradients by hand say what each run's map is."""
    image, module = noise(shared), shared.module
    maps: list[torch.Tensor] = []

    def run(input: torch.Tensor) -> torch.Tensor:
        for part in (None, module.first, module.second):
            input = torch.relu(input if part is None else part(input))
            maps.append(input)
            input = input if part is None else torch.max_pool2d(input, 2)
        return module.head(input.flatten(1)).log_softmax(1)

    score = run(image.input.clone().requires_grad_())[0, 3]
    layer = maps[int(call[-1]) - 1]
    (gradient,) = torch.autograd.grad(score, layer)
    expected = (gradient.mean((2, 3), keepdim=True) * layer).sum(1)[0].detach().numpy()
    found = grad_cam(shared, image, classes=["d"], layer=call)
    np.testing.assert_allclose(found.maps[0][0].signed, expected, rtol=1e-4, atol=1e-7)


def test_a_network_of_ones_own(shared):
    image = noise(shared)
    assert grad_cam(shared, image).layer == "relu#3"
    for method in METHODS.values():
        assert np.isfinite(method(shared, image).maps[0][0].signed).all()
    kept = image.input.clone()
    assert torch.equal(kept, image.input)  # its first layer works in place


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_moved(shared, name):
    module = shared.module
    module.train()
    module.first.eval()
    module.first.weight.requires_grad_(False)
    module.head.weight.grad = torch.ones_like(module.head.weight)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with torch.inference_mode():
        METHODS[name](shared, noise(shared))
    with pytest.raises(ValueError, match="one of the model's classes"):
        METHODS[name](shared, noise(shared), classes=["nobody"])
    assert torch.equal(torch.get_rng_state(), before)
    assert (module.training, module.first.training, module.second.training) == (True, False, True)
    assert [weight.requires_grad for weight in module.first.parameters()] == [False, True]
    assert torch.equal(module.head.weight.grad, torch.ones_like(module.head.weight))
    assert module.first.weight.grad is None
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert not any(part._forward_hooks for part in module.modules())
    module.first.weight.requires_grad_(True)


TINY = "8x8x1: conv 2 3x3 relu, flatten, dense 4 relu, dense 2"


def tiny(**weights: float) -> LoadedModel:
    """A small network, all of some weights set to a number."""
    model = untrained(parse(TINY), ("yes", "no"))
    with torch.no_grad():
        for name, weight in model.module.named_parameters():
            weight.fill_(weights.get(name.replace(".", "_"), 0.1))
    return model


WHY = {
    "dead maps": ({"conv1_bias": -100.0}, "conv1 gives 0 everywhere for this image: its units are dead"),
    "dead units after": ({"dense1_bias": -100.0}, "all 4 numbers of dense1 are 0 for this image"),
    "a class of no weights": ({"dense2_weight": 0.0}, "does not depend on conv1"),
    "all against": ({"dense2_weight": -0.1}, "every place of conv1 speaks against 'yes'"),
    "not a number": ({"dense1_bias": float("nan")}, "the weights dense1.bias are not finite: 4 NaN of 4"),
    "too large": (
        {"conv1_weight": 1e36, "dense1_weight": 1e38},
        "dense1 is the first layer that gives 4 infinite of 4",
    ),
}


@pytest.mark.parametrize("case", WHY)
def test_a_blank_map_says_why(case):
    weights, words = WHY[case]
    model = tiny(**weights)
    image = sample(model, np.linspace(0, 1, 64).reshape(8, 8) * 0.5 + 0.5)
    found = grad_cam(model, image, classes=["yes"])
    assert words in " ".join(found.maps[0][0].notes)
    json.dumps(found.data(values=True), allow_nan=False)
    assert words.split("'")[0][:30].lower() in found.figure().subtitle.lower()


def test_even_images_saturation_and_single_places():
    model = tiny()
    assert "one even colour" in grad_cam(model, np.full((8, 8), 200, np.uint8)).maps[0][0].notes[0]
    image = sample(model, np.linspace(0, 1, 64).reshape(8, 8))
    flat = untrained(parse("8x8x1: conv 2 3x3 relu, flatten, dense 4 tanh, dense 2"), ("yes", "no"))
    with torch.no_grad():
        flat.module.conv1.weight.fill_(1.0)
        flat.module.dense1.weight.fill_(0.0)
        flat.module.dense1.bias.fill_(30.0)
    assert "dense1 is saturated" in saliency(flat, image).maps[0][0].notes[0]
    pooled = untrained(parse("8x8x1: conv 2 3x3 relu, maxpool 6, flatten, dense 2"), ("yes", "no"))
    assert any("one place" in note for note in grad_cam(pooled, image, layer="pool1").maps[0][0].notes)


def test_a_certain_softmax_takes_no_gradient_away():
    certain = untrained(parse("8x8x1: conv 2 3x3 relu, flatten, dense 2 softmax"), ("yes", "no"))
    with torch.no_grad():
        certain.module.dense1.weight.mul_(1e4)
    image = noise(certain)
    found = grad_cam(certain, image).maps[0][0]
    assert found.probability > 0.99999
    assert np.abs(found.signed).max() > 1


def test_plates(digits_model, digit):
    image = sample(digits_model, digit)
    other = sample(digits_model, 255 - image.picture, "other")
    found = grad_cam(digits_model, [image, other], classes=["7", "1"])
    figure = found.figure()
    assert [len(section.tiles) for section in figure.sections] == [5, 5]
    assert figure.sections[0].scale is None
    assert figure.sections[1].scale.kind == "magnitude"
    assert figure.sections[1].scale.high == pytest.approx(
        max(each.magnitude.max() for row in found.maps for each in row)
    )
    signed = found.figure(signed=True, together=False)
    assert all(section.scale is None for section in signed.sections)
    assert "a scale of its own" in signed.subtitle
    assert "conv2" in figure.svg()
    assert "seven.png" in figure.html()


@pytest.mark.parametrize("what", METHODS)
def test_the_command(what, digits_run, digit, tmp_path, capsys):
    target = tmp_path / "seen.html"
    assert (
        main(["look", what, str(digits_run.directory), str(digit), "--class", "7", "--class", "2", "-o", str(target)])
        == 0
    )
    assert capsys.readouterr().out == f"wrote {target}\n"
    assert "<svg" in target.read_text(encoding="utf-8") or "<img" in target.read_text(encoding="utf-8")
    assert main(["look", what, str(digits_run.directory), str(digit), "--class", "7"]) == 0
    shown = capsys.readouterr().out
    assert "seven.png" in shown
    assert "logit" in shown
    assert main(["look", what, str(digits_run.directory), str(digit), "--json", "--own-scale", "--signed"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["maps"]
    assert (found["class"], found["image"]) == ("7", "seven.png")
    assert main(["look", what, str(digits_run.directory), str(digit), "--class", "seven"]) == 2
    assert "expected one of the model's classes" in capsys.readouterr().err


def test_a_missing_captum_is_named_with_its_remedy(colour_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hubel\[look\]'"):
        saliency(colour_model, noise(colour_model))


def test_large_pictures_from_a_model_file(tmp_path, capsys):
    model = untrained(
        parse("224x224x3: conv 4 7x7/8 relu, conv 4 3x3/2 relu, globalavgpool, dense 2 softmax"), ("a", "b")
    )
    path = save_model(
        tmp_path / "m.safetensors", model.network, model.module, preprocessing=model.preprocessing, classes=("a", "b")
    )
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)).save(tmp_path / "photo.png")
    arguments = ["look", "cam", str(path), str(tmp_path / "photo.png"), "--json", "--top", "2"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["layer"], len(found["maps"]), len(found["maps"][0]["signed"])) == ("conv2", 2, 13)


def test_what_counts_of_a_sound_is_told_of_sounds() -> None:
    network = parse("64x40x1: conv 4 3x3/2 relu, globalavgpool, dense 2")
    kind = Preprocessing(64, 40, 1, (0.3,), (0.25,), "time")
    model = LoadedModel(network, build(network).eval(), kind, ("yes", "no"))
    seen = np.random.default_rng(0).integers(0, 256, (64, 40, 1), dtype=np.uint8)
    told = [occlusion(model, seen).about, integrated_gradients(model, seen).about, saliency(model, seen).about]
    assert (
        "when 5 bands by 5 steps of 10 ms are covered with the training sounds' mean loudness, every 2 of each"
        in told[0]
    )
    assert "each place of the spectrogram adds" in told[1]
    assert "from silence to the sound" in told[1]
    assert not any(word in each for word in ("pixel", "colour", "image") for each in told)
