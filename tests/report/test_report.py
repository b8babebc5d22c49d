"""The page as a file: what stands in it, that nothing breaks out of it, that it is small and always the same."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hubel import zoo
from hubel.cli import main
from hubel.data import Dataset, load
from hubel.report import write_report
from hubel.tasks import evaluate
from hubel.train import Recipe, Run, RunError, train
from tests.report.runs import NASTY, make_run


class Page(HTMLParser):
    """A page as a browser reads it: JSON by its name, words that can be read, headings, elements."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.words, self.elements = path.read_text(encoding="utf-8"), "", []
        self.data: dict[str, Any] = {}
        self._within: list[tuple[str, dict[str, str | None]]] = []
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, attributes = self._within[-1] if self._within else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.data[str(attributes["id"])] = json.loads(data)
        elif tag not in ("script", "style"):
            self.words += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("nasty"), NASTY)


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return Page(write_report(run))


def test_the_page_lies_in_the_run_and_is_the_same_each_time(run: Run, page: Page, tmp_path: Path) -> None:
    assert (run.directory / "report.html").read_text(encoding="utf-8") == page.text
    again = write_report(run, tmp_path / "deep" / "again.html")
    assert again.read_text(encoding="utf-8") == page.text


def test_the_figures_are_those_of_evaluate(run: Run, page: Page) -> None:
    test = load(**run.settings["data"]["source"]).test
    metrics = evaluate(run.model(), test)
    assert f"{metrics.accuracy:.2%}" in page.words
    confusion = np.zeros((4, 4), int)
    for true, predicted, count in page.data["images"]["confusion"]:
        confusion[true, predicted] = count
    assert confusion.tolist() == [list(row) for row in metrics.confusion]
    for own in metrics.per_class:
        assert f"{own.precision:.2%}" in page.words
        assert f"{own.recall:.2%}" in page.words


def test_every_mistake_of_a_small_set_is_there_with_its_probabilities(run: Run, page: Page) -> None:
    from hubel.tasks import predict

    test = load(**run.settings["data"]["source"]).test
    probabilities = predict(run.model(), test.images).numpy()
    wrong = np.flatnonzero(probabilities.argmax(1) != test.labels)
    images = page.data["images"]
    assert len(wrong)
    assert set(wrong.tolist()) <= set(images["index"])
    for index, label, told in zip(images["index"], images["label"], images["probabilities"], strict=True):
        assert label == test.labels[index]
        for name, share in zip(told[::2], told[1::2], strict=True):
            assert share == pytest.approx(probabilities[index, name], abs=1e-3)
        assert told[0] == probabilities[index].argmax()
        assert label in told[::2]


def test_names_cannot_break_out_of_the_page(page: Page) -> None:
    assert page.data["images"]["classes"] == list(NASTY)
    for name in NASTY:
        assert name in page.words
    assert "<script>document" not in page.text
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert all(attributes.get("type") in ("application/json", "module") for attributes in scripts)


def test_the_page_may_go_nowhere(page: Page) -> None:
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    allowed = {kind: set(sources) for kind, *sources in map(str.split, policy.split(";"))}
    assert allowed.pop("img-src") == {"data:"}
    hashes = [allowed.pop(kind) for kind in ("script-src", "style-src")]
    assert all(len(own) == 1 and next(iter(own)).startswith("'sha256-") for own in hashes)
    assert set(map(tuple, allowed.values())) == {("'none'",)}
    assert not [attributes for _, attributes in page.elements if "style" in attributes]
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "poster", "srcset"):
            address = attributes.get(name) or ""
            assert address.startswith(("data:", "#")) or not address, (tag, address)


def test_every_layer_tells_its_formulas_weights_and_filters(run: Run, page: Page) -> None:
    layers = page.data["layers"]
    rows = {row["title"].partition(":")[0]: row for row in layers["rows"]}
    written = layers["formulas"][rows["conv1"]["formulas"]]
    assert ["parameters", "(3·3·3 + 1)·6 = 168"] in [formula[:2] for formula in written]
    assert ["parameters", "168"] in [fact[:2] for fact in rows["conv1"]["facts"]]
    assert "162 weights" in rows["conv1"]["weights"]["words"]
    assert "red, green and blue" in rows["conv1"]["filters"]["caption"]
    assert "6 input channels" in rows["conv2"]["filters"]["caption"]
    assert "filters" not in rows["dense1"]
    assert "weights" not in rows["pool1"]


def test_words_a_learner_may_not_know_are_explained_where_they_stand(page: Page) -> None:
    meanings = dict(re.findall(r'<abbr title="([^"]+)"[^>]*>([^<]+)</abbr>', page.text))
    words = {word: meaning for meaning, word in meanings.items()}
    assert {"MACs", "F1", "one-cycle", "label smoothing", "ema"} <= words.keys()
    assert words["MACs"].startswith("Multiply-adds")
    # the recipe's numeric precision is not that of a class
    assert re.search(r'scope="row">precision</th><td>float32', page.text)


def test_it_says_how_it_was_made_without_where_the_data_lies(run: Run, page: Page) -> None:
    assert str(run.directory.parent) not in page.text
    for told in (run.settings["data"]["fingerprint"], run.settings["environment"]["torch"], "corners.npz"):
        assert told in page.words
    line = next(line for line in page.words.splitlines() if line.startswith("hubel train"))
    assert line.endswith(" corners.npz --recipe run/run.toml")  # which lies beside the run's folder
    assert run.network_text in line
    assert "beside the run's folder:" in page.words


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        ("project", "../a.npz", "beside the run's folder:"),
        ("", "../../a.npz", "beside the run's folder:"),
        ("secret", "a.npz", "beside the run's folder, with where a.npz lies in place of its name:"),
    ],
)
def test_the_line_that_trains_again_works_where_it_says(data: str, name: str, words: str, tmp_path: Path) -> None:
    """Data in a folder that the run lies in is found from there; of all else the name alone is told."""
    for folder in (tmp_path / "project" / "runs", tmp_path / data):
        folder.mkdir(parents=True, exist_ok=True)
    place = tmp_path / data / "a.npz"
    page = Page(write_report(make_run(tmp_path / "project" / "runs", ("one", "two"), 1, 64, data=place)))
    line = next(line for line in page.words.splitlines() if line.startswith("hubel train"))
    assert line.endswith(f" {name} --recipe run/run.toml")
    assert words in page.words
    assert "secret" not in page.words


def test_a_network_of_the_zoo_is_named_in_the_line_that_runs_it_again(tmp_path: Path) -> None:
    mnist = load("mnist")
    splits = type(mnist)(mnist.train.take(np.arange(640)), test=mnist.test)
    recipe = Recipe(epochs=1, threads=1, precision="float32", memory_format="channels-last")
    run = train(zoo.get("lenet5"), splits, recipe, tmp_path / "first", source={"source": "mnist"})
    path = write_report(run, dataset=mnist.test)
    page = Page(path)
    assert "hubel train lenet5 mnist --recipe first/run.toml" in page.words
    assert len(page.data["images"]["confusion"]) > 50  # this model hardly knows anything: the largest page of its kind
    assert path.stat().st_size < 3e6


def test_a_hundred_classes(tmp_path: Path) -> None:
    run = make_run(tmp_path, tuple(f"class {number}" for number in range(100)), epochs=1, size=600)
    images = Page(write_report(run)).data["images"]
    assert len(images["classes"]) == 100
    assert sum(count for _, _, count in images["confusion"]) == 300
    assert all(len(told) <= 22 for told in images["probabilities"])


def test_without_its_images_the_page_says_so(run: Run, tmp_path: Path) -> None:
    data = Path(run.settings["data"]["source"]["source"])
    moved = data.rename(tmp_path / "elsewhere.npz")
    try:
        page = Page(write_report(run, tmp_path / "report.html"))
    finally:
        moved.rename(data)
    assert "images" not in page.data
    assert "could not be read" in page.words
    assert "layers" in page.data
    assert f"{run.metrics[-1].evaluation_accuracy:.2%}" in page.words
    assert str(tmp_path) not in page.text


def test_the_command_says_why_there_are_no_images(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = Path(run.settings["data"]["source"]["source"])
    moved = data.rename(tmp_path / "elsewhere.npz")
    try:
        assert main(["report", str(run.directory), "-o", str(tmp_path / "page.html")]) == 0
    finally:
        moved.rename(data)
    assert "corners.npz" in capsys.readouterr().err
    assert "images" not in Page(tmp_path / "page.html").data


def test_images_of_one_class_and_none_wrong(run: Run, tmp_path: Path) -> None:
    test = load(**run.settings["data"]["source"]).test
    page = Page(write_report(run, tmp_path / "one.html", dataset=test.take(np.flatnonzero(test.labels == 3)[:5])))
    assert len(page.data["images"]["index"]) == 5


def test_images_that_do_not_fit_are_refused(run: Run, tmp_path: Path) -> None:
    other = Dataset(np.zeros((2, 8, 8, 3), np.uint8), np.zeros(2, np.int64), NASTY)
    with pytest.raises(ValueError, match="expected images of 16×16×3"):
        write_report(run, tmp_path / "no.html", dataset=other)
    assert not (tmp_path / "no.html").exists()


def test_a_run_without_a_checkpoint_has_no_report(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes((run.directory / "run.toml").read_bytes())
    with pytest.raises(RunError, match="there is no model yet"):
        write_report(Run.open(tmp_path))


def test_the_command_writes_it_elsewhere_and_for_other_data(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(run.settings["data"]["source"]["source"])
    other = tmp_path / "other.npz"
    with np.load(data) as arrays:
        np.savez(other, images=arrays["x_test"][:20], labels=arrays["y_test"][:20], classes=arrays["classes"])
    assert main(["report", str(run.directory), str(other), "-o", str(tmp_path / "page.html")]) == 0
    assert "page.html" in capsys.readouterr().out
    assert len(Page(tmp_path / "page.html").data["images"]["index"]) == 20


def test_a_figure_that_no_epoch_has_has_no_chart(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def charts() -> set[str]:
        page = Page(write_report(run, tmp_path / "page.html"))
        return set(re.findall(r"<figcaption>(\w+)", page.text))

    every, rows = charts(), run.metrics
    for row in rows:
        for figures in (row.training, row.evaluation):
            assert isinstance(figures, dict)
            figures["accuracy"] = float("nan")
    monkeypatch.setattr(Run, "metrics", rows)
    assert {"Loss", "Accuracy"} <= every
    assert every - charts() == {"Accuracy"}


def test_training_writes_it_and_survives_when_it_cannot(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = run.settings["data"]["source"]["source"]
    line = ["train", run.network_text, data, "--epochs", "1", "--set", "threads=1"]
    assert main([*line, "--run", str(tmp_path / "with")]) == 0
    assert (tmp_path / "with" / "report.html").exists()
    assert "report.html" in capsys.readouterr().out
    assert main([*line, "--run", str(tmp_path / "without"), "--no-report"]) == 0
    assert not (tmp_path / "without" / "report.html").exists()
    capsys.readouterr()
    (tmp_path / "barred" / "report.html").mkdir(parents=True)  # a folder where the file would go
    assert main([*line, "--run", str(tmp_path / "barred")]) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "the report was not written" in said
    assert "hubel report" in said
    assert (tmp_path / "barred" / "model.safetensors").exists()


def test_a_network_too_large_to_run_in_the_page_shows_its_maps_and_where_it_looked(tmp_path: Path) -> None:
    network = "16x16x3: conv 8 3x3 same, relu, conv 8 3x3, relu, flatten, dense 1000 relu, dense {classes} softmax"
    run = make_run(tmp_path, NASTY, epochs=1, network=network)
    page = Page(write_report(run))
    assert "live-data" not in page.data
    assert "hubel/view/engine/model" not in page.text
    assert "expected at most 1,500,000 parameters" in page.words
    assert "conv2 · conv 8 3x3 · 14×14×8" in page.words
    assert "taken for " in page.words
    assert " with " in page.words
    alternatives = [attributes["alt"] for tag, attributes in page.elements if tag == "img"]
    assert "maps of conv1" in alternatives
