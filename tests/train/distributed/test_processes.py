"""Several processes under torchrun: the same training, and no work lost when one of them dies."""

import datetime
import signal

import pytest
import torch

from hubel.arch import parse
from hubel.train import Run, train
from hubel.train.distributed import rendezvous
from hubel.train.run.checkpoint import CheckpointStore
from tests.train.quadrants import PLAIN
from tests.train.several import Forked
from tests.work import HANG

EPOCHS = 4


COMMAND = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=5"]


def started(directory, **environment):
    line = [*COMMAND, "--monitor-interval=0.1", "-m", "tests.train.worker", directory, EPOCHS, "plain"]
    return Forked(line, {"OMP_NUM_THREADS": "1", **environment}, directory.with_name("log"))


def ended(process):
    """What it said, once it has ended well."""
    assert process.wait(HANG) == 0, process.said()
    return process.said()


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    directory = tmp_path_factory.mktemp("two") / "run"
    assert ended(started(directory)).count("started 0") == 1  # the first process speaks, the other is silent
    return directory


def test_two_processes_train_as_one_does(clean, splits, recipe, tmp_path):
    eager = recipe.replace(epochs=EPOCHS, ema=0.95, checkpoint_seconds=0)
    alone = train(parse(PLAIN), splits, eager, tmp_path / "run").model().module.state_dict()
    both = Run.open(clean).model().module.state_dict()
    for name, tensor in alone.items():
        torch.testing.assert_close(both[name], tensor, rtol=1e-3, atol=1e-4)
    assert [row.step for row in Run.open(clean).metrics] == [20, 40, 60, 80]


def test_after_a_process_is_killed_all_go_on_to_the_same_bits(clean, tmp_path):
    directory = tmp_path / "run"
    said = ended(started(directory, DIE="1"))
    starts = [int(line.split()[1]) for line in said.splitlines() if line.startswith("started")]
    assert len(starts) == 2
    assert starts[1] >= 32
    assert (directory / "model.safetensors").read_bytes() == (clean / "model.safetensors").read_bytes()
    tensors, wanted = (CheckpointStore(each / "checkpoints").load_latest()[0].tensors for each in (directory, clean))
    assert tensors.keys() == wanted.keys()
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)


def test_a_process_that_hangs_after_a_restart_is_noticed_and_all_go_on(clean, tmp_path):
    assert datetime.timedelta(seconds=45) >= rendezvous._PATIENCE  # a minute, with time to spare; here, 5 seconds
    directory = tmp_path / "run"
    process = started(directory, DIE="0", HANG="1", PATIENCE="5")
    try:
        said = ended(process).partition("stands still")[2]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(HANG)
    assert "LostProcessError" in said
    assert "closing signal SIGTERM" in said
    assert (directory / "model.safetensors").read_bytes() == (clean / "model.safetensors").read_bytes()
