"""Data alone: the network that the rules choose for it, said in a line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.arch import analyse, parse
from hubel.base.errors import SettingError
from hubel.data import Dataset, Labels, Splits
from hubel.tasks import load, task_of
from hubel.train._fitting import fitted, recipe_for
from tests.command import hubel as command
from tests.tasks.segmentation.pictures import folder


def of_size(height: int, width: int, channels: int, number: int = 24) -> Dataset:
    labels = Labels(np.arange(number) % 3, ("a", "b", "c"))
    return Dataset(np.zeros((number, height, width, channels), np.uint8), labels)


@pytest.mark.parametrize(
    ("shape", "word"),
    [
        ((28, 28, 1), "lenet5"),
        ((32, 32, 3), "resnet20"),
        ((16, 16, 3), "mlp"),
        ((96, 128, 3), "resnet10"),
        ((224, 224, 1), "resnet10"),
    ],
)
def test_images_as_a_whole_get_a_network_by_their_size(shape, word):
    found = task_of(of_size(*shape)).network(of_size(*shape))
    assert found.word == word
    assert f"24 images of {'×'.join(map(str, shape))}" in found.why
    assert task_of(of_size(*shape, 1000)).network(of_size(*shape, 1000)).options.get("width") in (None, 1.0)


def test_a_folder_of_classes_alone_is_trained_on(tmp_path):
    random = np.random.default_rng(0)
    for number in range(24):
        path = tmp_path / "shades" / ("dark", "light")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 99, (30, 30, 3), np.uint8) + 150 * (number % 2)).save(path)
    ran = command("train", tmp_path / "shades", "--epochs", 1, "--run", tmp_path / "run", "--no-report", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)["notes"]
    assert told[0] == "resnet20: chosen for 20 images of 30×30×3; another is named before the data"


def test_masks_get_a_small_u_and_a_named_classifier_becomes_one(tmp_path):
    root = folder(tmp_path / "squares", 6, parts=("train",))
    run = hubel.train(root, directory=tmp_path / "run", epochs=1, progress=False)
    assert run.network.name == "dense-resnet10"
    assert run.recipe.augmentation == "flip, zoom 1.5"
    assert run.recipe.balance == "weights"
    assert run.recipe.optimizer == "muon"
    model = run.model()
    assert model.predict(root / "train/images/000.png").mask.shape == (16, 16)
    named = hubel.train("resnet18", root, directory=tmp_path / "other", epochs=1, width=0.125, progress=False)
    assert named.network.name == "dense-resnet18"
    assert named.network.input == (16, 16, 3)


def test_places_are_trained_by_muon_where_normalised_and_in_colours_where_seen_often(tmp_path):
    squares = load(folder(tmp_path / "squares", 6, parts=("train",))).train
    plain, normalised = (parse(f"16x16x3: conv 8 3x3 same, {more} conv 2 1x1") for more in ("", "norm, relu,"))

    def rule(network, **changes):
        found = recipe_for(network, squares, changes)
        return found.optimizer, found.augmentation

    assert rule(normalised, epochs=24.0) == ("muon", "flip, zoom 1.5, colour 0.3")
    assert rule(plain, epochs=23.0) == ("adamw", "flip, zoom 1.5")
    assert rule(normalised, epochs=1.0, augmentation="colour 0.2") == ("muon", "colour 0.2")
    large = parse("16x16x3: conv 8 3x3 same, norm, relu, conv 256 3x3 same, norm, relu, conv 2 1x1")
    images = 6 * analyse(large).training_macs  # seen about 24 times in so many seconds
    seconds = [times * images / 4e10 for times in (25, 23)]
    found = [recipe_for(large, squares, {"time_budget": each, "threads": 1, "device": "cpu"}) for each in seconds]
    assert ["colour" in each.augmentation for each in found] == [True, False]


def test_images_too_small_for_a_network_are_brought_to_its_own_size(tmp_path):
    pixels, labels = np.zeros((20, 28, 28, 1), np.uint8), np.arange(20) % 10
    np.savez(tmp_path / "digits.npz", x_train=pixels, y_train=labels)
    network, splits, _ = fitted("lenet5_1998", str(tmp_path / "digits.npz"), {}, {})
    assert (network.input, splits.train.shape) == ((32, 32, 1), (32, 32, 1))
    assert "lenet5_1998 does not fit pictures of 28×28×1: they are brought to its own 32×32×1" in splits.notes
    network, splits, _ = fitted("lenet5", str(tmp_path / "digits.npz"), {}, {})
    assert (network.input, splits.train.shape) == ((28, 28, 1), (28, 28, 1))


def test_what_stands_alone_and_is_no_data_is_told():
    with pytest.raises(SettingError, match="expected data, or a network and data, received 'lenet5' alone"):
        hubel.train("lenet5")
    ran = command("train", "lenet5")
    assert ran.returncode == 2
    assert "expected DATA, or NET and DATA" in ran.stderr


def test_a_loaded_set_alone_is_trained_on(tmp_path):
    run = hubel.train(Splits(of_size(16, 16, 1)), directory=tmp_path / "run", epochs=1, progress=False)
    assert run.network.name == "mlp"


def test_windows_are_refused_for_networks_that_take_whole_images_alone(tmp_path):
    with pytest.raises(SettingError, match="without a window for resnet10, which takes images of 96×96 alone"):
        hubel.train(Splits(of_size(96, 96, 3)), directory=tmp_path / "run", augmentation="window 64", progress=False)
