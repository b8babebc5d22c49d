"""Processes that torchrun would start, started here one by one: what each does when another differs, ends or hangs."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hubel.arch import parse
from hubel.train import EpochMetrics, train
from tests.train.quadrants import PLAIN

ROOT = Path(__file__).parents[2]


class Pair:
    """Two processes that train in one folder. restarts: how often each is told that it was started again."""

    def __init__(self, directory, epochs, restarts=(0, 0)):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.logs = [directory.parent / f"log{rank}" for rank in (0, 1)]
        self.processes = []
        for rank, (log, count) in enumerate(zip(self.logs, restarts, strict=True)):
            settings = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 1, "OMP_NUM_THREADS": 1}
            settings |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RESTART_COUNT": count}
            with open(log, "w") as said:
                command = [sys.executable, "-m", "tests.train.worker", directory, str(epochs), "plain"]
                environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
                self.processes.append(
                    subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
                )

    def said(self, rank):
        return self.logs[rank].read_text()

    def until_trained(self):
        end = time.monotonic() + 60
        while "started" not in self.said(0):
            assert time.monotonic() < end, self.said(0)
            assert self.processes[0].poll() is None, self.said(0)
            time.sleep(0.02)
        time.sleep(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def begun(splits, recipe, tmp_path):
    """The folder of a run that was stopped after one epoch of two."""

    class StopError(Exception):
        pass

    def listen(event):
        if isinstance(event, EpochMetrics):
            raise StopError

    with pytest.raises(StopError):
        train(parse(PLAIN), splits, recipe.replace(epochs=2), tmp_path / "run", progress=listen)
    return tmp_path / "run"


def test_machines_that_count_their_restarts_differently_go_on_together(begun):
    with Pair(begun, 2, (0, 1)) as pair:
        for rank, process in enumerate(pair.processes):
            assert process.wait(timeout=50) == 0, pair.said(rank)
        assert pair.said(0).split()[:2] == ["started", "20"]  # not from the beginning
    assert (begun / "model.safetensors").exists()


def test_where_the_first_process_refuses_to_begin_the_other_ends_too(begun):
    with Pair(begun, 2) as pair:
        assert pair.processes[1].wait(timeout=50) != 0
        assert "the first process could not begin" in pair.said(1)
        assert pair.processes[0].wait(timeout=50) != 0
        assert "there is a run already" in pair.said(0)


def test_a_process_that_lost_another_says_so_and_ends(tmp_path):
    with Pair(tmp_path / "run", 1000) as pair:
        pair.until_trained()
        pair.processes[1].kill()
        assert pair.processes[0].wait(timeout=20) == 1
        assert "LostProcessError: another process of this training ended or hangs" in pair.said(0)


def test_one_that_is_asked_to_end_does_so_at_once_when_there_is_nobody_to_save_with(tmp_path):
    with Pair(tmp_path / "run", 1000) as pair:
        pair.until_trained()
        pair.processes[1].send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        pair.processes[0].send_signal(signal.SIGTERM)  # it waits for the other, and takes this for a wish to be saved
        time.sleep(0.3)
        assert pair.processes[0].poll() is None
        pair.processes[1].kill()
        assert pair.processes[0].wait(timeout=20) == -signal.SIGTERM
