"""Processes that torchrun would start, started here one by one: what each does when another differs, ends or hangs."""

import signal
import time

import pytest

from hubel.arch import parse
from hubel.train import EpochMetrics, train
from hubel.train.run.checkpoint import CheckpointStore
from tests.train.quadrants import PLAIN
from tests.train.several import Several
from tests.work import HANG


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
    with Several(begun, 2, (0, 1)) as pair:
        for rank, process in enumerate(pair.processes):
            assert process.wait(timeout=HANG) == 0, pair.said(rank)
        assert pair.said(0).split()[:2] == ["started", "20"]  # not from the beginning
    assert (begun / "model.safetensors").exists()


def test_where_the_first_process_refuses_to_begin_the_other_ends_too(begun):
    with Several(begun, 2) as pair:
        assert pair.processes[1].wait(timeout=HANG) != 0
        assert "the first process could not begin" in pair.said(1)
        assert pair.processes[0].wait(timeout=HANG) != 0
        assert "there is a run already" in pair.said(0)


def test_a_process_that_lost_another_says_so_and_ends(tmp_path):
    with Several(tmp_path / "run", 1000) as pair:
        pair.until_trained()
        pair.processes[1].kill()
        assert pair.processes[0].wait(timeout=HANG) == 1
        assert "LostProcessError: another process of this training ended or hangs" in pair.said(0)


def test_one_that_is_asked_to_end_does_so_when_there_is_nobody_to_save_with(tmp_path):
    with Several(tmp_path / "run", 1000) as pair:
        pair.until_trained()
        pair.processes[1].send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        pair.processes[0].send_signal(signal.SIGTERM)  # it waits for the other, and takes this for a wish to be saved
        time.sleep(0.3)
        assert pair.processes[0].poll() is None
        pair.processes[1].kill()
        assert pair.processes[0].wait(timeout=HANG) == -signal.SIGTERM


def test_one_that_pytorch_keeps_waiting_ends_itself_after_another_is_lost(tmp_path):
    with Several(tmp_path / "run", 1000, (0, 0, 0, 0)) as four:
        four.until_trained()
        four.processes[1].send_signal(signal.SIGSTOP)  # the first waits for it, and nothing tells it of the last
        time.sleep(0.3)
        four.processes[3].kill()
        four.processes[0].send_signal(signal.SIGTERM)  # as torchrun does, which kills after 30 seconds
        assert four.processes[0].wait(timeout=HANG) != 0
        assert "LostProcessError: rank 3 of this training ended" in four.said(0)


def test_a_request_to_stop_is_met_with_a_checkpoint_while_all_live(tmp_path):
    with Several(tmp_path / "run", 1000) as pair:
        pair.until_trained()
        pair.processes[1].send_signal(signal.SIGTERM)  # one is enough: all stop at the same step
        for rank, process in enumerate(pair.processes):
            assert process.wait(timeout=HANG) == 0, pair.said(rank)
            assert "stopped and saved" in pair.said(rank)
    assert CheckpointStore(tmp_path / "run" / "checkpoints").latest_step() > 0


SUMS = """
import torch
from hubel.tasks import confusion
from hubel.tasks.classification.confusion import Confusion, count_pairs
from hubel.train.distributed.rendezvous import joined

true, called = torch.arange(7) * 400, torch.arange(7) % 3
with joined() as ranks:
    own = slice(4, 7) if ranks.rank else slice(0, 4)
    found = Confusion(ranks.sum(count_pairs(true[own], called[own], 20_000)))
    assert found.data() == confusion(true, called, 20_000).data(), found.data()
    print("the same")
"""


def test_counts_by_coordinates_add_up_over_processes(tmp_path):
    pair = Several.__new__(Several)
    with pair:
        pair.start(tmp_path, [["-c", SUMS]] * 2, (0, 0), {})
        for rank, process in enumerate(pair.processes):
            assert process.wait(timeout=50) == 0, pair.said(rank)
            assert pair.said(rank) == "the same\n"
