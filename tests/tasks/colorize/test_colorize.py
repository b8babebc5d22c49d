"""Colours from a folder to coloured pictures: what is seen, how far off they are, and the same by other roads."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import DataError, SettingError
from hubel.data import Augmentation, Batches, Preprocessing
from hubel.data.colours.lab import coloured, colourfulness, colours_of, greyed, lightness
from hubel.data.colours.load import grey_of
from hubel.export.onnx.form import onnx_bytes
from hubel.tasks import evaluate, load, task_of
from hubel.tasks.colorize.bins import hue, spread, squares
from hubel.tasks.colorize.task import Colorize
from hubel.train import Recipe, train
from tests.command import hubel

SQUARES = 260
NETWORK = f"24x24x1: conv 16 3x3/2 same, norm, relu, conv 24 3x3 same, norm, relu, conv {SQUARES} 1x1"
RECIPE = Recipe(
    epochs=24, batch_size=8, learning_rate=0.01, threads=1, device="cpu", precision="float32", ema=0.9,
    memory_format="channels-last", augmentation="flip, fill 0", label_smoothing=0.0,
)  # fmt: skip


def fields(random, size=(24, 24)):
    """A light blue sky above dark green grass, and a bright disc of orange: colours that follow from light."""
    rows = int(random.integers(8, 16)) * size[0] // 24
    picture = np.zeros((*size, 3))
    picture[:rows], picture[rows:] = (150, 185, 235), (50, 95, 40)
    down, right = np.mgrid[: size[0], : size[1]]
    y, x = random.uniform(4, 20, 2) * size[0] / 24
    picture[(down - y) ** 2 + (right - x) ** 2 < (3 * size[0] / 24) ** 2] = (255, 225, 120)
    return (picture + random.normal(0, 5, (*size, 1))).clip(0, 255).astype(np.uint8)


def lightness_of(pictures):
    """L* of colours, by the CIE's definition."""
    share = pictures.double() / 255
    light = torch.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    y = light @ torch.tensor([0.2126729, 0.7151522, 0.0721750], dtype=torch.float64)
    return torch.where(y > 216 / 24389, 116 * y ** (1 / 3) - 16, y * 24389 / 27)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("data") / "fields", np.random.default_rng(0)
    (root / "some").mkdir(parents=True)
    for number in range(40):
        Image.fromarray(fields(random)).save(root / "some" / f"{number:02}.png")
    Image.fromarray(grey_of(fields(random))).save(root / "some" / "grey.png")
    return root


@pytest.fixture(scope="module")
def splits(folder):
    return load(folder, task="colorize", validation=0.2)


@pytest.fixture(scope="module")
def run(splits, folder, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "fields"
    source = {"source": str(folder), "task": "colorize", "validation": 0.2}
    return train(parse(NETWORK), splits, RECIPE, directory, source=source)


def test_lightness_and_colours_are_cies():
    """Against values of the CIE's definition for the screen's own red, green, blue and a mid grey."""
    pixels = torch.tensor([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [119, 119, 119]]]], dtype=torch.uint8)
    wanted = [[80.09, 67.20], [-86.18, 83.18], [79.19, -107.86], [0.0, 0.0]]
    np.testing.assert_allclose(colours_of(pixels)[0, :, 0].T, wanted, atol=0.05)
    np.testing.assert_allclose(lightness(torch.tensor([0.0, 119.0, 255.0])), [0, 50.03, 100], atol=0.01)
    assert colourfulness(pixels[:, :, 3:]).item() == 0
    random = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3)).astype(np.uint8)
    for grey in (greyed(torch.from_numpy(random)).numpy(), grey_of(random)):
        np.testing.assert_array_equal(grey[0], np.asarray(Image.fromarray(random[0]).convert("L")))


def test_a_coloured_picture_is_as_light_as_the_grey_one_everywhere():
    random = torch.Generator().manual_seed(0)
    grey = torch.randint(0, 256, (1, 40, 40), dtype=torch.uint8, generator=random)
    wild = torch.rand(1, 2, 40, 40, generator=random) * 240 - 120
    made = coloured(grey, wild)
    assert (lightness_of(made) - lightness(grey)).abs().max() < 1.5
    np.testing.assert_array_equal(coloured(grey, torch.zeros_like(wild))[..., 1], grey)
    assert colourfulness(made).item() > 25
    # what the screen has comes out as it was said
    true = torch.tensor([[[[200, 90, 60], [60, 120, 200]]]], dtype=torch.uint8)
    level = torch.tensor([[[int((lightness(torch.arange(256)) - one).abs().argmin()) for one in (53.9, 50.6)]]])
    again = coloured(level.to(torch.uint8), colours_of(true))
    assert (colours_of(again) - colours_of(true)).abs().max() < 2


def test_grey_pictures_are_named_and_left_out(splits, folder, tmp_path):
    assert sum(map(len, splits.parts().values())) == 40
    assert any("left out: 1 picture in grey already (grey.png)" in note for note in splits.notes)
    assert splits.train.shape == (24, 24, 1)
    for part in splits.parts().values():
        np.testing.assert_array_equal(part.images[..., 0], grey_of(part.targets.array))
    (tmp_path / "a").mkdir()
    for number in range(3):
        Image.new("L", (9, 9), 40 * number).save(tmp_path / "a" / f"{number}.png")
    with pytest.raises(DataError, match="expected colour pictures, received 3 pictures in grey"):
        load(tmp_path, task="colorize")


def test_what_is_told_of_the_data_is_what_training_does(tmp_path):
    for number in range(8):
        pixels = np.zeros((16 + 8 * (number % 2), 30, 3), np.uint8)
        pixels[..., number % 3] = 200
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    told = Colorize.describe(str(tmp_path)).notes
    assert any("stretched" in note for note in told)
    assert not any("padded" in note for note in told)
    assert any("stretched" in note for note in load(tmp_path, task="colorize").notes)
    assert not any("grey" in note for note in told)
    Image.new("L", (30, 16), 40).save(tmp_path / "grey.png")
    told = Colorize.describe(str(tmp_path)).notes
    assert "1 picture in grey, of which training leaves out what has no colour" in told


def test_colours_stay_over_their_own_light(splits):
    how = Augmentation(flip=True, rotate=20, zoom=1.3, window=16, shift=3, fill=0)
    for batch in Batches(splits.train, 8, 0, how).epoch(0):
        off = batch.images[..., 0].int() - greyed(batch.targets).int()
        assert off.abs().max() <= 2


def test_squares_cover_all_colours_and_colours_are_spread_over_the_nearest():
    middles = squares().float()
    assert len(middles) == SQUARES
    pixels = torch.randint(0, 256, (1, 50, 50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    own = colours_of(pixels).flatten(2)[0].T
    which, shares = spread(own, middles)
    assert (middles[which[:, 0]] - own).abs().max() <= 5.001
    torch.testing.assert_close(shares.sum(1), torch.ones(2500))
    assert (shares.diff(dim=1) <= 1e-6).all()


def test_rare_colours_weigh_more_and_the_mean_weight_is_one(splits):
    task = task_of(splits.train)
    middles, weights = torch.tensor(task.middles), torch.tensor(task.weights)
    true = colours_of(torch.from_numpy(splits.train.targets.array)).transpose(0, 1).flatten(1).T
    nearest = torch.cdist(true, middles.float()).argmin(1)
    assert weights[nearest].mean().item() == pytest.approx(1, abs=0.01)
    counts = torch.bincount(nearest, minlength=len(middles))
    assert weights[counts.argmax()] < 0.7 * weights[counts == 0].max()
    assert task.mean == pytest.approx(true.mean(0).tolist(), abs=0.05)
    assert Colorize.from_settings((), task.settings()) == task
    with pytest.raises(SettingError, match="a weight and a share for each of 260 squares"):
        Colorize.from_settings((), {**task.settings(), "weights": [1.0]})


def test_it_learns_what_is_blue_and_what_is_green(run, splits):
    model = run.model()
    found = evaluate(model, splits.validation)
    assert found.model.error < 0.6 * min(found.mean, found.grey.error)
    assert 0.5 < found.figures["colourfulness"] < 1.3
    assert found.model.distance < found.grey.distance
    picture = Image.fromarray(fields(np.random.default_rng(99), (48, 48)))
    answer = model.predict(picture.convert("L"))
    sky, grass = answer.picture[2].mean(0), answer.picture[-3].mean(0)
    assert sky[2] > sky[0] + 20
    assert grass[1] > grass[2] + 15


def test_figures_are_those_of_the_pictures_one_by_one(run, splits):
    model, validation = run.model(), splits.validation
    found, off, plain, vivid = evaluate(model, validation), [], [], []
    for image, true in zip(validation.images, validation.targets.array, strict=True):
        scores = model.task.outputs(model.module, model.preprocessing, torch.from_numpy(image[np.newaxis].copy()))
        own, said = colours_of(torch.from_numpy(true[np.newaxis].copy())), model.task.colours(scores.detach(), (24, 24))
        off.append(float((said - own).norm(dim=1).mean()))
        plain.append(float(own.norm(dim=1).mean()))
        vivid.append(float(colourfulness(torch.from_numpy(true[np.newaxis].copy()))))
    assert found.model.error == pytest.approx(np.mean(off), rel=1e-3)
    assert found.grey.error == pytest.approx(np.mean(plain), rel=1e-4)
    assert found.truth == pytest.approx(np.mean(vivid), rel=1e-4)
    assert f"(grey {found.grey.error:.2f}, the mean colour {found.mean:.2f})" in found.sentence("it")


def test_a_picture_keeps_its_own_size_and_detail(run, tmp_path):
    random = np.random.default_rng(3)
    large = fields(random, (150, 210))
    large[::2, ::3] //= 2  # detail that the network's 24×24 have none of
    Image.fromarray(large).convert("L").save(tmp_path / "old.png")
    (told,) = json.loads(hubel("predict", run.directory, tmp_path / "old.png", "-o", tmp_path / "out", "--json").stdout)
    assert (told["height"], told["width"], told["given_colourfulness"]) == (150, 210, 0)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"old-beside.png", "old-coloured.png"}
    made = np.asarray(Image.open(tmp_path / "out" / "old-coloured.png"))
    assert made.shape == (150, 210, 3)
    assert told["colourfulness"] > 10
    light = lightness(torch.from_numpy(grey_of(large)))
    assert (lightness_of(torch.from_numpy(made.copy())) - light).abs().max() < 1.5
    hubel("predict", run.directory, tmp_path / "old.png", "-o", tmp_path / "one.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "one.png")), made)


def test_onnx_runtime_colours_as_predict_does(run):
    session = onnxruntime.InferenceSession(onnx_bytes(run.model(), "image"))
    pixels = fields(np.random.default_rng(5), (70, 110))
    names = [each.name for each in session.get_outputs()]
    out = dict(zip(names, session.run(names, {"image": pixels[np.newaxis]}), strict=True))
    off = np.abs(out["picture"][0].astype(int) - run.model().predict(pixels).picture)
    assert off.mean() < 0.1
    assert (off > 2).mean() < 0.001


def test_a_map_says_why_a_place_is_blue_or_green(run, tmp_path):
    grey = tmp_path / "grey.png"
    Image.fromarray(fields(np.random.default_rng(99))).convert("L").save(grey)
    for place, word in (("2,12", "blue"), ("22,3", "green")):
        done = hubel("look", "cam", str(run.directory), str(grey), "--at", place, "--top", "2", "--json")
        first, second = json.loads(done.stdout)["maps"]
        assert first["class"].startswith(f"{word} (a*")
        assert first["probability"] > second["probability"] > 0


def test_hues_are_called_as_people_call_them():
    named = {"red": (255, 0, 0), "orange": (255, 165, 0), "yellow": (255, 255, 0), "green": (0, 128, 0),
             "cyan": (0, 255, 255), "blue": (0, 0, 255), "violet": (128, 0, 128), "pink": (255, 192, 203),
             "grey": (90, 92, 91)}  # fmt: skip
    colours = colours_of(torch.tensor([[[*named.values()]]], dtype=torch.uint8))[0, :, 0].T.tolist()
    assert [hue(a, b) for a, b in colours] == [*named]


def test_counts_of_parts_add_up_to_those_of_the_whole(run, splits):
    model, task = run.model(), run.model().task
    images, targets = splits.train.tensors()
    outputs = task.outputs(model.module, model.preprocessing, images).detach()
    whole, parts = task.counts(), [task.counts() for _ in range(2)]
    whole.add(outputs, targets)
    for part, own in zip(parts, (slice(0, 13), slice(13, None)), strict=True):
        part.add(outputs[own], targets[own])
    added = [one + other for one, other in zip(*(part.tensors() for part in parts), strict=True)]
    first, second = task.measured(whole.tensors()).figures, task.measured(added).figures
    assert dict(first) == pytest.approx(dict(second), rel=1e-3)


def test_sections_show_before_and_after(run, splits):
    sections = {each.name: each for each in run.task.sections(run.model(), splits.validation)}
    assert list(sections) == ["ways", "coloured"]
    assert [row[0] for row in sections["ways"].table.rows] == ["coloured", "grey", "the mean colour", "truth"]
    assert sections["coloured"].pictures[0][1].shape == (144, 432, 3)


def test_what_would_show_the_colours_or_change_them_is_refused(splits):
    task = task_of(splits.train)
    with pytest.raises(SettingError, match="a network that takes grey pictures"):
        task.check(parse(f"24x24x3: conv {SQUARES} 1x1"), (24, 24, 3))
    with pytest.raises(SettingError, match="balance 'none' with colours"):
        task.check_training("weights", Augmentation())
    with pytest.raises(SettingError, match="no cutout with colours"):
        task.check_training("none", Augmentation(cutout=4))
    rules = task.rules(parse(NETWORK), splits.train)
    how = Augmentation.parse(rules["augmentation"])
    assert (how.flip, how.colour, how.shift) == (True, 0, 3)
    assert task.network(splits.train).options["stride"] == 2
    assert Preprocessing.for_dataset(splits.train).fit == "stretch"
