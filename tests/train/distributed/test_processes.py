"""Several processes under torchrun: the same training, and no work lost when one of them dies."""

import datetime
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hubel.arch import parse
from hubel.train import Run, train
from hubel.train.distributed import rendezvous
from hubel.train.run.checkpoint import CheckpointStore
from tests.train.quadrants import PLAIN
from tests.work import HANG

ROOT = Path(__file__).parents[3]
EPOCHS = 4


COMMAND = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=5"]
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


def together(directory, **environment):
    return subprocess.run(
        [*COMMAND, "--monitor-interval=0.1", "-m", "tests.train.worker", directory, str(EPOCHS), "plain"],
        env={**os.environ, **ENVIRONMENT, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG,
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    directory = tmp_path_factory.mktemp("two") / "run"
    done = together(directory)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("started 0") == 1  # the first process speaks, the other is silent
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
    done = together(directory, DIE="1")
    assert done.returncode == 0, done.stdout
    starts = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("started")]
    assert len(starts) == 2
    assert starts[1] >= 32
    assert (directory / "model.safetensors").read_bytes() == (clean / "model.safetensors").read_bytes()
    tensors, wanted = (CheckpointStore(each / "checkpoints").load_latest()[0].tensors for each in (directory, clean))
    assert tensors.keys() == wanted.keys()
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)


def test_a_process_that_hangs_after_a_restart_is_noticed_and_all_go_on(clean, tmp_path):
    assert datetime.timedelta(seconds=45) >= rendezvous._PATIENCE  # a minute, with time to spare; here, 5 seconds
    directory, log = tmp_path / "run", tmp_path / "log"
    with open(log, "w") as said:
        process = subprocess.Popen(
            [*COMMAND, "--monitor-interval=0.1", "-m", "tests.train.worker", directory, str(EPOCHS), "plain"],
            env={**os.environ, **ENVIRONMENT, "DIE": "0", "HANG": "1", "PATIENCE": "5"},
            cwd=ROOT,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        assert process.wait(timeout=HANG) == 0, log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    said = log.read_text().partition("stands still")[2]
    assert "LostProcessError" in said
    assert "closing signal SIGTERM" in said
    assert (directory / "model.safetensors").read_bytes() == (clean / "model.safetensors").read_bytes()
