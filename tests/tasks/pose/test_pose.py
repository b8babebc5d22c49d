"""Pose from a folder to pictures with points: figures, files, and the same by other roads."""

import csv
import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.data import Augmentation, Dataset, align
from hubel.data.points.targets import FIRST, KIND, Points
from hubel.export import export
from hubel.export.page.form import _drawn
from hubel.look import grad_cam
from hubel.tasks import evaluate, load, task_of
from hubel.tasks.pose.decode import decode
from hubel.tasks.pose.loss import losses
from hubel.tasks.pose.metrics import Picture, metrics
from hubel.tasks.pose.oks import Truth
from hubel.tasks.pose.task import Pose
from hubel.train import Recipe, train
from tests.command import hubel
from tests.tasks.pose import animals

BODY = (
    "{}x3: conv 12 3x3/2 same, norm, relu, conv 16 3x3/2 same, norm, relu, concat(identity | conv 24 3x3/2 same, "
    "norm, relu, conv 24 3x3 same, norm, relu, upsample 2), conv 16 3x3 same, norm, relu, conv {} 1x1"
)
RECIPE = Recipe(
    epochs=25, batch_size=4, learning_rate=0.02, threads=1, device="cpu", precision="float32", ema=0.9,
    memory_format="channels-last", augmentation="flip, rotate 20, fill 0", label_smoothing=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "mice"
    animals.deeplabcut(root, animals.pictures(root, 32, (48, 48), long=30), gaps=[(2, 3), (5, 1)])
    return root


@pytest.fixture(scope="module")
def splits(folder):
    return load(folder, size=(48, 48), validation=0.2)


@pytest.fixture(scope="module")
def run(splits, folder, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "mice"
    source = {"source": str(folder), "size": [48, 48], "validation": 0.2}
    return train(parse(BODY.format("48x48", 12)), splits, RECIPE, directory, source=source)


@pytest.fixture(scope="module")
def herd(tmp_path_factory):
    """A model of several animals."""
    root = tmp_path_factory.mktemp("data") / "herd"
    animals.coco(root, animals.pictures(root, 48, (64, 64), 2, 30), (64, 64))
    splits = load(root, size=(64, 64), validation=0.2)
    recipe = RECIPE.replace(epochs=30, augmentation="flip, fill 0")
    return splits, train(parse(BODY.format("64x64", 21)), splits, recipe, tmp_path_factory.mktemp("runs") / "herd")


def test_it_learns_where_points_are(run, splits):
    model = run.model()
    found = evaluate(model, splits.validation)
    assert found.error < 4 < found.there
    assert found.pck5 > 0.8
    assert found.oks > 0.4
    assert (found.there, found.missed, found.several) == (len(splits.validation), 0, False)
    assert model.task == Pose.for_dataset(splits.train)
    assert model.task.bones == splits.train.targets.bones
    assert model.task.classes == animals.NAMES
    words = found.sentence("it")
    assert words.startswith(f"{found.error:.2f} pixels off on the mean")
    assert "σ 0.05" in words
    assert found.data()["sigmas"] == [0.05] * 4


def test_figures_are_of_distances_in_the_pictures_own_pixels(run, splits):
    """Against a program that goes through pictures one by one."""
    model, validation = run.model(), splits.validation
    found, off, beside = evaluate(model, validation), [], []
    for path, rows in zip(validation.paths, validation.targets.rows, strict=True):
        answer = model.predict(path)
        there = rows[1, FIRST:].reshape(4, 3) * (48, 48, 1)
        side = (rows[1, 2:4] - rows[1, :2]).max() * 48
        for (x, y, told), said in zip(there, answer.points[0], strict=True):
            if told:
                off.append(np.hypot(x - said[0], y - said[1]))
                beside.append(off[-1] / side)
    assert found.error == pytest.approx(np.mean(off), rel=1e-4)
    assert found.median == pytest.approx(np.median(off), rel=1e-4)
    assert found.pck5 == pytest.approx(np.mean(np.array(off) <= 5))
    assert found.pck_tenth == pytest.approx(np.mean(np.array(beside) <= 0.1))
    assert sum(each.told for each in found.per_point) == len(off)


def test_several_individuals_are_told_apart(herd):
    splits, run = herd
    model, found = run.model(), None
    assert model.task.several
    found = evaluate(model, splits.validation)
    assert found.error < 5
    assert found.ap50 > 0.3
    assert found.missed <= found.there // 4
    assert found.sentence("it").startswith(f"{found.ap:.2%} average precision of individuals")
    path = next(p for p, r in zip(splits.validation.paths, splits.validation.targets.rows, strict=True) if r[2, KIND])
    answer = model.predict(path).above(0.15)
    assert len(answer.individuals) >= 2
    assert "individuals, " in answer.words()[0]


def test_points_are_in_the_pixels_of_a_picture_of_any_size_however_it_lies(run, splits, tmp_path):
    model, path = run.model(), splits.validation.paths[0]
    small = model.predict(path).points[0]
    picture = Image.open(path)
    large = model.predict(picture.resize((192, 192), Image.Resampling.NEAREST)).points[0]
    canvas = Image.new("RGB", (48, 96))
    canvas.paste(picture, (0, 30))  # a tall one, padded to the network's size
    assert model.predict(canvas).data()["height"] == 96
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.rotate(180).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_allclose(model.predict(tmp_path / "turned.png").points[0], small, atol=1e-3)
    np.testing.assert_allclose(large[:, :2], 4 * small[:, :2], atol=8)


@pytest.mark.parametrize("kind", ["run", "herd"])
def test_a_model_shows_what_it_is_sure_enough_of_by_its_validation_images(kind, run, splits, herd, tmp_path):
    if kind == "herd":
        splits, run = herd
    model, image = run.model(), splits.validation.paths[0]
    found = evaluate(model, splits.validation)
    best = found.threshold
    assert found.data()["threshold"] == best == model.summary["validation"]["threshold"]
    assert 0 < best < 1
    assert found.sentence("it").endswith(f"; best shown from a probability of {best:.2f} on")
    for place in (run.directory, export(model, tmp_path / "model.onnx").path):
        (told,) = json.loads(hubel("predict", place, image, "--json").stdout)
        assert told["threshold"] == best
        assert all(each["probability"] >= best for one in told["individuals"] for each in one["points"])
    assert _drawn(model)["points"]["threshold"] == best
    assert any(f"at least {best:.0%}" in each.note for each in model.task.sections(model, splits.validation))
    unmeasured = replace(model, summary={})
    assert unmeasured.predict(image).threshold == _drawn(unmeasured)["points"]["threshold"] == 0.2


@pytest.mark.parametrize(
    ("said", "best"),
    [
        ([], None),
        ([(60, 0.9, 0.9)], None),  # on another place: nothing is right
        ([(10, 0.9, 0.62), (60, 0.9, 0.61)], 0.62),
        ([(10, 0.62, 0.9), (60, 0.61, 0.9)], 0.62),  # an individual's points are no surer than it is
        ([(10, 0.9, 0.62)], 0.31),  # from 0.01 to 0.62 on all the same
        ([(12, 0.9, 0.62)], 0.31),  # within a tenth of 40
        ([(15, 0.9, 0.62)], None),  # not within it
    ],
)
def test_the_threshold_from_which_points_are_best(said, best):
    truth = Truth(np.array([[[10.0, 10, 2]]]), np.array([[0.0, 0, 40, 40]]), np.array([1600.0]), np.array([False]))
    points = np.array([[[x, 10.0, sure]] for x, _, sure in said]).reshape(-1, 1, 3)
    picture = Picture(truth, points, np.array([each[1] for each in said]))
    found = metrics([picture], ("nose",), (0.05,), True, 0.0, 1)
    assert found.threshold == best
    assert found.figures["threshold"] == pytest.approx(np.nan if best is None else best, nan_ok=True)


def test_commands_answer_in_every_form(run, splits, tmp_path, monkeypatch):
    image = splits.validation.paths[0]
    told = json.loads(hubel("evaluate", run.directory, "--part", "validation", "--json").stdout)
    assert [each["name"] for each in told["per_point"]] == list(animals.NAMES)
    (one,) = json.loads(hubel("predict", run.directory, image, "-o", tmp_path / "out.png", "--json").stdout)
    assert {each["point"] for each in one["individuals"][0]["points"]} <= {*animals.NAMES}
    with Image.open(tmp_path / "out.png") as drawn, Image.open(image) as plain:
        assert drawn.size == plain.size
        assert (np.asarray(drawn) != np.asarray(plain)).any()
    monkeypatch.chdir(tmp_path)
    hubel("predict", run.directory, image, "-o", "drawn/")
    assert [path.name[-11:] for path in (tmp_path / "drawn").iterdir()] == ["-points.png"]
    (sure,) = json.loads(hubel("predict", run.directory, image, "--threshold", "0.9999", "--json").stdout)
    assert not sure["individuals"]


def test_what_is_predicted_is_read_as_points_again(run, splits, folder, tmp_path):
    (tmp_path / "images").symlink_to(folder / "images")
    hubel("predict", run.directory, *splits.validation.paths, "-o", tmp_path / "found.csv", "--threshold", "0.01")
    with open(tmp_path / "found.csv", newline="") as file:
        assert list(csv.DictReader(file).fieldnames)[:5] == ["image", "individual", "point", "x", "y"]
    again = load(tmp_path, size=(48, 48)).train
    assert len(again) == len(splits.validation)
    assert set(again.classes) == {*animals.NAMES}
    places = again.targets.aligned(animals.NAMES)[0].rows[0, 1, FIRST:].reshape(4, 3)
    answer = run.model().predict(again.paths[0]).points[0]
    np.testing.assert_allclose(places[:, :2] * 48, answer[:, :2], atol=0.02)


def test_onnx_runtime_decodes_as_predict_does(run, herd, splits, tmp_path):
    for number, (own, some) in enumerate(((run, splits), (herd[1], herd[0]))):
        path, image = tmp_path / f"{number}.onnx", some.validation.paths[0]
        export(own, path)
        session = onnxruntime.InferenceSession(path)
        pixels = np.asarray(Image.open(image).convert("RGB").resize((100, 70)))
        names = [each.name for each in session.get_outputs()]
        out = dict(zip(names, session.run(names, {"image": pixels[np.newaxis]}), strict=True))
        answer = own.model().predict(pixels)
        many = len(answer.points)
        sure = answer.scores > 0.05
        np.testing.assert_allclose(out["individuals"][0, :many], answer.scores, atol=1e-4)
        np.testing.assert_allclose(out["points"][0, :many][sure], answer.points[sure][..., :2] - 0.5, atol=0.02)
        np.testing.assert_allclose(out["probabilities"][0, :many][sure], answer.points[sure][..., 2], atol=1e-3)


def test_counts_of_parts_add_up_to_those_of_the_whole(herd):
    splits, run = herd
    model, task = run.model(), run.model().task
    images, targets = splits.train.tensors()
    outputs = torch.cat([task.outputs(model.module, model.preprocessing, part) for part in images.split(8)]).detach()
    whole, parts = task.counts(), [task.counts() for _ in range(2)]
    whole.add(outputs, targets)
    for part, own in zip(parts, (slice(0, 13), slice(13, None)), strict=True):
        part.add(outputs[own], targets[own])
    added = [one + other for one, other in zip(*(part.tensors() for part in parts), strict=True)]
    first, second = task.measured(whole.tensors()).data(), task.measured(added).data()
    assert first.pop("loss") == pytest.approx(second.pop("loss"), rel=0.1)
    assert first == second


def test_sections_of_a_report_have_figures_and_pictures(run, herd, splits):
    for own, some in ((run, splits), (herd[1], herd[0])):
        sections = {each.name: each for each in own.task.sections(own.model(), some.validation)}
        assert list(sections) == ["points", "poses", "furthest"]
        assert [row[0] for row in sections["points"].table.rows] == list(animals.NAMES)
        assert sections["poses"].pictures[0][1].shape[0] >= 480
        assert "of the individual's size" in sections["furthest"].pictures[0][0]


def test_what_speaks_for_a_point_at_a_place(run, splits):
    model, image = run.model(), splits.validation.paths[0]
    x, y, sure = model.predict(image).points[0][0]
    ((seen,),) = grad_cam(model, [image], classes=["snout"], at=(int(y), int(x))).maps
    assert seen.class_name == "snout"
    assert 0 < seen.probability <= sure + 1e-4


def test_points_are_brought_into_a_models_order_by_their_names(splits):
    found, notes = align(splits.train, ("Tail", "snout", "paw"))
    assert found.targets.classes == ("Tail", "snout", "paw")
    assert found.targets.class_counts().tolist() == [splits.train.targets.class_counts()[3], len(splits.train), 0]
    assert "no point is called paw" in notes[0]
    assert "left_ear, right_ear" in notes[1]


def test_rules_look_through_windows_around_individuals_that_are_small(tmp_path):
    rows = np.zeros((30, 2, FIRST + 6), np.float32)
    rows[:, 1, :6] = (0.4, 0.4, 0.5, 0.6, 1, 100)
    rows[:, 1, FIRST:] = (0.42, 0.5, 2, 0.48, 0.5, 2)
    named = Dataset(np.zeros((30, 480, 640, 3), np.uint8), Points(rows, ("left_eye", "right_eye"), ((0, 1),)))
    task = task_of(named)
    network = parse("480x640x3: conv 6 3x3/4 same")
    rules = task.rules(network, named)
    how = Augmentation.parse(rules["augmentation"])
    assert (how.window, how.focus, how.flip, how.fill) == (160, 0.5, True, 0)
    assert task.network(named).options == {"stride": 4, "width": 0.5}
    plain = Dataset(named.images, Points(rows, ("a", "b")))
    assert not Augmentation.parse(task.rules(network, plain)["augmentation"]).flip
    large = rows.copy()
    large[:, 1, :4] = (0.1, 0.1, 0.9, 0.9)
    how = Augmentation.parse(task.rules(network, Dataset(named.images, Points(large, ("a", "b"))))["augmentation"])
    assert (how.window, how.focus) == (0, 0)
    with pytest.raises(SettingError, match="balance 'none' with points"):
        task.check_training("weights", Augmentation())
    with pytest.raises(SettingError, match="with fill 0"):
        task.check_training("none", Augmentation(flip=True))
    with pytest.raises(SettingError, match="that points can follow"):
        task.check_training("none", Augmentation(mixup=0.2, fill=0))


@pytest.mark.parametrize("several", [False, True])
def test_the_best_outputs_are_decoded_to_where_points_are(several):
    """Outputs that are exactly right: a low loss, and points within a hundredth of a cell."""
    rows = torch.zeros(1, 3, FIRST + 6)
    rows[0, 0, 4:6] = 100
    rows[0, 1] = torch.tensor([0.1, 0.2, 0.3, 0.5, 1, 9, 0, 0.137, 0.231, 2, 0.288, 0.481, 2])
    if several:
        rows[0, 2] = torch.tensor([0.6, 0.5, 0.9, 0.9, 1, 9, 0, 0.643, 0.555, 2, 0.871, 0.832, 1])
    outputs = torch.zeros(1, 11 if several else 6, 10, 15, requires_grad=True)
    optimizer = torch.optim.Adam([outputs], lr=0.3)
    for step in range(100):
        optimizer.param_groups[0]["lr"] = 0.3 if step < 70 else 0.02
        optimizer.zero_grad()
        loss = losses(outputs, rows, 2, several)
        loss.backward()
        optimizer.step()
    found = decode(outputs.detach(), 2, several, 5)
    own = found.points[0, : 1 + several]
    true = rows[0, 1 : 2 + several, FIRST:].view(-1, 2, 3)
    order = own[:, 0, 0].argsort()
    off = (own[order][..., :2] - true[..., :2]) * torch.tensor([15, 10])
    assert off.abs().max() < 0.05
    assert (own[..., 2] > 0.5).all()
    if several:
        assert (found.scores[0, 2:] < 0.2).all()
        assert (found.scores[0, :2] > 0.5).all()


def test_counting_waits_for_the_device_at_the_end_alone(herd):
    """On the meta device, where there are no numbers to be fetched: whatever reads one raises."""
    splits, _ = herd
    counts = task_of(splits.train).counts()
    counts.add(torch.zeros(2, 21, 16, 16, device="meta"), torch.from_numpy(splits.train.targets.rows[:2]).to("meta"))
    with pytest.raises(RuntimeError, match="meta tensors"):
        counts.tensors()
