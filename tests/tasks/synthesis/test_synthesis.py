"""Pictures like a set's: read, trained by two networks in turn, measured, made, shown."""

from __future__ import annotations

import json
import math

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from hubel import zoo
from hubel.arch import analyse, parse
from hubel.base.errors import DataError, NetworkError, SettingError
from hubel.cli import main
from hubel.data import Batch, Dataset, Preprocessing, Splits
from hubel.export import open_onnx
from hubel.report import write_report
from hubel.tasks import evaluate, load, load_model, task_of
from hubel.tasks.synthesis.distance import features, frechet, moments
from hubel.tasks.synthesis.pictures import between, grid, made_of, nearest, pictures
from hubel.tasks.synthesis.targets import Alike
from hubel.tasks.synthesis.task import Synthesis
from hubel.train import Recipe, Run, StoppedError, choose, resume, train
from hubel.train.loop.ways.adversarial import Adversarial

MAKER = "8: dense 64, leaky 0.2, reshape 4x4x4, deconv 3 4x4 strides=2 same tanh"
RECIPE = Recipe(
    epochs=2,
    batch_size=16,
    threads=1,
    precision="float32",
    augmentation="none",
    label_smoothing=0.0,
    learning_rate=0.002,
    monitor="distance",
    pixels="symmetric",
    momentum=0.0,
    ema=0.9,
)


def bars(number: int, seed: int) -> np.ndarray:
    """Pictures of one vertical bar of a random colour on black, uint8 N×8×8×3."""
    random = np.random.default_rng(seed)
    found = np.zeros((number, 8, 8, 3), np.uint8)
    for one, place, colour in zip(
        found, random.integers(0, 7, number), random.integers(100, 256, (number, 3)), strict=True
    ):
        one[:, place : place + 2] = colour
    return found


def alike(images: np.ndarray, critic: str = "") -> Dataset:
    return Dataset(images, Alike(len(images), critic), (), name="bars")


@pytest.fixture(scope="module")
def splits():
    return Splits(alike(bars(96, 0)), test=alike(bars(48, 1)))


@pytest.fixture(scope="module")
def run(splits, tmp_path_factory):
    return train(parse(MAKER), splits, RECIPE, tmp_path_factory.mktemp("synthesis") / "run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A flat folder, and pictures in folders below: neither says a class."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    for number, image in enumerate(bars(40, 2)):
        Image.fromarray(image).save(folder / ("more" if number % 2 else ".") / f"{number}.png")
    return folder


def test_frechets_distance_is_that_of_normal_distributions():
    """Of N(0, 1) and N(μ, σ²) in each axis: Σ μ² + (1 − σ)²."""
    drawn = torch.Generator().manual_seed(0)
    one, other = torch.randn(200_000, 3, generator=drawn), torch.randn(200_000, 3, generator=drawn)
    other = other * torch.tensor([1.0, 2.0, 0.5]) + torch.tensor([0.0, 1.0, 3.0])
    assert frechet(moments(one), moments(other)) == pytest.approx(10 + 1 + 0.25, rel=0.02)
    assert frechet(moments(one), moments(one)) == pytest.approx(0, abs=1e-9)
    halves = moments(other[:70_000]) + moments(other[70_000:])
    assert frechet(moments(one), halves) == pytest.approx(frechet(moments(one), moments(other)), rel=1e-9)
    assert math.isnan(frechet(moments(one), moments(other[:1])))


def test_nearer_pictures_are_nearer():
    real, same, noise = bars(200, 0), bars(200, 1), np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3), np.uint8)
    blurred = (bars(200, 2).astype(np.float32) * 0.6).astype(np.uint8)
    of = [moments(features(torch.from_numpy(each))) for each in (real, same, blurred, noise)]
    same_, blurred_, noise_ = (frechet(of[0], each) for each in of[1:])
    assert same_ < blurred_ < noise_


def test_training_goes_through_the_loop(run, splits):
    assert run.step == "adversarial"
    assert run.task.name == "synthesis"
    last = run.metrics[-1]
    assert set(last.training) == {"loss", "maker_loss"}
    assert all(math.isfinite(value) for value in last.training.values())
    assert last.evaluation["distance"] > 0
    model = load_model(run.directory / "model.safetensors")
    assert evaluate(model, splits.test).figures["distance"] == pytest.approx(last.evaluation["distance"], rel=1e-6)


def test_it_learns(splits, tmp_path):
    """Made pictures come nearer than those of the first steps."""
    longer = train(parse(MAKER), splits, RECIPE.replace(epochs=16, learning_rate=0.005), tmp_path / "longer")
    distances = [row.evaluation["distance"] for row in longer.metrics]
    assert min(distances[-5:]) < distances[0] / 2


def test_the_loss_that_is_told_is_without_the_penalty_of_every_fourth_step(splits):
    images, targets = splits.train.tensors()
    batch, told = Batch(images[:16], targets[:16], torch.arange(16)), []
    recipe = RECIPE.replace(device="cpu", memory_format="channels-last", compile="none")
    for penalty in (0.0, 1000.0):
        torch.manual_seed(0)
        task = Synthesis(penalty=penalty)
        step = Adversarial(parse(MAKER), recipe, task, Preprocessing.for_dataset(splits.train), splits.train)
        torch.manual_seed(1)
        told.append(float(step(batch, 0.001, 0)[0]))
    assert told[0] == told[1]


def test_a_stopped_run_goes_on_to_the_same_bits(run, splits, tmp_path):
    def stop(event):
        if getattr(event, "epoch", 0) == 1 and hasattr(event, "evaluation"):
            raise StoppedError("stop", 2)

    with pytest.raises(StoppedError):
        train(parse(MAKER), splits, RECIPE, tmp_path / "run", progress=stop)
    resumed = resume(tmp_path / "run", splits)
    for name, tensor in run.model().module.state_dict().items():
        assert torch.equal(tensor, resumed.model().module.state_dict()[name]), name


def test_pictures_follow_from_a_seed(run):
    model = run.model()
    found = pictures(model, 5, seed=3)
    assert (found.shape, found.dtype) == ((5, 8, 8, 3), np.uint8)
    assert all(np.array_equal(found[:few], pictures(model, few, seed=3)) for few in (1, 2, 3))
    assert not np.array_equal(found, pictures(model, 5, seed=4))
    way = between(model, 4, rows=2, seed=1)
    assert len(way) == 8
    assert grid(found, 3, gap=1).ndim == 3


def test_the_nearest_real_picture_is_found():
    real = bars(300, 5)
    made = real[[7, 250]].copy()
    made[:, 0, 0] = 90
    assert [index for _, _, index, _ in nearest(made, alike(real))] == [7, 250]


def test_folders_need_no_classes(folder):
    found = load(folder, task="synthesis")
    assert (len(found.train), found.train.classes) == (40, ())
    assert any("taken alike" in note for note in found.notes)


def test_the_network_says_the_task(folder, tmp_path, capsys):
    assert main(["train", MAKER, str(folder), "--run", str(tmp_path / "run"), "--epochs", "1", "--no-report"]) == 0
    captured = capsys.readouterr()
    assert "Fréchet distance" in captured.out
    assert "maker loss" in captured.out + captured.err


@pytest.mark.parametrize("picture", [(28, 28, 1), (32, 48, 3), (21, 30, 3), (64, 64, 3), (5, 5, 1)])
@pytest.mark.parametrize("name", ["dcgan", "r3gan"])
def test_the_zoos_pairs_fit_every_picture(name, picture):
    maker = zoo.get(name, input=picture, width=0.125)
    critic = zoo.get(f"{name}_critic", input=picture, width=0.125)
    assert analyse(maker).output_shape == picture
    assert (critic.input, analyse(critic).output_shape) == (picture, (1,))
    task = task_of(alike(np.zeros((16, *picture), np.uint8)))
    task.check(maker, picture)
    assert task.is_paired(critic) == (name == "r3gan" or picture == (5, 5, 1))


def test_rules_follow_from_the_critic():
    training = alike(np.zeros((32, 16, 16, 1), np.uint8))
    quiet, loud = (choose(zoo.get(name, input=(16, 16, 1)), training) for name in ("r3gan", "dcgan"))
    assert (quiet.momentum, loud.momentum) == (0.0, 0.5)
    assert (quiet.monitor, quiet.pixels) == ("distance", "symmetric")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("8x8x3: conv 3 3x3 same tanh", "of a vector"),
        ("8: dense 64, reshape 8x8x1, tanh", "makes pictures of 8×8×3"),
        ("8: dense 10", "makes pictures of 8×8×3"),
    ],
)
def test_networks_that_make_no_such_pictures_are_refused(network, words, splits, tmp_path):
    with pytest.raises(NetworkError, match=words):
        train(parse(network), splits, RECIPE, tmp_path / "run")


@pytest.mark.parametrize(
    ("critic", "words"),
    [("9x9x3: flatten, dense 1", "8×8×3"), ("8x8x3: flatten, dense 2", "one number")],
)
def test_critics_that_do_not_fit_are_refused(critic, words, tmp_path):
    with pytest.raises(NetworkError, match=words):
        train(parse(MAKER), Splits(alike(bars(32, 0), critic)), RECIPE, tmp_path / "run", validation=0.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bfloat16"},
        {"micro_batch": 4},
        {"label_smoothing": 0.1},
        {"balance": "weights"},
        {"augmentation": "cutout 2"},
        {"monitor": "loss", "patience": 2},
    ],
)
def test_settings_that_mean_nothing_here_are_refused(changes, splits, tmp_path):
    with pytest.raises(SettingError, match=next(iter(changes))):
        train(parse(MAKER), splits, RECIPE.replace(**changes), tmp_path / "run")


def test_too_few_pictures_are_refused():
    with pytest.raises(DataError, match="at least 16"):
        choose(parse(MAKER), alike(bars(4, 0)))


def test_the_command_line_says_the_critic(folder, tmp_path, capsys):
    line = ["train", MAKER, str(folder), "--run", str(tmp_path / "run"), "--epochs", "0.1", "--no-report", "--critic"]
    judge = "8x8x3: conv 4 3x3/2 same, leaky 0.2, flatten, dense 1"
    assert main([*line, judge]) == 0
    assert Run.open(tmp_path / "run").task.critic == judge
    for wrong, told in (("8x8x3: flatten, dense 2", "says one number"), ("9x9x3: flatten, dense 1", "begin it with")):
        assert main([*line[:3], "--critic", wrong]) == 2
        assert told in capsys.readouterr().err
    assert main(["train", "lenet5", "mnist", "--critic", judge]) == 2
    assert "received 'critic'; it means nothing to this data" in capsys.readouterr().err


def test_it_takes_no_pictures(run):
    with pytest.raises(SettingError, match="makes pictures and takes none"):
        run.model().predict(bars(1, 0)[0])


def test_sliders_in_the_page_make_the_pictures_that_pytorch_makes(run, splits, tmp_path, browser_page):
    path = write_report(run, tmp_path / "report.html", dataset=splits.test)
    assert ">nan<" not in path.read_text(encoding="utf-8")  # a test loss that there is not
    assert "test images of 8×8×3. Recipe: " in path.read_text(encoding="utf-8")
    browser_page.set_viewport_size({"width": 390, "height": 800})
    browser_page.goto(path.as_uri())
    slider = browser_page.locator("#latent-model input").first
    slider.wait_for()
    model = run.model()
    vectors, order = model.task.vectors(model)

    def drawn():
        browser_page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        read = "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
        return np.array(browser_page.locator("#latent-model canvas").evaluate(read))

    def made(vector):
        return made_of(model.module, model.preprocessing, torch.tensor([vector]))[0, ..., 0].numpy().ravel()

    assert np.abs(drawn() - made(vectors[0]).astype(int)).max() <= 1
    slider.fill("2.5")
    moved = list(vectors[0])
    moved[order[0]] = 2.5
    assert np.abs(drawn() - made(moved).astype(int)).max() <= 1
    assert np.abs(made(moved).astype(int) - made(vectors[0])).max() > 1
    browser_page.get_by_role("button", name="The next of those below").click()
    assert np.abs(drawn() - made(vectors[1]).astype(int)).max() <= 1
    assert browser_page.evaluate("document.querySelector('main').scrollWidth") <= 390


def test_a_report_shows_what_it_makes(run, splits):
    sections = run.task.sections(run.model(), splits.test)
    assert [each.name for each in sections] == ["makes", "between"]
    assert all(each.pictures for each in sections)
    model = run.model()
    how_good = model.task.compared(model, splits.test, splits.train, None, "")[0]
    assert f"Of {len(splits.test)} pictures, no more than the 128 features that are compared" in how_good.note
    assert '<span class="key evaluated"' not in write_report(run, dataset=splits.test).read_text()  # of no line


def test_predict_makes_a_grid_or_files(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = str(run.directory)
    assert main(["predict", place, "--number", "9", "--seed", "2", "-o", "grid.png"]) == 0
    assert "9 pictures of 8×8, seed 2: grid.png" in capsys.readouterr().out
    with Image.open("grid.png") as found:
        assert found.size[0] == found.size[1] > 3 * 8
    assert main(["predict", place, "--number", "3", "-o", "made", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [f"made/0000{number}.png" for number in range(3)]
    with Image.open(told["files"][1]) as found:
        assert np.array_equal(np.asarray(found), pictures(run.model(), 2, seed=0)[1])
    assert main(["predict", place, "--between"]) == 0
    assert "made.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "RUN", "x.png"], "makes pictures"),
        (["predict", "RUN", "--prompt", "x"], "models that write"),
        (["predict", "RUN", "-o", "made.csv"], ".png"),
        (["export", "RUN", "-o", "model.pt2"], "export to torch is for networks that take pictures"),
        (["look", "maps", "RUN", "x.png"], "looking at an image is for networks that take pictures"),
        (["look", "dream", "RUN"], "dreaming is for networks that take pictures"),
        (["look", "cam", "RUN", "x.png"], "for networks that take pictures"),
        (["serve", "RUN", "--port", "0"], "received one for synthesis"),
    ],
)
def test_what_cannot_be_asked_of_it_is_refused_in_words(words, said, run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(bars(1, 0)[0]).save("x.png")
    assert main([str(run.directory) if word == "RUN" else word for word in words]) != 0
    error = capsys.readouterr().err
    assert said in error
    assert "fault of hubel" not in error


def test_evaluate_tells_no_loss(run, folder, capsys):
    assert main(["evaluate", str(run.directory), str(folder)]) == 0
    told = capsys.readouterr().out
    assert "Fréchet distance" in told
    assert "nan" not in told


def test_a_distance_to_few_pictures_is_refused_or_said_to_be_one(run, folder, tmp_path, capsys):
    for number in range(2):
        Image.fromarray(bars(2, 5)[number]).save(tmp_path / f"{number}.png")
        status = main(["evaluate", str(run.directory), str(tmp_path)])
        said = capsys.readouterr()
        if number:
            assert status == 0
            assert "2 pictures, no more than the 128 features that are compared" in said.out
        else:
            assert status == 2
            assert "expected at least 2 pictures" in said.err


def test_what_a_folder_holds_is_told(folder, capsys):
    assert main(["data", str(folder), "--task", "synthesis"]) == 0
    assert "40" in capsys.readouterr().out


def test_what_makes_pictures_leaves_as_onnx_and_makes_the_same(run, tmp_path, capsys):
    file = tmp_path / "made.onnx"
    assert main(["export", str(run.directory), "-o", str(file), "--json"]) == 0
    told = capsys.readouterr()
    check = json.loads(told.out)["check"]
    assert (check["odd"], check["passed"], check["examples"]) == (40, True, "vectors")
    assert check["largest"] < 1e-5
    assert "the file takes noise, float32 N×8, drawn from a normal distribution" in told.err
    noise = torch.randn(5, 8, generator=torch.Generator().manual_seed(3))
    (made,) = onnxruntime.InferenceSession(file).run(["pictures"], {"input": noise.numpy()})
    model = run.model()
    with torch.inference_mode():
        expected = made_of(model.module, model.preprocessing, noise).numpy()
    assert made.shape == (5, 8, 8, 3)
    assert np.abs(made.astype(int) - expected).max() <= 1  # a value between two levels may be rounded either way
    assert (made == expected).mean() > 0.99
    opened = open_onnx(file)
    assert (pictures(opened, 4, seed=1) == pictures(model, 4, seed=1)).mean() > 0.99
    for place in ("of_run.png", "of_file.png"):
        given = file if place == "of_file.png" else run.directory
        assert main(["predict", str(given), "-o", str(tmp_path / place), "--number", "4", "--seed", "2"]) == 0
    one, other = (np.asarray(Image.open(tmp_path / place)).astype(int) for place in ("of_run.png", "of_file.png"))
    assert np.abs(one - other).max() <= 1


def test_forms_that_hold_no_maker_are_refused_with_the_one_that_does(run, tmp_path, capsys):
    for place, more in (("made.html", []), ("made.pt2", []), ("package", ["--to", "package"])):
        assert main(["export", str(run.directory), "-o", str(tmp_path / place), *more]) == 2
        assert "makes them, of vectors of 8: hubel export RUN -o made.onnx" in capsys.readouterr().err
    line = ["export", str(run.directory), "-o", str(tmp_path / "made.onnx")]
    assert main([*line, "--check", "mnist"]) == 2
    assert "expected no --check, since synthesis is compared on numbers that are drawn" in capsys.readouterr().err
    for more in (["--input", "image"], ["--input", "sized"]):
        assert main([*line, *more]) == 2
        assert "expected input tensor, since this model makes pictures of noise" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
