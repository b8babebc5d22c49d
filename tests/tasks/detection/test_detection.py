"""Detection from a folder to pictures with boxes: figures, exact resume, files, and the same by other roads."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import NetworkError, SettingError
from hubel.cli import main
from hubel.data import Augmentation, Dataset, align
from hubel.data.boxes.targets import BOTTOM, CLASS, LEFT, NUMBER
from hubel.export import export
from hubel.export.page.form import _drawn
from hubel.look import grad_cam
from hubel.look.errors.mistakes import mistakes
from hubel.report import write_report
from hubel.tasks import evaluate, load, task_of
from hubel.tasks.detection.sections import mistakes as mistakes_of
from hubel.tasks.detection.task import Detection
from hubel.train import Recipe, resume, train
from hubel.view.figures.scene import Text
from tests.command import hubel
from tests.data.boxes import scenes

NETWORK = (
    "48x64x3: conv 12 3x3/2 same, norm, relu, conv 16 3x3/2 same, norm, relu, concat(identity | conv 24 3x3/2 same, "
    "norm, relu, conv 24 3x3 same, norm, relu, upsample 2), conv 16 3x3 same, norm, relu, conv 6 1x1"
)
RECIPE = Recipe(
    epochs=25,
    batch_size=4,
    learning_rate=0.01,
    threads=1,
    device="cpu",
    precision="float32",
    memory_format="channels-last",
    augmentation="flip",
    label_smoothing=0.0,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = scenes.coco(tmp_path_factory.mktemp("data") / "things", 40)
    return {"source": str(folder), "size": [48, 64], "validation": 0.2}


@pytest.fixture(scope="module")
def splits(source):
    return load(source["source"], size=(48, 64), validation=0.2)


@pytest.fixture(scope="module")
def run(splits, source, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "things"
    return train(parse(NETWORK), splits, RECIPE, directory, source=source)


def test_it_learns_to_find_what_is_there(run, splits):
    model = run.model()
    found = evaluate(model, splits.validation)
    assert found.figures["map50"] > 0.9
    assert found.figures["map"] > 0.4
    assert [each.objects for each in found.per_class] == [8, 8]
    assert model.task == Detection.for_dataset(splits.train)
    assert (model.task.classes, model.task.ids) == (("bar", "disc"), (3, 7))
    picture = Image.open(splits.validation.paths[0])
    answer = model.predict(picture).above(0.15)
    true = scenes.wanted(40)[int(splits.validation.paths[0][-7:-4])]
    assert sorted(each["class"] for each in answer.objects) == ["bar", "disc"]
    for kind, *edges in true:
        (box,) = [each for each in answer.objects if each["class"] == scenes.NAMES[kind]]
        away = np.subtract([box[side] for side in ("left", "top", "right", "bottom")], edges)
        assert np.abs(away).mean() < 3
        assert box["id"] == scenes.IDS[kind]


def test_boxes_are_in_the_pixels_of_a_picture_of_any_size_however_it_lies(run, splits, tmp_path):
    model, path = run.model(), splits.validation.paths[0]
    small = model.predict(path).above(0.15).objects
    picture = Image.open(path)
    large = model.predict(picture.resize((256, 192), Image.Resampling.NEAREST)).above(0.15).objects
    canvas = Image.new("RGB", (64, 128))
    canvas.paste(picture, (0, 40))  # a tall one, padded to the network's size
    tall = model.predict(canvas)
    assert (tall.data()["height"], tall.data()["width"]) == (128, 64)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.rotate(180).save(tmp_path / "turned.png", exif=exif)
    turned = model.predict(tmp_path / "turned.png").above(0.15).objects
    assert len(small) == len(large) == len(turned) == 2
    every = (sorted(each, key=lambda one: one["class"]) for each in (small, large, turned))
    for one, other, third in zip(*every, strict=True):
        for side in ("left", "top", "right", "bottom"):
            assert other[side] == pytest.approx(4 * one[side], abs=12)
            assert third[side] == pytest.approx(one[side], abs=1e-3)


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(splits, tmp_path):
    stopped = tmp_path / "stopped"

    def stop(event):
        if getattr(event, "epoch", 0) == 2 and hasattr(event, "evaluation"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parse(NETWORK), splits, RECIPE.replace(epochs=3, batch_size=8), stopped, progress=stop)
    resumed = resume(stopped, splits)
    straight = train(parse(NETWORK), splits, RECIPE.replace(epochs=3, batch_size=8), tmp_path / "straight")
    for name, tensor in resumed.model().module.state_dict().items():
        assert torch.equal(tensor, straight.model().module.state_dict()[name]), name


def test_a_model_shows_what_it_is_sure_enough_of_by_its_validation_images(run, splits, tmp_path):
    model, image = run.model(), splits.validation.paths[0]
    best = evaluate(model, splits.validation).threshold
    assert run.metrics[-1].evaluation["threshold"] == best == model.summary["validation"]["threshold"]
    assert 0 < best < 1 != best
    for place in (run.directory, export(model, tmp_path / "model.onnx").path):
        (told,) = json.loads(hubel("predict", place, image, "--json").stdout)
        assert told["threshold"] == best
        assert all(each["probability"] >= best for each in told["objects"])
    assert _drawn(model)["boxes"]["threshold"] == best
    assert f"at least {best:.0%}" in mistakes_of(model.task, model, splits.validation).note
    unmeasured = replace(model, summary={})
    assert unmeasured.predict(image).threshold == _drawn(unmeasured)["boxes"]["threshold"] == 0.3


def test_commands_answer_in_every_form(run, splits, tmp_path, monkeypatch):
    image = splits.validation.paths[0]
    told = hubel("evaluate", run.directory, "--part", "validation", "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert list(found["coco"]) == [
        "AP",
        "AP50",
        "AP75",
        "APs",
        "APm",
        "APl",
        "AR1",
        "AR10",
        "AR100",
        "ARs",
        "ARm",
        "ARl",
    ]
    assert found["coco"]["APl"] is None
    assert len(found["curves"]["bar"]["precision"]) == 101
    said = hubel("evaluate", run.directory, "--part", "validation").stdout
    assert f"{found['coco']['AR100']:.2%} average recall (50:95), " in said.replace("\n", " ").replace(" %", "%")
    assert hubel("evaluate", run.directory, "--part", "validation", "-o", tmp_path / "curves.svg").returncode == 0
    assert re.findall(r'class="line-(\d)"', (tmp_path / "curves.svg").read_text()) == ["0", "1"]
    (told,) = json.loads(hubel("predict", run.directory, image, "-o", tmp_path / "out.png", "--json").stdout)
    assert {each["class"] for each in told["objects"]} == {"bar", "disc"}
    with Image.open(tmp_path / "out.png") as drawn, Image.open(image) as plain:
        assert drawn.size == (64, 48)
        assert (np.asarray(drawn) != np.asarray(plain)).any()
    hubel("predict", run.directory, image, "-o", tmp_path / "drawn")
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == [f"{image[-7:-4]}-boxes.png"]
    hubel("predict", run.directory, *splits.validation.paths, "-o", tmp_path / "boxes.csv")
    with open(tmp_path / "boxes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 2 * len(splits.validation)
    assert {row["class"] for row in rows} <= {"bar", "disc", ""}
    monkeypatch.chdir(tmp_path)
    (sure,) = json.loads(hubel("predict", run.directory, image, "--threshold", "0.999", "--json").stdout)
    assert len(sure["objects"]) < 2
    assert not list(tmp_path.glob("*-boxes.png"))  # values alone were asked for
    hubel("predict", run.directory, image)
    assert len(list(tmp_path.glob("*-boxes.png"))) == 1
    refused = hubel("predict", run.directory, image, splits.validation.paths[1], "-o", tmp_path / "two.png")
    assert (refused.returncode, "expected one image with -o" in refused.stderr) == (2, True)


def test_what_is_predicted_is_read_as_boxes_again(run, splits, tmp_path):
    root = scenes.coco(tmp_path / "set", 4)
    for path in (root / "annotations").iterdir():
        path.unlink()
    hubel("predict", run.directory, root / "images", "-o", root / "boxes.csv")
    again = load(root, size=(48, 64)).train.targets
    assert (again.rows[:, 1:, CLASS] >= 0).sum() >= 6
    assert set(again.classes) <= {"bar", "disc"}


def test_a_runs_own_data_is_read_in_the_size_that_its_network_has(run):
    assert run.source["size"] == (48, 64)


def test_onnx_runtime_answers_as_pytorch_does(run, splits):
    image = splits.validation.paths[0]
    (one,) = json.loads(hubel("predict", run.directory, image, "--json", "--engine", "pytorch").stdout)
    (other,) = json.loads(hubel("predict", run.directory, image, "--json", "--engine", "onnxruntime").stdout)
    assert "ONNX" in other["engine"]
    for left, right in zip(one["objects"], other["objects"], strict=True):
        assert left["class"] == right["class"]
        assert [left[side] for side in ("left", "top")] == pytest.approx([right[s] for s in ("left", "top")], abs=0.01)


def test_counts_of_parts_add_up_to_those_of_the_whole(run, splits):
    model, task = run.model(), run.model().task
    images, targets = splits.train.tensors()
    outputs = torch.cat([task.outputs(model.module, model.preprocessing, part) for part in images.split(8)]).detach()
    whole = task.counts()
    whole.add(outputs, targets)
    parts = [task.counts() for _ in range(2)]
    for part, own in zip(parts, (slice(0, 13), slice(13, None)), strict=True):
        part.add(outputs[own], targets[own])
    added = [one + other for one, other in zip(*(part.tensors() for part in parts), strict=True)]
    first, second = task.measured(whole.tensors()).data(), task.measured(added).data()
    assert first.pop("loss") == pytest.approx(second.pop("loss"), rel=0.1)  # a mean over objects, part by part
    assert first == second


def test_more_objects_than_coco_counts_are_said():
    task = Detection(("a",), (0,), (0.1, 0.1))
    targets = torch.zeros(1, 121, 7)
    targets[:, 0, 2:6] = torch.tensor([1.0, 1.0, 50.0, 60.0])
    targets[0, 1:, :4] = torch.rand(120, 2, 2).sort(1).values.flatten(1)
    counts = task.counts()
    counts.add(torch.zeros(1, 5, 4, 4), targets)
    found = task.measured(counts.tensors())
    assert "a picture has 120 objects of a class, of which COCO counts the 100 surest" in found.sentence("it")


def test_sections_of_a_report_have_figures_pictures_and_mistakes(run, splits):
    sections = {each.name: each for each in run.task.sections(run.model(), splits.validation)}
    assert list(sections) == ["classes", "curves", "objects", "mistakes"]
    assert [row[0] for row in sections["classes"].table.rows] == ["bar", "disc"]
    assert "disc" in [mark.words for mark in sections["curves"].drawing.marks if isinstance(mark, Text)]
    assert sections["objects"].pictures[0][1].ndim == 3
    counts = {row[0]: int(row[1]) for row in sections["mistakes"].table.rows}
    assert counts["right"] + counts["missed"] == 2 * len(splits.validation)
    assert counts["right"] > counts["missed"]


def test_the_report_has_the_network_look_at_pictures(run, splits, tmp_path, browser_page):
    page = write_report(run, tmp_path / "report.html", dataset=splits.validation)
    browser_page.goto(page.as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    browser_page.set_input_files("#live #files", splits.validation.paths[0])
    browser_page.wait_for_selector("#live .answer .said")
    objects = run.model().predict(splits.validation.paths[0]).data()["objects"]
    shares = [float(each.inner_text().rstrip("%")) for each in browser_page.locator("#live .share").all()]
    assert shares == pytest.approx([100 * each["probability"] for each in objects[:8]], abs=0.1)


def test_mistakes_are_told_and_drawn_as_the_task_shows_them(run, splits, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "120")
    found = mistakes(run.model(), splits.validation)
    counted = {row["what"]: int(row["boxes"]) for row in found.data()["mistakes"]["rows"]}
    assert sum(counted[kind] for kind in ("right", "missed")) == 16
    assert "mAP" in found.outcome
    assert [table.title for table in found.tables()] == ["Each class", "Mistakes"]
    assert any("badly placed" in line for line in found.lines())
    assert found.figure().scene.height > 400
    assert main(["look", "mistakes", str(run.directory), "--json", "--part", "validation"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"]["rows"][0]["class"] == "bar"
    assert main(["look", "mistakes", str(run.directory), "--cell", "1,2"]) == 2
    assert "--cell is for classes that are taken for others, and this model says" in capsys.readouterr().err


def test_what_speaks_for_an_object_at_a_place(run, splits):
    model, image = run.model(), splits.validation.paths[0]
    sure = model.predict(image).above(0.15).objects[0]
    at = round((sure["top"] + sure["bottom"]) / 2), round((sure["left"] + sure["right"]) / 2)
    found = grad_cam(model, [image], classes=[sure["class"]], at=at)
    ((seen,),) = found.maps
    assert (seen.class_name, seen.predicted) == (sure["class"], True)
    assert sure["probability"] <= seen.probability < 1  # the place's own, whatever those around it tell


def test_classes_are_brought_into_a_models_order_by_their_names(splits):
    found, notes = align(splits.train, ("cup", "Disc", "bar"))
    assert found.targets.classes == ("cup", "Disc", "bar")
    assert found.targets.class_counts().tolist() == [0, 32, 32]
    left, notes = align(splits.train, ("disc",))
    assert left.targets.class_counts().tolist() == [32]
    assert "objects of classes that the model does not know, bar (32)" in notes[0]


def test_rules_choose_by_the_size_of_objects(splits):
    task = task_of(splits.train)
    assert task.stride == 4
    assert task.most == 100
    assert task.usual == pytest.approx((0.12, 0.16), abs=0.03)
    chosen = task.network(splits.train)
    assert (chosen.options["stride"], "deeper" in chosen.options) == (4, False)
    rows = splits.train.targets.rows.copy()
    rows[:, 1, LEFT : BOTTOM + 1] = 0, 0, 1, 1
    wide = Dataset(np.zeros((32, 288, 384, 3), np.uint8), replace(splits.train.targets, rows=rows))
    chosen = task_of(wide).network(wide)
    assert chosen.options["deeper"] == 2
    assert "deeper by 2 for objects of 384 pixels" in chosen.why
    assert len(np.unique(splits.train.targets.rows[:, 0, NUMBER])) == len(splits.train)
    assert sorted(map(len, splits.parts().values())) == [8, 32]
    with pytest.raises(SettingError, match="balance 'none' or 'weights' with boxes"):
        task.check_training("sampling", Augmentation())
    task.check_training("weights", Augmentation())
    rules = task.rules(parse(NETWORK), splits.train)
    assert (Augmentation.parse(rules["augmentation"]).window, rules["batch_size"], rules["epochs"]) == (0, 16, 500)
    with pytest.raises(
        NetworkError, match=r"output of \S+×6, received .*a number for each of 2 classes, 4 for the sides"
    ):
        task.check(parse("16x16x3: conv 2 1x1"), (16, 16, 3))
    with pytest.raises(SettingError, match="without a window"):
        task.check_training("none", Augmentation(window=32))
    with pytest.raises(SettingError, match="that boxes can follow"):
        task.check_training("none", Augmentation(mixup=0.2))


@pytest.mark.parametrize(("least", "seen"), [(0.0, 0.25), (0.5, 0.55), (0.9, 0.7), (None, 0.25)])
def test_what_training_cuts_counts_as_what_the_sets_own_edges_cut(splits, least, seen):
    """Boxes of a fifth of a side, one inside each picture, one at each of its edges of which at least so much shows."""
    rows = np.zeros((41, 6, 7), np.float32)
    rows[:, 0] = 0, 0, 1, 1, 48, 64, 0
    rows[:, 1:, CLASS] = -1
    rows[:, 1] = 0.4, 0.4, 0.6, 0.6, 0, 0, 100
    if least is not None:
        part = np.linspace(least, 1, 41) * 0.2
        rows[:, 2:, CLASS] = 0
        rows[:, 2:, :4] = 0.4, 0.4, 0.6, 0.6
        rows[:, 2, LEFT], rows[:, 2, 2] = 0, part
        rows[:, 3, LEFT], rows[:, 3, 2] = 1 - part, 1
        rows[:, 4, 1], rows[:, 4, BOTTOM] = 0, part
        rows[:, 5, 1], rows[:, 5, BOTTOM] = 1 - part, 1
    boxes = replace(splits.train.targets, rows=rows)
    rules = task_of(splits.train).rules(parse(NETWORK), Dataset(np.zeros((41, 48, 64, 3), np.uint8), boxes))
    assert Augmentation.parse(rules["augmentation"]).seen == pytest.approx(seen, abs=0.011)
    moves = Augmentation.parse(rules["augmentation"]).moves(
        (41, 48, 64, 3), 0, 0, torch.arange(41), torch.device("cpu")
    )
    before = torch.from_numpy(rows)
    shares = moves.boxes(before[:, 1:, :4].double() * torch.tensor([64, 48, 64, 48]))[1]
    there = boxes.moved(before, moves)[:, 1:, CLASS] >= 0
    assert torch.equal(there, (before[:, 1:, CLASS] >= 0) & (shares >= Augmentation.parse(rules["augmentation"]).seen))


@pytest.mark.parametrize(("near", "farther", "marked"), [(1, 1, 0.9), (4, 4, 0.5), (1, 3, 1.0)])
def test_as_many_cut_objects_count_as_are_marked_beside_whole_ones(splits, near, farther, marked):
    """Boxes of a fifth of a side, one of which the left edge cuts, and some that lie near the upper one."""
    number = 201
    rows = np.zeros((number, 2 + near + farther, 7), np.float32)
    rows[:, 0] = 0, 0, 1, 1, 48, 64, 0
    rows[:, 1:, :4] = 0, 0.4, 0, 0.6
    rows[:, 1, 2] = 0.2 * np.linspace(0.3, 1, number)
    rows[:, 2:, :4] = 0.5, 0.02, 0.7, 0.22
    rows[:, 2 + near :, [1, BOTTOM]] += 0.15
    boxes = replace(splits.train.targets, rows=rows)
    rules = task_of(splits.train).rules(parse(NETWORK), Dataset(np.zeros((number, 48, 64, 3), np.uint8), boxes))
    augmentation = Augmentation.parse(rules["augmentation"])
    assert (augmentation.seen, augmentation.marked) == pytest.approx((0.37, marked), abs=0.01)
    moves = augmentation.moves((number, 48, 64, 3), 0, 0, torch.arange(number), torch.device("cpu"))
    before = torch.from_numpy(rows)
    shares = moves.boxes(before[:, 1:, :4].double() * torch.tensor([64, 48, 64, 48]))[1]
    there = boxes.moved(before, moves)[:, 1:, CLASS] >= 0
    assert there[shares > 0.9999].all()
    assert not there[shares < augmentation.seen].any()
    cut = (shares >= augmentation.seen) & (shares < 0.99)
    some = cut.any(1)
    assert torch.equal((there & cut).any(1)[some], (there | ~cut).all(1)[some])  # all of an image, or none
    assert (there & cut).any(1)[some].float().mean() == pytest.approx(augmentation.marked, abs=0.12)


def test_counting_waits_for_the_device_at_the_end_alone(splits):
    """On the meta device, where there are no numbers to be fetched: whatever reads one raises."""
    counts = task_of(splits.train).counts()
    counts.add(torch.zeros(2, 6, 12, 16, device="meta"), torch.from_numpy(splits.train.targets.rows[:2]).to("meta"))
    with pytest.raises(RuntimeError, match="meta tensors"):
        counts.tensors()
