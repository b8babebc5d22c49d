"""Which mirrorings a set bears is measured on the way: pictures that grow brighter downwards or upwards, which tells
what they are, and to the right or left, which tells nothing.
"""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.data import Dataset, Labels, Splits
from hubel.tasks import load
from hubel.train import Notice, Recipe, Run, choose, resume, train
from hubel.train._fitting import recipe_for
from hubel.train.run.checkpoint import CheckpointStore
from tests.command import hubel
from tests.train.run.test_resume import bits

RECIPE = Recipe(
    epochs=16, batch_size=16, learning_rate=0.02, augmentation="none", mirrors="measured", threads=1, keep="best"
)


def pictures(number, seed, tells=True, noise=8):
    """uint8 N×12×12×1, and which of them grow brighter downwards; without `tells` a bright or a dark ground instead."""
    draw = np.random.default_rng(seed)
    down = draw.integers(0, 2, number)
    ramp = np.linspace(-60, 60, 12)
    rows, columns = ramp[:, None] * (2 * down - 1)[:, None, None], ramp * draw.choice([-1, 1], (number, 1, 1))
    shades = rows if tells else np.where(down, 50, -50)[:, None, None]
    found = 127 + shades + columns / 2 + draw.normal(0, noise, (number, 12, 12))
    return found.clip(0, 255).astype(np.uint8)[..., None], down


def classified(tells):
    parts = []
    for seed, number in enumerate((96, 48)):
        images, labels = pictures(number, seed, tells)
        parts.append(Dataset(images, Labels(labels.astype(np.int64), ("up", "down")), name="ramps"))
    return Splits(*parts), parse("12x12x1: conv 8 5x5 same, norm, relu, maxpool 2, flatten, dense 2")


def drawn(folder, tells, noise=8):
    """The same as pictures with masks: all of each is of its class."""
    images, down = pictures(128, 0, tells, noise)
    for name, arrays in (("images", images[..., 0]), ("masks", np.broadcast_to(down[:, None, None], (128, 12, 12)))):
        (folder / name).mkdir(parents=True)
        for number, array in enumerate(arrays):
            Image.fromarray(array.astype(np.uint8)).save(folder / name / f"{number}.png")
    return load(str(folder), validation=0.3), parse("12x12x1: conv 8 5x5 same, norm, relu, conv 2 5x5 same")


def trained(splits, network, directory, recipe=RECIPE):
    told = []
    run = train(network, splits, recipe, directory, progress=told.append)
    return run, [each.message for each in told if isinstance(each, Notice) and "mirrored" in each.message]


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_a_set_is_mirrored_where_that_does_not_change_what_things_are(kind, tells, tmp_path):
    splits, network = classified(tells) if kind == "classification" else drawn(tmp_path / "data", tells)
    run, told = trained(splits, network, tmp_path / "run")
    found = {each["how"]: each for each in run.settings["mirrors"]}
    assert {how: each["taken"] for how, each in found.items()} == {"updown": not tells, "flip": True}
    first = run.task.primary
    for how, words in (("updown", "top to bottom"), ("flip", "left to right")):
        (line,) = (each for each in told if words in each)
        assert first.text(found[how]["mirrored"]) in line
        assert first.text(found[how]["as_they_are"]) in line
        assert ("--set mirrors=said" in line) == found[how]["taken"]
    tried = found["updown"]["step"]
    assert run.steps / 4 <= tried <= run.steps / 2
    row = next(row for row in run.metrics if row.step == tried)
    assert row.evaluation[first.name] == found["updown"]["as_they_are"]
    assert Run.open(run.directory).settings["mirrors"] == run.settings["mirrors"]


def test_training_mirrors_from_then_on_and_resumes_to_the_same_bits(tmp_path, monkeypatch):
    splits, network = classified(False)
    recipe = RECIPE.replace(checkpoint_seconds=0)
    clean, _ = trained(splits, network, tmp_path / "clean", recipe)
    said, told = trained(splits, network, tmp_path / "said", recipe.replace(mirrors="said"))
    assert not told
    assert "mirrors" not in said.settings
    tried = clean.settings["mirrors"][0]["step"]
    for row, other in zip(clean.metrics, said.metrics, strict=True):  # the same until then, and not after
        assert (row.training == other.training) == (row.step <= tried)
    save = CheckpointStore.save
    for stop in (tried - 1, tried, tried + 1):
        directory = tmp_path / f"run-{stop}"

        def stopping(self, step, tensors, about, stop=stop):
            save(self, step, tensors, about)
            if step == stop:
                raise KeyboardInterrupt

        monkeypatch.setattr(CheckpointStore, "save", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(network, splits, recipe, directory)
        monkeypatch.setattr(CheckpointStore, "save", save)
        again = resume(directory, splits)
        assert bits(directory) == bits(clean.directory)
        assert again.settings["mirrors"] == clean.settings["mirrors"]


def test_short_trainings_and_sets_without_validation_are_not_tried(tmp_path):
    splits, network = classified(False)
    run, told = trained(splits, network, tmp_path / "short", RECIPE.replace(epochs=6))
    assert not told
    assert "mirrors" not in run.settings
    measured = Splits(splits.train, test=splits.validation)
    recipe = RECIPE.replace(keep="last")
    told = []
    run = train(network, measured, recipe, tmp_path / "test", validation=0.0, progress=told.append)
    assert "mirrors" not in run.settings
    assert not [each for each in told if isinstance(each, Notice)]


def test_who_says_how_images_are_varied_means_it(tmp_path):
    splits, network = drawn(tmp_path / "data", False)
    assert choose(network, splits.train).mirrors == "measured"
    assert recipe_for(network, splits.train, {}).mirrors == "measured"
    assert recipe_for(network, splits.train, {"augmentation": "flip"}).mirrors == "said"
    assert recipe_for(network, splits.train, {"augmentation": "flip", "mirrors": "measured"}).mirrors == "measured"
    images, network = classified(False)
    assert choose(network, images.train).mirrors == "said"
    with pytest.raises(SettingError, match="expected mirrors as one of said, measured"):
        Recipe(mirrors="guessed")


def test_the_command_says_it_in_json_too(tmp_path):
    drawn(tmp_path / "data", False)
    network = "12x12x1: conv 8 5x5 same, norm, relu, conv 2 5x5 same"
    words = ["--epochs", 16, "--batch-size", 16, "--validation", 0.3, "--no-report", "--run", tmp_path / "run"]
    done = hubel("train", network, tmp_path / "data", *words, "--json")
    found = json.loads(done.stdout)["mirrors"]
    assert [each["how"] for each in found] == ["updown", "flip"]
    assert all(each["taken"] for each in found)
    assert "mirrored top to bottom" in done.stderr


def test_a_checkpoint_that_says_of_mirroring_what_cannot_be_is_refused(tmp_path):
    from hubel.train.run.found import Mirrored

    own = Mirrored("flip", 3, "accuracy", 0.5, 0.5, True)
    assert Mirrored.of(dataclasses.asdict(own)) == own
    for odd in ({"how": "seed"}, {"taken": "yes"}, {"step": 1.5}, {"mirrored": None}):
        with pytest.raises((ValueError, TypeError)):
            Mirrored.of({**dataclasses.asdict(own), **odd})
