"""Several labels an image: read from every form of table, trained, measured, said."""

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
from hubel.data import Dataset, align
from hubel.look.attribution import integrated_gradients
from hubel.tasks import UnknownTaskError, evaluate, load, load_model, predict
from hubel.tasks.multilabel.metrics import histogram, metrics
from hubel.tasks.multilabel.targets import LabelSets
from hubel.train import Recipe, Run, train
from tests.tasks.tables import TAGS, pictures, table

NETWORK = "8x8x1: conv 8 3x3 relu, flatten, dense 3 sigmoid"
RECIPE = Recipe(epochs=25, learning_rate=0.01, batch_size=16, threads=1, precision="float32", augmentation="none")
LISTS = {"comma": ",", "semicolon": "; ", "bar": "|", "space": " ", "plus": "+"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tags")


@pytest.fixture(scope="module")
def rows(folder):
    return pictures(folder)


@pytest.fixture(scope="module")
def tags(folder, rows):
    return table(folder / "tags.csv", ["file", "tags"], rows, lambda r, h: ",".join(r[h]) if h == "tags" else r[h])


@pytest.fixture(scope="module")
def run(tags, folder):
    splits = load(tags, task="multilabel", validation=0.25)
    source = {"source": str(tags), "task": "multilabel", "validation": 0.25}
    return train(parse(NETWORK), splits, RECIPE, folder / "run", source=source)


def truth(rows, names=TAGS):
    return np.array([[bool(row[name]) for name in names] for row in rows], np.uint8)


def in_order(dataset, rows):
    """The rows of the pictures of a set, in its order."""
    own = {Path(row["file"]).name: row for row in rows}
    return [own[Path(path).name] for path in dataset.paths]


@pytest.mark.parametrize("how", LISTS)
def test_cells_with_several_labels(how, folder, rows):
    sign = LISTS[how]
    path = table(folder / f"{how}.csv", ["file", "tags"], rows, lambda r, h: sign.join(r[h]) if h == "tags" else r[h])
    found = load(path, task="multilabel")
    assert found.train.classes == TAGS
    assert found.train.targets.array.tolist() == truth(in_order(found.train, rows)).tolist()
    told = " ".join(found.notes)
    assert f"labels in tags stand apart by {sign.strip() or ' '!r}" in told
    assert "12 rows with an empty tags have none of the labels" in told
    with pytest.raises(ValueError, match=r"holds several labels in a cell .*--task multilabel"):
        load(path)


def test_lists_as_python_writes_them(folder, rows):
    path = table(folder / "python.csv", ["file", "tags"], rows, lambda r, h: r[h])
    assert load(path, task="multilabel").train.classes == TAGS


@pytest.mark.parametrize("words", [(1, 0), ("yes", "no"), ("True", "False"), ("1.0", "0.0")], ids=str)
def test_a_column_a_label(words, folder, rows):
    heads = ["file", "right", "left", "light", "mean"]

    def cell(row, head):
        return words[not row[head]] if head in TAGS else row[head]

    path = table(folder / "columns.csv", heads, rows, cell)
    found = load(path, task="multilabel")
    assert found.train.classes == ("right", "left", "light")
    own = truth(in_order(found.train, rows), found.train.classes)
    assert found.train.targets.array.tolist() == own.tolist()
    assert any("labels are the columns right, left, light" in note and "not used: mean" in note for note in found.notes)
    two = load(path, task="multilabel", label_column="left,right")
    assert two.train.classes == ("left", "right")


def test_columns_headed_as_labels_are_all_taken(folder, rows):
    heads = ["file", *(f"label_{tag}" for tag in TAGS)]
    path = table(folder / "headed.csv", heads, rows, lambda r, h: int(r[h[6:]]) if h != "file" else r[h])
    assert load(path, task="multilabel").train.classes == tuple(heads[1:])
    with pytest.raises(ValueError, match=r"say of every image which of several labels it has: --task multilabel"):
        load(path)


def test_folders_and_arrays(tmp_path):
    for name in ("cat+dog", "cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (8, 8), number * 9 + len(name)).save(tmp_path / "photos" / name / f"{number}.png")
    found = load(tmp_path / "photos", task="multilabel").train
    assert found.classes == ("cat", "dog")
    assert found.targets.class_counts().tolist() == [8, 8]
    flags = np.eye(3, dtype=np.uint8)[[0, 1, 2, 0]] | np.eye(3, dtype=np.uint8)[[1, 1, 2, 2]]
    np.savez(tmp_path / "rows.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=flags)
    array = load(tmp_path / "rows.npz", task="multilabel").train
    assert array.classes == ("output 1", "output 2", "output 3")
    assert array.targets.array.tolist() == flags.tolist()
    with pytest.raises(ValueError, match=r"one-hot rows.*--task multilabel rows of yes and no"):
        load(tmp_path / "rows.npz")


def test_wrong_flags_and_tasks_are_named(folder, rows):
    path = table(folder / "odd.csv", ["file", "left", "right"], rows, lambda r, h: r[h] if h == "file" else int(r[h]))
    path.write_text(path.read_text().replace("shots/3.png,1,0", "shots/3.png,maybe,0"))
    with pytest.raises(ValueError, match=r"line 5: expected yes or no \(1 or 0\) for left, received 'maybe'"):
        load(path, task="multilabel", label_column="left,right")
    with pytest.raises(ValueError, match=r"expected a column 'up', found file, left, right"):
        load(path, task="multilabel", label_column="left,up")
    with pytest.raises(UnknownTaskError, match="did you mean 'multilabel'"):
        load(path, task="multi-label")


def test_it_learns_and_says_what_it_is_measured_by(run, rows):
    model, splits = run.model(), run.parted(load(run.settings["data"]["source"]["source"], task="multilabel"))
    assert splits.validation is not None
    found = evaluate(model, splits.validation)
    assert found.figures["mean_average_precision"] > 0.95
    assert found.figures["f1"] > 0.9
    assert run.metrics[-1].evaluation["auc"] == found.figures["auc"]
    assert list(run.metrics[-1].evaluation) == ["loss", *(figure.name for figure in model.task.figures)]
    own = in_order(splits.validation, rows)
    answers = model.task.answers(model, splits.validation.images)
    right = [set(one.data()["labels"]) == set(row["tags"]) for one, row in zip(answers, own, strict=True)]
    assert np.mean(right) > 0.8
    assert load_model(run.directory / "model.safetensors").task == model.task


def test_the_figures_are_those_of_scikit_learn():
    random = torch.Generator().manual_seed(3)
    logits = torch.randn(200, 4, generator=random) * 3
    flags = (torch.rand(200, 4, generator=random) < torch.sigmoid(logits - 1)).to(torch.uint8)
    flags[:, 3] = 0
    counts = histogram(logits[:90], flags[:90]) + histogram(logits[90:], flags[90:])
    found = metrics(counts, torch.tensor(12.0), ("a", "b", "c", "d"))
    truth, said = flags.numpy(), (logits >= 0).numpy()
    for number, each in enumerate(found.per_label[:3]):
        one = truth[:, number], logits[:, number].numpy()
        assert each.average_precision == pytest.approx(sklearn.average_precision_score(*one), abs=2e-3)
        assert each.auc == pytest.approx(sklearn.roc_auc_score(*one), abs=2e-3)
        assert each.f1 == pytest.approx(sklearn.f1_score(truth[:, number], said[:, number]))
        assert each.precision == pytest.approx(sklearn.precision_score(truth[:, number], said[:, number]))
        assert each.recall == pytest.approx(sklearn.recall_score(truth[:, number], said[:, number]))
    assert found.absent == ("d",)
    assert found.per_label[3].average_precision is None
    assert found.macro["f1"] == pytest.approx(sklearn.f1_score(truth[:, :3], said[:, :3], average="macro"))
    assert found.micro["f1"] == pytest.approx(sklearn.f1_score(truth, said, average="micro"))
    assert found.right == pytest.approx((truth == said).mean())
    assert found.images == 200
    assert "no image has d" in found.sentence("x")


def test_labels_are_brought_to_the_models(run):
    images = np.zeros((3, 8, 8, 1), np.uint8)
    other = Dataset(images, LabelSets(np.array([[1, 0], [0, 1], [1, 1]], np.uint8), ("LEFT", "up")), name="others")
    found, told = align(other, TAGS)
    assert found.targets.array.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert told == ("labels that the model does not know, left out: up", "no image with light, right")
    strange = Dataset(images, LabelSets(np.ones((3, 1), np.uint8), ("up",)), name="others")
    with pytest.raises(ValueError, match="others: expected images with the labels left, light, right, received up"):
        align(strange, TAGS)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("8x8x1: flatten, dense 3 softmax", "ends with softmax; end it with 'dense 3 sigmoid'"),
        ("8x8x1: flatten, dense 3 relu", "ends with relu; end it with 'dense 3 sigmoid'"),
        ("8x8x1: flatten, dense 4 sigmoid", "expected a network with 3 outputs, one a label"),
    ],
)
def test_networks_that_end_otherwise_are_refused(network, said, tags, tmp_path):
    with pytest.raises(ValueError) as caught:
        train(parse(network), load(tags, task="multilabel"), RECIPE, tmp_path / "run")
    assert said in str(caught.value)


def test_the_commands(folder, tags, rows, capsys, monkeypatch):
    monkeypatch.chdir(folder)

    def hubel(*line):
        capsys.readouterr()
        status = main([str(word) for word in line])
        said = capsys.readouterr()
        assert status == 0, said.err
        return said.out

    fast = ["--epochs", 2, "--set", "threads=1", "--json"]
    made = json.loads(hubel("train", "mlp", tags, "--task", "multilabel", "--run", "zoo", *fast))
    assert 0 <= made["mean_average_precision"] <= 1
    assert str(Run.open("zoo").network).endswith("dense 3 sigmoid")
    assert "Each label" in Path("zoo/report.html").read_text()
    assert "mean average precision on tags.csv validation" in hubel("evaluate", "zoo")
    heads = ["file", "right", "left", "light"]
    columns = table(folder / "flags.csv", heads, rows, lambda r, h: r[h] if h == "file" else int(r[h]))
    found = json.loads(hubel("evaluate", "zoo", columns, "--json"))
    assert [each["name"] for each in found["per_label"]] == list(TAGS)
    lines = hubel("predict", "run", "shots/0.png", "shots/7.png", "-o", "-").splitlines()
    assert lines[0] == "image,labels,probability of left,probability of light,probability of right,error"
    assert lines[1].startswith("shots/0.png,,0.")
    assert sorted(lines[2].split(",")[1].split(";")) == list(TAGS)
    all_of_them = json.loads(hubel("predict", "run", "shots/0.png", "--threshold", "0.000001", "--json"))
    assert sorted(all_of_them[0]["labels"]) == list(TAGS)
    told = json.loads(hubel("data", tags, "--task", "multilabel", "--json"))
    assert (told["images"], told["classes"], told["counts"]["train"]) == (96, list(TAGS), [48, 48, 48])


def test_an_exported_file_answers_with_each_labels_probability(run):
    onnxruntime = pytest.importorskip("onnxruntime")
    from hubel.export import onnx_model

    model = run.model()
    images = np.random.default_rng(1).integers(0, 255, (5, 8, 8, 1), dtype=np.uint8)
    session = onnxruntime.InferenceSession(onnx_model(model).SerializeToString())
    (found,) = session.run(["probabilities"], {"image": images})
    said = [one.probabilities for one in model.task.answers(model, images)]
    assert found == pytest.approx(np.array(said), abs=1e-5)


def test_attributions_are_asked_for_labels(run):
    model = run.model()
    image = np.zeros((8, 8), np.uint8)
    image[:, :2] = 200
    found = integrated_gradients(model, image, classes=TAGS)
    assert "the label's logit" in found.about
    said = dict(zip(TAGS, predict(model, model.preprocessing.prepare(image)[None]).tolist()[0], strict=True))
    for each in found.maps[0]:
        assert each.probability == pytest.approx(said[each.class_name], abs=1e-5)
        assert each.predicted == (each.probability >= 0.5)
    left = found.maps[0][TAGS.index("left")]
    assert left.signed[:, :2].sum() > abs(left.signed[:, 4:].sum())
    assert not left.magnitude[:, 4:].max() > left.magnitude[:, :2].max()
