"""Mistakes: every figure against the definition or another library's, and every index against its image."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Dataset, Preprocessing
from hubel.look.errors.mistakes import Mistakes, mistakes
from hubel.nn import build
from hubel.tasks import LoadedModel, evaluate, predict

NAMES = ("cat", "dog", "owl")


def answers(probabilities: list[list[float]], labels: list[int]) -> Mistakes:
    """Answers written by hand, to images that all are black."""
    given = np.array(probabilities, np.float32).reshape(-1, len(NAMES))
    dataset = Dataset(np.zeros((len(labels), 2, 2, 1), np.uint8), np.array(labels, np.int64), NAMES, "by hand")
    losses = -np.log(given[np.arange(len(labels)), dataset.labels].astype(np.float64))
    return Mistakes(dataset, given, losses)


@pytest.fixture(scope="module")
def random_answers() -> Mistakes:
    """A model of 90 % or so on three classes, with every tenth label wrong; the suspects are to be found."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 600)
    given = random.dirichlet((0.4, 0.4, 0.4), 600)
    given[np.arange(600), truth] += random.uniform(0.5, 4, 600)
    given /= given.sum(1, keepdims=True)
    labels = np.where(np.arange(600) % 10 == 0, (truth + 1) % 3, truth)
    return answers(given.tolist(), labels.tolist())


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    network = parse("6x6x3: conv 4 3x3 relu, flatten, dense 5 relu, dense 3 softmax")
    torch.manual_seed(0)
    return LoadedModel(network, build(network).eval(), Preprocessing(6, 6, 3, (0.5,) * 3, (0.25,) * 3), NAMES)


@pytest.fixture(scope="module")
def noise() -> Dataset:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (700, 6, 6, 3), np.uint8)
    return Dataset(images, random.integers(0, 3, 700), NAMES, "noise")


def test_one_pass_gives_what_predict_and_evaluate_give(model, noise):
    found = mistakes(model, noise)
    expected = evaluate(model, noise)
    np.testing.assert_allclose(found.probabilities, predict(model, noise.images).numpy(), atol=1e-6)
    assert found.probabilities.dtype == np.float32
    assert found.confusion.tolist() == [list(row) for row in expected.confusion]
    assert found.accuracy == expected.accuracy
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    for own, other in zip(found.per_class, expected.per_class, strict=True):
        assert (own.name, own.precision, own.recall) == (other.name, other.precision, other.recall)
        assert own.examples == other.examples


def test_a_loss_stays_exact_where_the_probability_is_nought(model, noise):
    bold = build(model.network).eval()
    with torch.no_grad():
        for parameter in bold.parameters():
            parameter.mul_(60)
    found = mistakes(LoadedModel(model.network, bold, model.preprocessing, NAMES), noise)
    zero = found.probabilities[np.arange(len(noise)), noise.labels] == 0
    assert zero.any()
    assert np.isfinite(found.losses).all()
    assert found.losses[zero].min() > 80


def test_the_module_keeps_its_mode(model, noise):
    model.module.train()
    mistakes(model, noise)
    assert model.module.training
    model.module.eval()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"classes": ("dog", "cat", "owl")}, "in its order"), ({"images": np.zeros((700, 5, 6, 3), np.uint8)}, "5×6×3")],
)
def test_another_set_is_refused(model, noise, change, words):
    fields = {"images": noise.images, "targets": noise.labels, "classes": noise.classes, "name": "noise"}
    with pytest.raises(ValueError, match=words):
        mistakes(model, Dataset(**(fields | change)))


def test_cells_hold_the_images_that_were_confused_the_surest_first():
    found = answers([[0.6, 0.3, 0.1], [0.9, 0.05, 0.05], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], [1, 1, 0, 1])
    assert found.confusion.tolist() == [[1, 0, 0], [2, 1, 0], [0, 0, 0]]
    assert found.cell(1, 0).tolist() == [1, 0]
    assert found.cell("dog", "cat").tolist() == [1, 0]
    assert found.cell("1", "1").tolist() == [3]
    assert found.cell(2, 2).tolist() == []
    assert found.confident_errors().tolist() == [1, 0]
    assert found.confident_errors(1).tolist() == [1]


@pytest.mark.parametrize("wrong", ["wolf", 3, -1, "7"])
def test_a_class_that_is_not_there_is_refused(wrong):
    with pytest.raises(ValueError, match="expected a class"):
        answers([[1, 0, 0]], [0]).cell(wrong, 0)


def test_f1_is_the_harmonic_mean_and_none_where_nothing_can_be_divided():
    found = answers([[0.6, 0.3, 0.1], [0.9, 0.1, 0], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], [0, 1, 0, 1])
    cat, dog, owl = found.per_class
    assert (cat.precision, cat.recall) == (2 / 3, 1)
    assert cat.f1 == pytest.approx(2 / (3 / 2 + 1))
    assert (dog.precision, dog.recall) == (1, 0.5)
    assert (owl.precision, owl.recall, owl.f1, owl.examples, owl.predicted) == (None, None, None, 0, 0)


def test_calibration_counts_bins_open_below_and_closed_above():
    # two bins: 0.5 belongs to the lower one
    found = answers([[0.5, 0.3, 0.2], [0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.9, 0.1, 0]], [0, 0, 0, 0]).calibration(2)
    assert found.counts.tolist() == [1, 3]
    assert found.confidence == pytest.approx([0.5, 0.8])
    assert found.accuracy == pytest.approx([1, 2 / 3])
    assert found.error == pytest.approx((1 * 0.5 + 3 * (0.8 - 2 / 3)) / 4)


def test_who_is_as_sure_as_right_has_no_calibration_error():
    rows = [[0.75, 0.25, 0]] * 4
    assert answers(rows, [0, 0, 0, 1]).calibration().error == pytest.approx(0)
    empty = answers(rows, [0, 0, 0, 1]).calibration(10)
    assert np.isnan(empty.accuracy[0])
    with pytest.raises(ValueError, match="at least 1 bin"):
        answers(rows, [0, 0, 0, 1]).calibration(0)


def test_nothing_is_said_of_no_images():
    none = answers([], [])
    assert np.isnan([none.accuracy, none.loss, none.calibration().error]).all()
    assert none.label_suspects().tolist() == none.confident_errors().tolist() == []
    assert none.confusion.sum() == 0


def test_wrong_labels_are_suspected(random_answers):
    suspects = random_answers.label_suspects()
    planted = suspects % 10 == 0
    assert planted.mean() > 0.6  # of all labels a tenth are wrong
    assert planted[:20].mean() > 0.9
    assert (random_answers.predicted[suspects] != random_answers.labels[suspects]).all()
    assert random_answers.label_suspects(5).tolist() == suspects[:5].tolist()


@pytest.mark.peers
def test_suspects_are_those_of_cleanlab(random_answers):
    from cleanlab import filter as filters

    expected = filters.find_label_issues(
        random_answers.labels,
        random_answers.probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin",
        n_jobs=1,
    )
    assert sorted(random_answers.label_suspects()) == sorted(expected)
    margins = random_answers.probabilities[np.arange(600), random_answers.labels] - random_answers.confidences
    np.testing.assert_allclose(margins[random_answers.label_suspects()], margins[expected], atol=1e-6)


def test_figures_are_those_of_scikit_learn(random_answers):
    from sklearn import metrics

    labels, predicted = random_answers.labels, random_answers.predicted
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, predicted)
    own = [(scores.precision, scores.recall, scores.f1) for scores in random_answers.per_class]
    np.testing.assert_allclose(own, np.stack([precision, recall, f1], 1))
    assert random_answers.loss == pytest.approx(metrics.log_loss(labels, random_answers.probabilities), rel=1e-5)


def test_a_cell_of_the_page_opens_its_own_images(digits_model, digits):
    found = mistakes(digits_model, digits.test)
    page = found.figure(name="digits").html()
    assert "://" not in page
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    sheet = np.asarray(
        Image.open(BytesIO(b64decode(re.search(r"--sheet:url\(data:image/png;base64,(.*?)\)", page)[1])))
    )
    wrong = found.confusion - np.diag(found.confusion.diagonal())
    true, called = np.unravel_index(wrong.argmax(), wrong.shape)
    places = data["cells"][f"{true},{called}"]
    assert data["counts"][f"{true},{called}"] == wrong.max()
    assert [data["rows"][place][0] for place in places] == found.cell(int(true), int(called))[:24].tolist()
    for place in places:
        index, *answers = data["rows"][place]
        row, column = divmod(place, data["columns"])
        shown = sheet[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
        np.testing.assert_array_equal(shown, digits.test.images[index, ..., 0])
        assert answers[0] == [called, pytest.approx(float(found.confidences[index]), abs=1e-4)]
        assert [share for _, share in answers] == sorted((share for _, share in answers), reverse=True)


def test_names_are_words_on_the_page_not_markup():
    dataset = Dataset(np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1]), ("<b>a</b>", "</script>"), "two")
    page = Mistakes(dataset, np.array([[0.2, 0.8], [0.4, 0.6]], np.float32), np.ones(2)).figure().html()
    assert "<b>" not in page
    assert page.count("</script>") == page.count("<script")


def test_of_many_classes_those_with_errors_are_shown():
    random = np.random.default_rng(0)
    labels = np.arange(400) % 200
    probabilities = np.eye(200, dtype=np.float32)[labels]
    probabilities[[7, 9]] = np.eye(200, dtype=np.float32)[[150, 151]]
    dataset = Dataset(random.integers(0, 256, (400, 4, 4, 1), np.uint8), labels, tuple(f"c{i}" for i in range(200)))
    page = Mistakes(dataset, probabilities, np.ones(400)).figure().html()
    assert 'data-cell="7,150"' in page
    assert 'data-cell="9,151"' in page
    assert "the 30 classes with the most errors, of 200" in page
    assert page.count('<th scope="row">') == 60  # of the matrix and of the table


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_the_command_writes_a_page(digits_run, tmp_path, ending, capsys):
    target = tmp_path / f"m.{ending}"
    assert main(["look", "mistakes", str(digits_run.directory), "--cell", "4,9", "-o", str(target)]) == 0
    assert target.stat().st_size > 10_000
    assert target.name in capsys.readouterr().out


def test_the_command_prints_figures(digits_run, capsys):
    assert main(["look", "mistakes", str(digits_run.directory), "--json", "--cell", "4,9"]) == 0
    data = json.loads(capsys.readouterr().out)
    (cell,) = data["cells"]
    assert len(cell["indices"]) == data["confusion"][4][9]
    assert sum(map(sum, data["confusion"])) == data["images"] == 10_000
    assert data["confident_errors"][0]["probability"] >= data["confident_errors"][1]["probability"]
    assert sum(one["images"] for one in data["calibration"]) == 10_000
    assert main(["look", "mistakes", str(digits_run.directory)]) == 0
    assert "taken for" in capsys.readouterr().out


@pytest.mark.parametrize(("cell", "words"), [("4", "IS,CALLED"), ("4,x", "expected a class")])
def test_a_cell_that_is_none_is_refused(digits_run, cell, words, capsys):
    assert main(["look", "mistakes", str(digits_run.directory), "--cell", cell]) == 2
    assert words in capsys.readouterr().err


def test_images_of_files_are_told_by_their_paths_in_lines_tables_data_and_pages():
    found = answers([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.1, 0.9, 0.0], [0.0, 0.2, 0.8]], [0, 1, 1, 2])
    paths = tuple(f"photos/{NAMES[label]}/{n}.png" for n, label in enumerate(found.labels))
    named = Mistakes(replace(found.dataset, paths=paths), found.probabilities, found.losses)
    assert any("surest errors: photos/dog/1.png (dog taken for cat, 80.0%)" in line for line in named.lines())
    assert named.data()["confident_errors"][0]["path"] == "photos/dog/1.png"
    (table,) = named.tables()
    suspect = "yes" if 1 in named.label_suspects() else ""
    assert table.rows == ((1, "photos/dog/1.png", "dog", "cat", 0.8, 0.1, suspect),)
    assert "photos/dog/1.png" in named.written(".html")
    assert "path" not in found.data()["confident_errors"][0]
    assert any("image 1 (dog taken for cat" in line for line in found.lines())


def test_the_command_writes_a_table(digits_run, tmp_path):
    assert main(["look", "mistakes", str(digits_run.directory), "-o", str(tmp_path / "wrong.csv")]) == 0
    head, *lines = (tmp_path / "wrong.csv").read_text().strip().splitlines()
    assert head == "index,path,label,predicted,probability,of label,label may be wrong"
    assert lines
