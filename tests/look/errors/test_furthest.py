"""Labels and numbers: the images furthest from right, targets that may be wrong, points, and what outputs rest on."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.data import Dataset, Preprocessing
from hubel.look import Furthest, grad_cam, integrated_gradients, occlusion, saliency, sample
from hubel.look.errors.mistakes import mistakes
from hubel.look.retrieve.projection import space
from hubel.nn import build
from hubel.tasks import LoadedModel, save_model
from hubel.tasks.multilabel.targets import LabelSets
from hubel.tasks.multilabel.task import Multilabel
from hubel.tasks.regression.targets import Numbers
from hubel.tasks.regression.task import Regression
from tests.command import hubel

SIDE, COUNT = 4, 40


def images() -> np.ndarray:
    """Images whose red is that of their number, and whose green is light in every second one."""
    found = np.zeros((COUNT, SIDE, SIDE, 3), np.uint8)
    found[..., 0] = (6 * np.arange(COUNT))[:, None, None]
    found[..., 1] = (200 * (np.arange(COUNT) % 2))[:, None, None]
    return found


def seeing(task, weights, biases) -> LoadedModel:
    """A network whose outputs are these of the mean red, green and blue, 0 to 1."""
    network = parse(f"{SIDE}x{SIDE}x3: conv 3 1x1, globalavgpool, dense {len(biases)}")
    module = build(network)
    state = dict(zip(module.state_dict(), (torch.eye(3)[:, :, None, None], torch.zeros(3)), strict=False))
    names = list(module.state_dict())
    state |= {names[2]: torch.tensor(weights), names[3]: torch.tensor(biases)}
    module.load_state_dict({name: value.float() for name, value in state.items()})
    kind = Preprocessing(SIDE, SIDE, 3, (0.0,) * 3, (1.0,) * 3)
    return LoadedModel(network, module.eval(), kind, task)


@pytest.fixture(scope="module")
def numbers() -> tuple[LoadedModel, Dataset]:
    """Red and green in tenths of a shade; of the seventh image a number is wrong."""
    task = Regression(("red", "green"), (0.0, 0.0), (10.0, 10.0))
    truth = images()[:, 0, 0, :2].astype(np.float32) / 25.5
    truth[:, 0] += 0.01 * (np.arange(COUNT) % 3)
    truth[7, 1] += 40
    paths = [f"shots/{number}.png" for number in range(COUNT)]
    data = Dataset(images(), Numbers(truth, ("red", "green")), (), "shots", paths=paths)
    return seeing(task, [[1.0, 0, 0], [0, 1.0, 0]], [0.0, 0.0]), data


@pytest.fixture(scope="module")
def labels() -> tuple[LoadedModel, Dataset]:
    """Whether an image is red, and whether it is green; of the fourth green is missed, of the seventh it is extra."""
    flags = np.stack([np.arange(COUNT) >= 20, np.arange(COUNT) % 2 > 0], 1).astype(np.uint8)
    flags[3, 1], flags[6, 1] = 0, 1
    data = Dataset(images(), LabelSets(flags, ("red", "green")), (), "shots")
    return seeing(Multilabel(("red", "green")), [[16.0, 0, 0], [0, 16.0, 0]], [-7.0, -6.0]), data


def test_the_number_that_is_wrong_stands_first(numbers):
    found = mistakes(*numbers)
    assert isinstance(found, Furthest)
    assert found.order(1).tolist() == [7]
    assert found.suspects()[0] == (7, 1)
    assert found.words(7) == ("red 1.6571, green 47.843", "red 1.6471, green 7.8431")
    assert found.suspicion(7, 1) == "green is 47.843, said 7.843"
    told = found.data()
    assert told["furthest"][0] == {
        "index": 7,
        "path": "shots/7.png",
        "true": pytest.approx({"red": 1.65706, "green": 47.84314}, abs=1e-4),
        "said": pytest.approx({"red": 1.64706, "green": 7.84314}, abs=1e-4),
        "loss": pytest.approx(8.0, abs=1e-3),
    }
    assert told["suspects"][0]["name"] == "green"
    first = found.tables()[0].rows[0]
    assert first[:2] == (7, "shots/7.png")
    assert first[-1] == "green"
    assert next(iter(found.lines())) == "shots/7.png: red 1.6571, green 47.843; taken for red 1.6471, green 7.8431"


def test_labels_that_are_missed_and_those_that_are_extra_are_suspected(labels):
    found = mistakes(*labels)
    assert {(index, found.task.classes[name]) for index, name in found.suspects()} == {(3, "green"), (6, "green")}
    assert set(found.order(2).tolist()) == {3, 6}
    assert found.words(6)[0] == "green"
    assert "mean average precision" in found.outcome


@pytest.mark.parametrize("which", ["numbers", "labels"])
def test_pages_and_points_are_drawn(request, which, tmp_path):
    model, data = request.getfixturevalue(which)
    page = mistakes(model, data).figure("mine").html()
    assert "Furthest from right: 24 of 40 images" in page
    assert f"{which.capitalize()} that may be wrong" in page
    points = space(model, data)
    assert len(points.data()["points"]) == COUNT
    assert points.data()["points"][0]["label"] in points.names
    assert "the colour of each: the " in points.outcome
    assert "<svg" in points.figure("mine").svg()


def test_what_a_number_rests_on(numbers):
    model, data = numbers
    one = sample(model, data.images[9], "nine")
    found = saliency(model, one, classes=["green"]).maps[0][0]
    assert found.told == "7.8431"
    assert np.isnan(found.probability)
    np.testing.assert_allclose(found.signed, 1 / SIDE**2, rtol=1e-5)
    parts = integrated_gradients(model, one, classes=["red"], baseline="black").maps[0][0]
    assert parts.signed.sum() == pytest.approx(54 / 255, rel=1e-3)
    assert parts.as_json()["number"] == pytest.approx(2.1176, abs=1e-3)
    assert parts.as_json()["probability"] is None
    covered = occlusion(model, one, classes=["red"], baseline="black", window=1).maps[0][0]
    np.testing.assert_allclose(covered.signed, 54 / 255 / SIDE**2, rtol=1e-3)
    both = grad_cam(model, one, top=2)
    assert [each.class_name for each in both.maps[0]] == ["red", "green"]
    assert "the number's output" in both.about
    assert "output 0.212" in "".join(map(str, both.figure().svg().split("\n")))


def test_a_table_with_a_models_columns_needs_none_named(numbers, tmp_path):
    model, data = numbers
    path = save_model(
        tmp_path / "model.safetensors", model.network, model.module, preprocessing=model.preprocessing, task=model.task
    )
    lines = ["file,green,weight,red"]
    for number in range(12):
        Image.fromarray(data.images[number]).save(tmp_path / f"{number}.png")
        red, green = data.targets.array[number].tolist()
        lines.append(f"{number}.png,{green:.3f},{number},{red:.3f}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    told = hubel("look", "mistakes", path, tmp_path / "list.csv", "-o", tmp_path / "out.csv")
    assert told.returncode == 0, told.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows[0]["path"].endswith("7.png")
    assert float(rows[0]["green said"]) == pytest.approx(7.843, abs=1e-2)
    told = hubel("evaluate", path, tmp_path / "list.csv", "--json")
    assert [each["name"] for each in json.loads(told.stdout)["per_number"]] == ["red", "green"]
    told = hubel("look", "mistakes", path, tmp_path / "list.csv", "--cell", "0,1")
    assert told.returncode == 2
    assert "--cell is for classes that are taken for others, and this model says numbers" in told.stderr
