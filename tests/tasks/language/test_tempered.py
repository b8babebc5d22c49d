"""A model that is too sure of itself, once it is trained: its scores are divided, and that is told."""

import json
import random
import shutil

import pytest
import torch

from hubel.arch import parse
from hubel.tasks import evaluate, load
from hubel.train import Run, resume, train
from hubel.train.loop.measuring import Measuring
from hubel.train.run.checkpoint import CheckpointStore
from tests.command import hubel as hubel_command
from tests.tasks.language.rhymes import NETWORK as RHYMES
from tests.tasks.language.rhymes import TEXT
from tests.tasks.language.test_language import RECIPE

# letters drawn by chance: what is learnt of them is learnt by heart
LETTERS = "".join(random.Random(0).choices("abcdef", k=6_000))
SURE = RECIPE.replace(epochs=40, keep="last")
NETWORK = "16: embed 6 8, concat(lstm 24 sequences | lstm 24 sequences), spatialdropout1d 0.1, dense 6"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "letters.txt"
    path.write_text(LETTERS)
    return {"source": str(path), "size": [16, 1], "validation": 0.2}


@pytest.fixture(scope="module")
def splits(source):
    return load(source["source"], size=(16, 1), validation=0.2)


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def run(source, splits, heard, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "sure"
    return train(parse(NETWORK), splits, SURE, folder, source=source, progress=heard.append)


def raw(run):
    """The last layer's weights as training left them."""
    saved, _ = CheckpointStore(run.directory / "checkpoints").load_latest()
    return next(tensor for name, tensor in saved.tensors.items() if name.endswith("network.dense1.weight"))


def test_its_last_layer_is_divided_and_its_figures_are_those_of_the_divided(run, splits, heard):
    found = run.settings["tempered"]
    assert found["temperature"] > 1.2
    assert torch.allclose(run.model().module.dense1.weight * found["temperature"], raw(run), rtol=1e-5)
    bits = evaluate(run.model(), splits.validation).bits
    assert bits == pytest.approx(found["divided"], rel=1e-4)
    assert bits < 0.97 * run.metrics[-1].evaluation_bits
    assert found["as_they_are"] == run.metrics[-1].evaluation_bits
    assert run.kept.evaluation["bits"] == pytest.approx(bits, rel=1e-4)
    told = [each.message for each in heard if "scores are divided by" in getattr(each, "message", "")]
    assert len(told) == 1
    assert "too sure, as the first 12% of the validation part tell" in told[0]


def test_the_commands_say_so(run):
    told = hubel_command("evaluate", run.directory)
    assert f"{run.settings['tempered']['divided']:.4f}" in told.stdout
    again = hubel_command("train", "--resume", run.directory, "--json")  # finished: told once more
    assert json.loads(again.stdout)["tempered"] == run.settings["tempered"]
    report = hubel_command("report", run.directory)
    assert report.returncode == 0, report.stderr
    assert "scores are divided by" in (run.directory / "report.html").read_text(encoding="utf-8")


def test_who_goes_on_goes_on_from_what_was_trained(run, splits, tmp_path):
    folder = tmp_path / "further"
    shutil.copytree(run.directory, folder)
    further = resume(folder, splits, epochs=41)
    found = further.settings["tempered"]
    assert torch.allclose(further.model().module.dense1.weight * found["temperature"], raw(further), rtol=1e-5)
    # and as if it had had so many epochs to go from there on in one sitting
    assert found["as_they_are"] == further.metrics[-1].evaluation_bits


def test_one_that_is_not_too_sure_stays_as_it_is(tmp_path):
    (tmp_path / "rhyme.txt").write_text(TEXT)
    splits = load(tmp_path / "rhyme.txt", size=(16, 1), validation=0.1)
    run = train(parse(RHYMES), splits, RECIPE.replace(epochs=1), tmp_path / "run")
    assert "tempered" not in run.settings
    assert torch.equal(run.model().module.dense1.weight, raw(run))


def test_without_a_validation_part_nothing_is_divided(source, tmp_path):
    splits = load(source["source"], size=(16, 1))
    run = train(parse(NETWORK), splits, SURE.replace(epochs=2), tmp_path / "all", validation=0.0)
    assert "tempered" not in Run.open(run.directory).settings


def test_nor_where_the_network_ends_with_something_else(source, splits, tmp_path):
    network = parse("16: embed 6 8, lstm 24 sequences, dense 6, log_softmax")
    run = train(network, splits, SURE, tmp_path / "other", source=source)
    assert "tempered" not in run.settings
    assert evaluate(run.model(), splits.validation).bits == pytest.approx(run.metrics[-1].evaluation_bits, rel=1e-4)


def test_nothing_is_divided_where_the_share_says_so_and_the_whole_does_not(splits, source, tmp_path, monkeypatch):
    inside, tempered, call = [], Measuring.tempered, Measuring.__call__

    def marked(self, weights):
        inside.append(True)
        return tempered(self, weights)

    monkeypatch.setattr(Measuring, "tempered", marked)
    monkeypatch.setattr(
        Measuring, "__call__", lambda self, *given: {**call(self, *given), **({"bits": 99.0} if inside else {})}
    )
    run = train(parse(NETWORK), splits, SURE.replace(epochs=15), tmp_path / "run", source=source)
    assert inside
    assert "tempered" not in run.settings
    assert torch.equal(run.model().module.dense1.weight, raw(run))
    assert run.model().summary["validation"]["bits"] == run.metrics[-1].evaluation_bits
