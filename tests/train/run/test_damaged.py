"""Files of a run that were changed or damaged: named with the place, or made again from what is whole."""

import dataclasses
import json
import os
import shutil

import pytest

from hubel.base.errors import HubelError
from hubel.base.model_file import WholenessWarning
from hubel.data import Splits
from hubel.train import CheckpointError, Run, RunError, resume, train
from hubel.train.run.checkpoint import CheckpointStore
from tests.train.quadrants import quadrants


@pytest.fixture(scope="module")
def whole(tmp_path_factory, network, recipe):
    directory = tmp_path_factory.mktemp("whole") / "run"
    train(network, Splits(quadrants(64, 0), test=quadrants(32, 1)), recipe.replace(epochs=3), directory)
    return directory


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def without_digest(text):
    return text.rpartition("# SHA-256")[0]


def test_settings_that_were_changed_are_refused_unless_that_was_meant(run):
    path = run / "run.toml"
    text = path.read_text()
    changed = text.replace("seed = 0", "seed = 1")
    assert changed != text
    path.write_text(changed)
    with pytest.raises(RunError, match=r"run\.toml: changed or damaged since it was written.*take its last line away"):
        Run.open(run)
    path.write_text(without_digest(changed))
    with pytest.warns(WholenessWarning, match="without a digest"):
        assert Run.open(run).recipe.seed == 1


ODD = [
    ('network_name = "', "network_name = 3 #", "expected network_name as a text, received int"),
    ("[data]\n", "[date]\n", "expected data.name, received none"),
    ("[environment]\n", "[environment]\nnumber = 3\n", "expected environment.number as a text"),
    ("training = 64", "training = 0", "expected training images"),
    ("training = 64", 'training = "64"', "expected data.examples.training as a whole number"),
    ("training = 64", "training = true", "expected data.examples.training as a whole number"),
    ("format = 1", "format = 7", "expected format 1, received 7"),
    ("format = 1", "format = [", "cannot be read"),
    ("seed = 0", "seed = -1", "expected seed from 0"),
    ("seed = 0", 'seed = 0\nunheard = "of"', "unknown setting 'unheard'"),
    ("maxpool 2", "maxpool 99", "MaxPooling2D expected an input"),
    ("conv 4 3x3", "conv 4 30000000", "HUBEL_MOST_ROWS"),
    ('"nw",', "7,", r"expected data.classes\[0\] as a text, received int"),
    ("preprocessing = ", "preprocessing = 3 #", "expected data.preprocessing as a text"),
    ('preprocessing = "{', 'preprocessing = "[', "cannot be read"),
]


@pytest.mark.filterwarnings("ignore::hubel.base.model_file.WholenessWarning")
@pytest.mark.parametrize(("old", "new", "words"), ODD, ids=[new for _, new, _ in ODD])
def test_an_odd_entry_is_named(run, old, new, words):
    path = run / "run.toml"
    text = without_digest(path.read_text())
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RunError, match=f"run.toml: .*{words}"):
        Run.open(run)


def same(one, other):
    return [repr(dataclasses.asdict(row)) for row in one] == [repr(dataclasses.asdict(row)) for row in other]


def test_figures_that_were_changed_are_taken_from_the_checkpoint(run):
    wanted = Run.open(run).metrics
    path = run / "metrics.csv"
    path.write_text(path.read_text().replace(str(wanted[1].loss), "0.25"))
    with pytest.warns(WholenessWarning, match=r"metrics\.csv: other figures than the newest checkpoint has"):
        assert same(Run.open(run).metrics, wanted)
    shutil.rmtree(run / "checkpoints")
    assert Run.open(run).metrics[1].loss == 0.25  # nothing else knows


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("epoch,", "epoche,", 1),
        lambda text: text.replace("\n1,", "\none,", 1),
        lambda text: text.replace("\n1,", "\n2,", 1),
        lambda text: text.replace("\n2,", "\n2000000000,", 1),
        lambda text: text.replace("\n1,", "\n1,,", 1),
        lambda text: text.replace("\n3,", "\n3\n", 1),
        lambda text: text + "x" * 200_000,
        lambda text: text.replace("\n1,", "\n\0,", 1),
    ],
)
def test_figures_that_cannot_be_read_are_named_with_their_line(run, change):
    path = run / "metrics.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(RunError, match=r"metrics\.csv: line [1-5] cannot be read"):
        _ = Run.open(run).metrics


def test_where_no_checkpoint_is_whole_that_is_said(run):
    (run / "model.safetensors").unlink()
    for path in (run / "checkpoints").glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"checkpoints: no checkpoint is whole.*SHA-256 does not match"):
        resume(run, Splits(quadrants(64, 0), test=quadrants(32, 1)))


@pytest.mark.parametrize("odd", ["step-1.json", "step-99999999x.json", "step-٣٣٣٣٣٣٣٣.json", "step-.json"])
def test_odd_files_beside_the_checkpoints_are_passed_over(run, odd):
    (run / "model.safetensors").unlink()
    (run / "checkpoints" / odd).write_text("{}")
    assert resume(run, Splits(quadrants(64, 0), test=quadrants(32, 1))).is_finished


def signed_anew(run, change):
    """Change what the newest checkpoint says, with digests that fit, as a stranger's hand would; it alone is left."""
    (run / "model.safetensors").unlink()
    store = CheckpointStore(run / "checkpoints", keep=1)
    saved, _ = store.load_latest()
    tensors, about = dict(saved.tensors), json.loads(json.dumps(saved.about))
    change(tensors, about)
    store.save(store.latest_step(), tensors, about)


SAID = [
    lambda about: about.update(history=True),
    lambda about: about.update(history=[0.5]),
    lambda about: about["history"][0].pop(0),
    lambda about: about["history"][0][1].__setitem__(1, ["a"]),
    lambda about: about["history"][1][0].__setitem__(0, {}),
    lambda about: about.update(step="../../x"),
    lambda about: about.update(step=-1),
    lambda about: about.update(best_epoch=99),
    lambda about: about.update(threads=2**31),
    lambda about: about.update(seconds=float("nan")),
    lambda about: about.pop("threads"),
]


@pytest.mark.parametrize("change", SAID, ids=range(len(SAID)))
def test_a_checkpoint_that_says_odd_things_is_refused_in_words(run, change):
    signed_anew(run, lambda _, about: change(about))
    assert len(Run.open(run).metrics) == 3
    with pytest.raises(CheckpointError, match=r"checkpoints: the newest checkpoint (says what|does not say)"):
        Run.open(run).model()
    with pytest.raises(CheckpointError, match="checkpoint"):
        resume(run, Splits(quadrants(64, 0), test=quadrants(32, 1)))


def test_weights_of_another_kind_in_a_checkpoint_are_refused(run):
    def doubled(tensors, _):
        tensors.update({name: each.double() for name, each in tensors.items() if name.endswith("weight")})

    signed_anew(run, doubled)
    with pytest.raises(RunError, match="does not hold the network's weights by their names and kinds"):
        Run.open(run).model()


@pytest.mark.parametrize("name", ["run.toml", "metrics.csv", "failure.toml"])
def test_a_pipe_in_the_place_of_a_runs_file_is_not_waited_for(run, name):
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    with pytest.raises(HubelError, match=f"{name}: .*expected a file, received a pipe or device"):
        str(Run.open(run))


def test_a_task_of_another_kind_is_refused_when_the_run_is_opened(run):
    path = run / "run.toml"
    path.write_text(without_digest(path.read_text()).replace('task = "classification"', "task = 1"))
    cannot = pytest.raises(RunError, match=r"run\.toml: what it says cannot be read")
    with pytest.warns(WholenessWarning, match="without a digest"), cannot:
        Run.open(run)


def test_a_checkpoint_of_another_network_is_not_taken(run, whole, tmp_path, recipe):
    from hubel.arch import parse

    other = tmp_path / "other"
    train(parse("8x8x1: flatten, dense 4 softmax"), Splits(quadrants(64, 0)), recipe.replace(epochs=1), other)
    (run / "model.safetensors").unlink()
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(other / "checkpoints", run / "checkpoints")
    with pytest.raises(HubelError, match="the newest checkpoint is not of this run"):
        resume(run, Splits(quadrants(64, 0), test=quadrants(32, 1)))
