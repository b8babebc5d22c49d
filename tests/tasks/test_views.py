"""Answers from two views of a picture, as it is and mirrored: they are mirrored where the picture is, in every form."""

import dataclasses
import json

import numpy as np
import pytest
import torch

import hubel
from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.export import open_onnx
from hubel.export.check import compared
from hubel.export.forms import FORMS, Order
from hubel.export.page.trial import found_node
from hubel.export.ready import opened
from hubel.nn import build
from hubel.tasks import LoadedModel, evaluate, load_model, save_model
from hubel.tasks.colorize.task import Colorize
from hubel.tasks.detection.task import Detection
from hubel.tasks.measure import outputs_of
from hubel.tasks.pose.task import Pose
from hubel.tasks.segmentation.task import Segmentation
from tests.command import hubel as command
from tests.train.test_mirrors import drawn

POINTS = ("nose", "left ear", "right ear")
SQUARES = tuple((float(a), float(b)) for a in (-40, 0, 40) for b in (-30, 30))
TASKS = {
    "detection": Detection(("a", "b"), (1, 2), (0.1, 0.15), 20, views=2),
    "segmentation": Segmentation(("a", "b", "c"), (0, 1, 2), ((0, 0, 0), (255, 0, 0), (0, 255, 0)), views=2),
    "pose": Pose(POINTS, pairs=((1, 2),), views=2),
    "several": Pose(POINTS, several=True, most=4, pairs=((1, 2),), views=2),
    "colorize": Colorize(SQUARES, (1.0,) * 6, (0.0,) * 6, (0.0, 0.0), views=2),
}


def model(name):
    task = TASKS[name]
    channels = task.output((32, 48, 3))[0][2]
    grey = 1 if name == "colorize" else 3
    network = parse(f"32x48x{grey}: conv 8 3x3/2 same, norm, relu, conv 8 3x3/2 same, relu, conv {channels} 3x3 same")
    torch.manual_seed(3)
    module = build(network)
    with torch.no_grad():
        *_, weight, bias = module.parameters()
        weight.mul_(4)
        bias[: len(task.classes)] += 4.0
    kind = Preprocessing(32, 48, grey, (0.5,) * grey, (0.25,) * grey, fit="stretch")
    return LoadedModel(network, module.eval(), kind, task)


def picture(channels=3):
    coarse = np.random.default_rng(0).integers(0, 255, (8, 12, channels), dtype=np.uint8)
    return coarse.repeat(4, 0).repeat(4, 1)


def near(one, other):
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=2e-3)


def test_boxes_of_a_mirrored_picture_are_the_mirrored_boxes():
    found = model("detection")
    one, other = (found.predict(each).above(0.05) for each in (picture(), picture()[:, ::-1]))
    assert len(one.scores) > 3
    assert one.kinds.tolist() == other.kinds.tolist()
    near(one.scores, other.scores)
    near(one.boxes, np.stack([48 - other.boxes[:, 2], other.boxes[:, 1], 48 - other.boxes[:, 0], other.boxes[:, 3]], 1))
    once = found.asked(views=1)
    one, other = (once.predict(each).above(0.05) for each in (picture(), picture()[:, ::-1]))
    assert len(one.scores) != len(other.scores) or np.abs(one.scores - other.scores).max() > 0.01


def test_masks_and_colours_of_a_mirrored_picture_are_the_mirrored_ones():
    found = model("segmentation")
    one, other = (found.predict(each).mask for each in (picture(), picture()[:, ::-1]))
    assert (one == other[:, ::-1]).all()
    assert len(np.unique(one)) > 1
    found = model("colorize")
    one, other = (found.predict(each).picture for each in (picture(), picture()[:, ::-1]))
    assert np.abs(one.astype(int) - other[:, ::-1].astype(int)).max() <= 1


@pytest.mark.parametrize("name", ["pose", "several"])
def test_points_of_a_mirrored_picture_are_mirrored_and_left_is_right(name):
    found = model(name)
    one, other = (found.predict(each) for each in (picture(), picture()[:, ::-1]))
    assert len(one.points) == len(other.points) > 0
    swapped = other.points[:, [0, 2, 1]]
    near(one.points[..., 0], 48 - swapped[..., 0])
    near(one.points[..., 1:], swapped[..., 1:])


@pytest.mark.parametrize("name", TASKS)
def test_every_form_answers_from_two_views_too(name, tmp_path):
    found, run = model(name), 0
    for form in ("onnx", "torch", "web"):
        if form == "web" and found_node() is None:
            continue
        for input in ("image", "sized") if form == "onnx" else (None,):
            written = FORMS[form].write(Order(found, input, tmp_path / "model"))
            if written.run is None:
                continue
            run += 1
            assert compared(found, written, [picture()]).passed
            with pytest.raises(AssertionError):  # one view would be noticed
                assert compared(found.asked(views=1), written, [picture()]).passed
    assert run >= 3


def test_a_file_says_how_often_it_looks_and_engines_follow_what_is_asked(tmp_path):
    found = model("detection")
    place = save_model(
        tmp_path / "model.safetensors", found.network, found.module, preprocessing=found.preprocessing, task=found.task
    )
    again = load_model(place)
    prepared = picture()[np.newaxis]
    both, once = outputs_of(found, prepared), outputs_of(found.asked(views=1), prepared)
    assert (both - once).abs().max() > 0.01
    near(outputs_of(again, prepared), both)
    engine = opened(place, lambda: load_model(place), "onnxruntime").model
    near(outputs_of(engine, prepared), both)
    near(outputs_of(engine.asked(views=1), prepared), once)
    told = hubel.export.export(again, tmp_path / "model.onnx").notes
    assert any("two views" in each for each in told)
    assert "mirrored, in twice the time" in str(again)
    assert "mirrored" not in str(again.asked(views=1))
    file = open_onnx(tmp_path / "model.onnx")
    near(outputs_of(file, prepared), both)
    near(outputs_of(file.asked(views=2), prepared), both)
    with pytest.raises(SettingError, match="expected views 2, as the file that was exported computes it, received 1"):
        file.asked(views=1)
    assert command("export", place, "-o", tmp_path / "once.onnx", "--views", 1).returncode == 0
    near(outputs_of(open_onnx(tmp_path / "once.onnx"), prepared), once)
    with pytest.raises(SettingError, match="views: expected a whole number from 1 to 2, received 3"):
        again.asked(views=3)
    with pytest.raises(SettingError, match="expected views 1 or 2, received 'twice'"):
        Detection.from_settings(("a",), {**dataclasses.replace(found.task).settings(), "ids": [1], "views": "twice"})
    old = {name: value for name, value in TASKS["pose"].settings().items() if name not in ("views", "pairs")}
    older = dataclasses.replace(model("pose"), task=Pose.from_settings(POINTS, old))
    with pytest.raises(SettingError, match="older version, which did not say what is left and right"):
        older.asked(views=2).predict(picture())


def test_training_measures_whether_a_second_view_pays(tmp_path):
    splits, network = drawn(tmp_path / "data", False, 120)
    changes = {"epochs": 4.0, "threads": 1, "batch_size": 16}
    found = {}
    for views, augment in ((0, "flip"), (0, "none"), (1, "flip"), (2, "none")):
        where = tmp_path / f"{views}-{augment}"
        run = hubel.train(network, splits, directory=where, augmentation=augment, views=views, **changes)
        found[views, augment] = run, run.model()
    run, measured = found[0, "flip"]
    told = run.settings["views"]
    figures = [evaluate(measured.asked(views=n), splits.validation).figures["mean_iou"] for n in (1, 2)]
    near([told["one"], told["two"]], figures)
    assert told["taken"] == (measured.task.views == 2) == (figures[1] - figures[0] >= 0.01 * (1 - figures[0]) > 0)
    for key in ((0, "none"), (1, "flip")):
        assert found[key][1].task.views == 1
        assert "views" not in found[key][0].settings
    run, forced = found[2, "none"]
    own = evaluate(forced, splits.validation).figures["mean_iou"]
    assert forced.task.views == 2
    near([forced.summary["validation"]["mean_iou"], run.kept.evaluation["mean_iou"]], [own, own])
    near(
        forced.summary["on_the_way"]["mean_iou"], evaluate(forced.asked(views=1), splits.validation).figures["mean_iou"]
    )
    image = str(tmp_path / "data" / "images" / "0.png")
    one, two = (command("predict", run.directory, image, "--views", n, "--json") for n in (1, 2))
    assert one.returncode == two.returncode == 0
    assert json.loads(two.stdout) != json.loads(one.stdout)


def test_views_are_for_tasks_of_places(tmp_path):
    from tests.train.test_mirrors import RECIPE, classified

    splits, network = classified(False)
    with pytest.raises(SettingError, match="expected views 1 for classification, received 2"):
        hubel.train(network, splits, directory=tmp_path / "run", recipe=RECIPE.replace(views=2))
    kind = Preprocessing(28, 28, 1, (0.5,), (0.25,))
    other = parse("28x28x1: flatten, dense 2 softmax")
    place = save_model(tmp_path / "model.safetensors", other, build(other), preprocessing=kind, classes=("a", "b"))
    refused = command("export", place, "-o", tmp_path / "model.onnx", "--views", "1")
    assert refused.returncode
    assert "--views is for models that draw masks" in refused.stderr
    assert "this one is for classification" in refused.stderr
