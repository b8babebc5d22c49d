"""Another step than the supervised one: checkpoints, exact resume, signals and processes need no change for it."""

import signal
import time

import pytest
import torch

from hubel.arch import parse
from hubel.train import Run, RunError, evaluate, resume, train
from hubel.train.run.checkpoint import CheckpointStore
from tests.train.adversary import JUDGE, PLAIN, SPLITS, Adversarial
from tests.train.several import Forked, Several
from tests.work import HANG

WORKER = ["-m", "tests.train.adversary"]


def weights(directory):
    """What the last checkpoint holds: both networks and both optimizers."""
    return CheckpointStore(directory / "checkpoints").load(60).tensors


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    directory = tmp_path_factory.mktemp("clean") / "run"
    train(parse(JUDGE), SPLITS, PLAIN, directory, step=Adversarial)
    return directory


def started(directory):
    process = Forked([*WORKER, directory], {}, directory.with_name("log"))
    process.until_said("started")
    return process


def test_both_networks_are_kept_and_both_figures_told(clean):
    run = Run.open(clean)
    assert run.step == "adversarial"
    assert [set(row.training) for row in run.metrics] == [{"loss", "maker_loss"}] * 3
    assert run.metrics[-1].maker_loss > 0
    names = {name.rpartition(".")[0] for name in weights(clean)}
    assert {"network.dense1", "maker.dense1", "optimizer.1.maker.dense2.bias", "optimizer.0.dense1.weight"} <= names
    assert evaluate(run.model(), SPLITS.test).accuracy == run.metrics[-1].evaluation_accuracy > 0.9


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_run_goes_on_to_the_same_bits(number, clean, tmp_path):
    directory = tmp_path / "run"
    process = started(directory)
    end = time.monotonic() + HANG
    while not list((directory / "checkpoints").glob("step-0000001*.json")):
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(number)
    process.wait(HANG)
    assert ("stopped and saved" in process.said()) == (number == signal.SIGTERM)
    assert not Run.open(directory).is_finished
    assert resume(directory, SPLITS, step=Adversarial).is_finished
    assert equal(weights(directory), weights(clean))


def test_two_processes_train_it_as_well_and_alike(tmp_path):
    with Several.__new__(Several) as pair:
        pair.start(tmp_path, [[*WORKER, tmp_path / "run"]] * 2, (0, 0), {})
        for rank, process in enumerate(pair.processes):
            assert process.wait(timeout=HANG) == 0, pair.said(rank)
        assert [pair.said(0).split(), pair.said(1)] == [["started", "0"], ""]
    rows = Run.open(tmp_path / "run").metrics
    assert [row.step for row in rows] == [20, 40, 60]
    assert all(row.maker_loss > 0 for row in rows)


def test_a_run_goes_on_by_the_step_it_was_begun_by(clean, tmp_path):
    class StopError(Exception):
        pass

    def stop(event):
        if hasattr(event, "evaluated"):
            raise StopError

    with pytest.raises(StopError):
        train(parse(JUDGE), SPLITS, PLAIN, tmp_path / "run", step=Adversarial, progress=stop)
    with pytest.raises(RunError, match=r"the step 'adversarial', by which it was begun, received 'supervised'"):
        resume(tmp_path / "run", SPLITS)
