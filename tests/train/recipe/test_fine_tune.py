"""Training that starts from trained weights: what it takes over, what it leaves alone, and that it pays."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from hubel import zoo
from hubel.arch import parse
from hubel.data import Dataset, Splits, load
from hubel.nn import build
from hubel.train import EpochMetrics, Notice, Recipe, Run, RunError, Started, choose, fine_tune, resume, train
from hubel.train.run.checkpoint import CheckpointStore

BODY = "28x28x1: conv 8 5x5/2 same, norm, relu, conv 16 3x3/2 same, norm, relu, flatten, dense 32 relu, dense"
QUIET = {"threads": 1, "precision": "float32", "memory_format": "channels-last", "device": "cpu"}


def digits(part: Dataset, wanted: range, count: int) -> Dataset:
    found = part.take(np.flatnonzero(np.isin(part.labels, wanted))[:count])
    return Dataset(found.images, found.labels - wanted[0], tuple(map(str, wanted)), f"digits {wanted}")


@pytest.fixture(scope="module")
def low(tmp_path_factory):
    """A run that learned the digits 0 to 5."""
    mnist = load("mnist")
    recipe = Recipe(epochs=1, learning_rate=0.015, **QUIET)
    splits = Splits(digits(mnist.train, range(6), 6000))
    return train(parse(f"{BODY} 6 softmax"), splits, recipe, tmp_path_factory.mktemp("low") / "run")


@pytest.fixture(scope="module")
def high():
    """A few of the digits 6 to 9."""
    mnist = load("mnist")
    return Splits(digits(mnist.train, range(6, 10), 60), test=digits(mnist.test, range(6, 10), 1000))


@pytest.fixture(scope="module")
def network():
    return parse(f"{BODY} 4 softmax")


def weights(run):
    return load_file(run.directory / "model.safetensors")


def tuned(network, high, low, **settings):
    return fine_tune(network, high.train, str(low.directory / "model.safetensors")).replace(**QUIET, **settings)


def leaning(part: Dataset) -> Dataset:
    images = [np.asarray(Image.fromarray(image[..., 0]).rotate(20)) for image in part.images]
    return Dataset(np.stack(images)[..., None], part.labels, part.classes, "leaning digits")


def test_fine_tuning_beats_training_from_scratch(low, tmp_path):
    mnist, network = load("mnist"), parse(f"{BODY} 6 softmax")
    splits = Splits(leaning(digits(mnist.train, range(6), 48)), test=leaning(digits(mnist.test, range(6), 1000)))
    recipe = tuned(network, splits, low, epochs=12)
    scratch = choose(network, splits.train).replace(**QUIET, epochs=12)
    accuracies = {}
    for name, each in {"tuned": recipe, "scratch": scratch}.items():
        run = train(network, splits, each, tmp_path / name)
        accuracies[name] = run.metrics[-1].evaluation_accuracy
    assert accuracies["tuned"] > 0.85, accuracies
    assert accuracies["tuned"] > accuracies["scratch"] + 0.05, accuracies


def test_the_run_says_what_it_started_from(network, high, low, tmp_path):
    events = []
    recipe = tuned(network, high, low, epochs=1, freeze="all-but-head")
    run = train(network, high, recipe, tmp_path / "run", progress=events.append)
    file = low.directory / "model.safetensors"
    assert Run.open(run.directory).settings["weights"] == {
        "source": str(file),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "fresh": ["dense2"],
    }
    started = next(event for event in events if isinstance(event, Started))
    assert (started.trained, started.parameters) == (32 * 4 + 4, run_parameters(network))
    assert any("dense2: new weights, for 4 classes" in event.message for event in events if isinstance(event, Notice))
    assert "from model.safetensors, all-but-head frozen" in str(run.recipe)
    assert run.recipe.pixels == "weights"
    assert run.preprocessing.mean == low.preprocessing.mean


def test_layers_frozen_as_drawn_at_random_are_said(network, high, tmp_path):
    events = []
    train(network, high, Recipe(epochs=1, freeze="all-but-head", **QUIET), tmp_path / "run", progress=events.append)
    said = [event.message for event in events if isinstance(event, Notice)]
    assert said == ["all-but-head: frozen as drawn at random; --weights would start from trained weights"]


def run_parameters(network):
    return sum(parameter.numel() for parameter in build(network).parameters())


@pytest.mark.parametrize(
    ("freeze", "same"),
    [
        ("all-but-head", {"conv1", "norm1", "conv2", "norm2", "dense1"}),
        ("conv1, norm1", {"conv1", "norm1"}),
        ("batch-norms, conv2", {"norm1", "norm2", "conv2"}),
    ],
)
@pytest.mark.parametrize(("optimizer", "ema"), [("adamw", 0.0), ("muon", 0.5)])
def test_frozen_layers_keep_every_bit_and_all_others_learn(freeze, same, optimizer, ema, network, high, low, tmp_path):
    recipe = tuned(network, high, low, epochs=2, freeze=freeze, optimizer=optimizer, weight_decay=0.1, ema=ema)
    run = train(network, high, recipe, tmp_path / "run")
    before, after = weights(low), weights(run)
    for name, tensor in after.items():
        if name.endswith("num_batches_tracked") or name.startswith("dense2"):
            continue
        assert torch.equal(before[name], tensor) == (name.partition(".")[0] in same), name


def test_frozen_runs_resume_to_the_same_bits_without_the_file(network, high, low, tmp_path):
    copy = tmp_path / "start.safetensors"
    copy.write_bytes((low.directory / "model.safetensors").read_bytes())
    recipe = tuned(network, high, low, epochs=3, freeze="conv1, norm1", layer_decay=0.5, ema=0.9)
    recipe = recipe.replace(weights=str(copy), checkpoint_seconds=0)
    clean = train(network, high, recipe, tmp_path / "clean")

    def leave(event):
        if isinstance(event, EpochMetrics):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, high, recipe, tmp_path / "stopped", progress=leave)
    copy.unlink()
    stopped = resume(tmp_path / "stopped", high)
    assert (stopped.directory / "model.safetensors").read_bytes() == (
        clean.directory / "model.safetensors"
    ).read_bytes()
    tensors = [CheckpointStore(run.directory / "checkpoints").load_latest()[0].tensors for run in (clean, stopped)]
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0] | tensors[1])


def test_a_run_stopped_before_its_first_checkpoint_starts_from_the_same_file_or_not_at_all(
    network, high, low, tmp_path
):
    copy = tmp_path / "start.safetensors"
    copy.write_bytes((low.directory / "model.safetensors").read_bytes())
    recipe = tuned(network, high, low, epochs=1).replace(weights=str(copy))

    def leave(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, high, recipe, tmp_path / "run", progress=leave)
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(ValueError, match=r"start\.safetensors: expected a file whose SHA-256 begins with"):
        resume(tmp_path / "run", high)


def test_earlier_layers_learn_slower(network, high, low, tmp_path):
    moved = {}
    for decay in (1.0, 0.1):
        recipe = tuned(
            network, high, low, epochs=1, layer_decay=decay, optimizer="sgd", momentum=0.0, clip_norm=1.0, freeze=""
        )
        run = train(network, high, recipe.replace(learning_rate=0.01), tmp_path / str(decay))
        before, after = weights(low), weights(run)
        moved[decay] = {
            name: float((before[f"{name}.weight"] - after[f"{name}.weight"]).norm())
            for name in ("conv1", "norm1", "conv2", "dense1")
        }
    ratio = {name: moved[0.1][name] / moved[1.0][name] for name in moved[1.0]}
    assert ratio["dense1"] == pytest.approx(0.1, rel=0.3)  # one part before the last
    assert ratio["conv2"] == pytest.approx(0.01, rel=0.3)
    assert ratio["conv1"] == pytest.approx(0.001, rel=0.3)
    assert ratio["norm1"] == pytest.approx(0.001, rel=0.3)  # belongs to the convolution before it


def test_classes_of_the_same_number_but_other_names_get_a_new_head(low, tmp_path):
    mnist = load("mnist")
    others = Splits(digits(mnist.train, range(3, 9), 64))
    network = parse(f"{BODY} 6 softmax")
    recipe = fine_tune(network, others.train, str(low.directory / "model.safetensors"), "all-but-head")
    run = train(network, others, recipe.replace(**QUIET, epochs=1), tmp_path / "run")
    assert run.settings["weights"]["fresh"] == ["dense2"]
    same = Splits(digits(mnist.train, range(6), 64))
    run = train(network, same, recipe.replace(**QUIET, epochs=1), tmp_path / "same")
    assert run.settings["weights"]["fresh"] == []


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        (f"{BODY} 4 softmax", {"freeze": "conv9"}, ["freeze", "'conv9'", "did you mean 'conv"]),
        (f"{BODY} 4 softmax", {"freeze": "zzz"}, ["its parts are conv1, norm1", "or say all-but-head or batch-norms"]),
        (f"{BODY} 4 softmax", {"freeze": "batch-norm"}, ["'batch-norm'", "did you mean 'batch-norms'?"]),
        (f"{BODY} 4 softmax", {"freeze": "all-but-head, dense2"}, ["something to train"]),
        ("28x28x1: flatten, dense 4 softmax", {"weights": "", "freeze": "batch-norms"}, ["a network without"]),
        ("28x28x1: flatten, dense 4 softmax", {"weights": "", "freeze": "dense1"}, ["something to train"]),
        (f"{BODY.replace('dense 32', 'dense 33')} 4 softmax", {}, ["dense1 (weight 33×784", "dense1 (weight 32×784"]),
        (f"{BODY} 4 softmax", {"weights": "", "pixels": "weights"}, ["pixels = 'weights'"]),
        (f"{BODY} 4 softmax", {"weights": "", "pixels": "imagenet"}, ["3 channels"]),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(text, settings, words, high, low, tmp_path):
    network = parse(text)
    recipe = Recipe(**{"weights": str(low.directory / "model.safetensors"), **settings, **QUIET})
    with pytest.raises(ValueError) as caught:
        train(network, high, recipe, tmp_path / "run")
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "run" / "run.toml").exists()


def test_the_rule_keeps_batch_normalisation_and_lets_the_first_part_learn_a_hundredth_as_fast(high):
    colour = Dataset(np.repeat(high.train.images, 3, axis=3), high.train.labels, high.train.classes)
    network = zoo.get("mobilenet_v2", classes=4, input=(32, 32, 3))
    usual = choose(network, colour)
    recipe = fine_tune(network, colour, "w.pth")
    assert recipe.freeze == "batch-norms"
    assert recipe.learning_rate == usual.learning_rate / 2
    assert recipe.layer_decay**19 == pytest.approx(0.01, rel=0.15)  # mobilenet_v2 has twenty parts with kernels
    probe = fine_tune(network, colour, "w.pth", "all-but-head")
    assert (probe.freeze, probe.layer_decay, probe.learning_rate) == ("all-but-head", 1.0, usual.learning_rate)
    assert fine_tune(network, colour, "w.pth", "block1").freeze == "block1"
    assert fine_tune(network, colour, "w.pth", "block1").layer_decay == recipe.layer_decay


@pytest.mark.parametrize(("layers", "decay"), [("", 1.0), ("conv 4 3x3, layernorm, relu, dense 8, ", 0.7)])
def test_the_rule_for_few_parts_and_none_of_batch_normalisation(layers, decay, high):
    recipe = fine_tune(parse(f"28x28x1: {layers}flatten, dense 4 softmax"), high.train, "w.pth")
    assert (recipe.freeze, recipe.layer_decay) == ("", decay)


def test_one_class_alone_is_refused(high):
    alone = Dataset(high.train.images, np.zeros(len(high.train), np.int64), ("six",), "sixes")
    with pytest.raises(ValueError, match=r"sixes: expected .* at least two classes, received 60 of 'six' alone"):
        choose(parse("28x28x1: flatten, dense 1 softmax"), alone)


def test_a_missing_file_is_an_error_that_names_it(network, high, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        train(network, high, Recipe(weights=str(tmp_path / "nowhere.pth"), **QUIET), tmp_path / "run")
    with pytest.raises(RunError):
        Run.open(tmp_path / "run")
