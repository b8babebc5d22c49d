"""Numbers of an image, one or several: read, scaled, trained, measured, said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics as sklearn

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Dataset, align, hold_out
from hubel.tasks import evaluate, load, load_model
from hubel.tasks.regression.targets import Numbers
from hubel.tasks.regression.task import Regression
from hubel.train import Notice, Recipe, Run, choose, resume, train
from tests.tasks.tables import pictures, table

NETWORK = "8x8x1: conv 8 3x3 relu, flatten, dense 16 relu, dense 2"
RECIPE = Recipe(
    epochs=20,
    learning_rate=0.01,
    batch_size=16,
    threads=1,
    precision="float32",
    augmentation="none",
    label_smoothing=0.0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("numbers")


@pytest.fixture(scope="module")
def rows(folder):
    return pictures(folder)


@pytest.fixture(scope="module")
def numbers(folder, rows):
    return table(folder / "numbers.csv", ["file", "mean", "width"], rows, lambda row, head: row[head])


@pytest.fixture(scope="module")
def run(numbers, folder):
    splits = load(numbers, task="regression", label_column="mean,width", validation=0.25)
    return train(parse(NETWORK), splits, RECIPE, folder / "run")


def test_columns_of_numbers(numbers, rows):
    found = load(numbers, task="regression", label_column="mean,width").train
    own = {Path(row["file"]).name: row for row in rows}
    wanted = [[own[Path(path).name][name] for name in ("mean", "width")] for path in found.paths]
    assert found.classes == ("mean", "width")
    assert found.targets.array == pytest.approx(np.array(wanted))
    with pytest.raises(ValueError, match=r"found mean, width beside the images; say which: --label-column"):
        load(numbers, task="regression")
    words = table(numbers.parent / "words.csv", ["file", "tags", "mean", "width"], rows, lambda row, head: row[head])
    with pytest.raises(ValueError, match=r"expected a column of numbers, found mean, width beside the images"):
        load(words, task="regression")
    one = load(numbers, task="regression", label_column="Width")
    assert one.train.classes == ("width",)
    assert any("numbers: width from -4000 to 2000" in note for note in one.notes)


def test_a_column_of_numbers_is_asked_about_and_gaps_are_left_out(folder, rows):
    path = table(folder / "gaps.csv", ["file", "age"], rows, lambda r, h: r["file"] if h == "file" else r["mean"])
    with pytest.raises(
        ValueError, match=r"age holds \d+ different numbers from .*--task regression learns the numbers"
    ):
        load(path)
    lines = path.read_text().splitlines()
    lines[1], lines[2] = "shots/0.png,", "shots/1.png,NaN"
    path.write_text("\n".join(lines))
    found = load(path, task="regression")
    assert len(found.train) == 94
    assert any("left out: 2 rows without a number" in note for note in found.notes)
    path.write_text("\n".join([*lines, "shots/3.png,old"]))
    with pytest.raises(ValueError, match=r"line 98: expected a number in age, received 'old'"):
        load(path, task="regression")
    comma = table(
        folder / "comma.csv",
        ["file", "mean"],
        rows[:40],
        lambda r, h: r[h] if h == "file" else str(r[h]).replace(".", ","),
    )
    assert load(comma, task="regression").train.targets.array.max() < 256


def test_folders_and_arrays_of_numbers(tmp_path):
    for name in ("-30", "0", "45"):
        (tmp_path / "angles" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8), number).save(tmp_path / "angles" / name / f"{number}.png")
    found = load(tmp_path / "angles", task="regression").train
    assert sorted(set(found.targets.array[:, 0].tolist())) == [-30.0, 0.0, 45.0]
    values = np.linspace(0, 1, 8, dtype=np.float32).reshape(4, 2)
    np.savez(tmp_path / "two.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=values, classes=["up", "down"])
    array = load(tmp_path / "two.npz", task="regression").train
    assert (array.classes, array.targets.array.tolist()) == (("up", "down"), values.tolist())
    (tmp_path / "angles" / "north").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "angles" / "north" / "0.png")
    with pytest.raises(ValueError, match="expected numbers as labels, received 'north'"):
        load(tmp_path / "angles", task="regression")


def test_it_learns_numbers_of_very_different_size(run, numbers, rows):
    model = run.model()
    splits = run.parted(load(numbers, task="regression", label_column="mean,width", validation=0.25))
    assert splits.validation is not None
    found = evaluate(model, splits.validation)
    assert found.figures["r2"] > 0.7
    assert run.metrics[-1].evaluation["rmse"] == pytest.approx(found.figures["rmse"])
    answers = [one.data()["numbers"] for one in model.task.answers(model, splits.validation.images)]
    said = np.array([[one["mean"], one["width"]] for one in answers])
    truth = splits.validation.targets.array
    assert found.figures["r2"] == pytest.approx(sklearn.r2_score(truth, said), abs=1e-4)
    assert found.figures["mae"] == pytest.approx(sklearn.mean_absolute_error(truth, said), rel=1e-4)
    for number, each in enumerate(found.per_number):
        one = truth[:, number], said[:, number]
        assert each.r2 == pytest.approx(sklearn.r2_score(*one), abs=1e-4)
        assert each.rmse == pytest.approx(sklearn.root_mean_squared_error(*one), rel=1e-4)
    again = load_model(run.directory / "model.safetensors")
    assert again.task == model.task
    assert again.task.deviations == pytest.approx(splits.train.targets.array.std(0), rel=1e-5)


def test_counts_may_be_added_over_parts():
    task = Regression(("a", "b"), (5.0, -1.0), (2.0, 0.5))
    outputs, targets = torch.randn(30, 2), torch.randn(30, 2) * 3
    whole, parts = task.counts(), [task.counts(), task.counts()]
    whole.add(outputs, targets)
    parts[0].add(outputs[:7], targets[:7])
    parts[1].add(outputs[7:], targets[7:])
    added = [sum(tensors) for tensors in zip(*(part.tensors() for part in parts), strict=True)]
    one, other = task.measured(whole.tensors()), task.measured(added)
    assert dict(one.figures) == pytest.approx(dict(other.figures))
    assert one.figures["mae"] == pytest.approx(float((task.outcome(outputs) - targets).abs().mean()), rel=1e-5)


def test_the_same_number_everywhere_has_no_r2():
    task = Regression(("a",), (5.0,), (1.0,))
    counts = task.counts()
    counts.add(torch.ones(4, 1), torch.full((4, 1), 5.0))
    found = task.measured(counts.tensors())
    assert found.per_number[0].r2 is None
    assert np.isnan(found.figures["r2"])
    assert "a is the same everywhere, and has no R²" in found.sentence("x")


def test_the_rules_do_not_smooth_or_vary_and_say_so(numbers, tmp_path):
    splits = hold_out(load(numbers, task="regression", label_column="width"), 0.25)
    recipe = choose(parse("8x8x1: flatten, dense 1"), splits.train)
    assert recipe.label_smoothing == 0
    events = []
    quick = recipe.replace(epochs=3, threads=1)
    run = train(parse("8x8x1: flatten, dense 1"), splits, quick, tmp_path / "run", progress=events.append)
    assert run.recipe.augmentation == "none"
    assert any("images are not varied" in event.message for event in events if isinstance(event, Notice))
    with pytest.raises(ValueError, match="expected label_smoothing 0 with numbers"):
        train(run.network, splits, quick.replace(label_smoothing=0.1), tmp_path / "smooth")
    with pytest.raises(ValueError, match="expected balance 'none' with numbers"):
        train(run.network, splits, quick.replace(balance="weights"), tmp_path / "balance")
    assert len(resume(run.directory, splits, epochs=4).metrics) == 4


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("8x8x1: flatten, dense 1 sigmoid", "ends with sigmoid; end it with 'dense 1'"),
        ("8x8x1: flatten, dense 1 relu", "ends with relu; end it with 'dense 1'"),
        ("8x8x1: flatten, dense 2", "expected a network with 1 output, one a number"),
    ],
)
def test_networks_that_end_otherwise_are_refused(network, said, numbers, tmp_path):
    with pytest.raises(ValueError) as caught:
        train(parse(network), load(numbers, task="regression", label_column="mean"), RECIPE, tmp_path / "run")
    assert said in str(caught.value)


def test_numbers_are_brought_to_the_models_order():
    images, values = np.zeros((2, 8, 8, 1), np.uint8), np.array([[1, 2], [3, 4]], np.float32)
    found, told = align(Dataset(images, Numbers(values, ("Width", "mean"))), ("mean", "width"))
    assert (found.targets.array.tolist(), told) == ([[2, 1], [4, 3]], ())
    renamed, told = align(Dataset(images, Numbers(values, ("a", "b"))), ("mean", "width"))
    assert (renamed.classes, told) == (("mean", "width"), ("numbers by their order: a is mean, b is width",))
    with pytest.raises(ValueError, match="expected the numbers up, received Width, a"):
        align(Dataset(images, Numbers(values, ("Width", "a"))), ("up",))
    with pytest.raises(ValueError, match="expected finite numbers, received 1 others"):
        Dataset(images, Numbers(np.array([[1, np.nan], [0, 0]], np.float32), ("a", "b")))


def test_the_commands(folder, numbers, capsys, monkeypatch):
    monkeypatch.chdir(folder)

    def hubel(*line):
        capsys.readouterr()
        status = main([str(word) for word in line])
        return status, *capsys.readouterr()

    fast = ["--label-column", "width", "--epochs", 2, "--set", "threads=1", "--json"]
    status, out, err = hubel("train", "mlp", numbers, "--task", "regression", "--run", "zoo", *fast)
    assert (status, json.loads(out)["r2"] <= 1) == (0, True), err
    assert str(Run.open("zoo").network).endswith("dense 1")
    assert "Each number" in Path("zoo/report.html").read_text()
    status, out, _ = hubel("evaluate", "zoo", numbers, "--label-column", "width")
    assert (status, "R² on numbers.csv" in out) == (0, True)
    status, out, _ = hubel("predict", "run", "shots/0.png", "-o", "-")
    assert out.splitlines()[0] == "image,mean,width,error"
    status, _, err = hubel("predict", "run", "shots/0.png", "--threshold", 0.5)
    assert (status, "a threshold is of classes and labels" in err) == (2, True)
    status, out, _ = hubel("data", numbers, "--task", "regression", "--label-column", "mean,width", "--json")
    told = json.loads(out)
    assert (told["images"], told["classes"]) == (96, ["mean", "width"])
    assert any("held out" in note for note in told["notes"])
    line = ["sweep", "8x8x1: flatten, dense 1", numbers, "--task", "regression", "--label-column", "mean"]
    status, out, err = hubel(*line, "--trials", 1, "--epochs", 1, "--json")
    assert status == 0, err


def test_an_exported_file_answers_in_the_numbers_own_units(run, folder):
    onnxruntime = pytest.importorskip("onnxruntime")
    from hubel.export import onnx_model

    model = run.model()
    images = np.random.default_rng(1).integers(0, 255, (5, 8, 8, 1), dtype=np.uint8)
    session = onnxruntime.InferenceSession(onnx_model(model).SerializeToString())
    (found,) = session.run(["numbers"], {"image": images})
    said = [list(one.data()["numbers"].values()) for one in model.task.answers(model, images)]
    assert found == pytest.approx(np.array(said), rel=1e-4, abs=1e-3)
