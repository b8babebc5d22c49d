"""Processes that wait for another before they train: for as long as it lives, and no longer."""

import contextlib
import os
import signal
import time

import pytest
from PIL import Image

from tests.train.several import Several
from tests.work import HANG

PATIENCE = 4  # seconds, here: signs of life come every second, and later on a busy machine
NETWORK = "8x8x1: flatten, dense 2 softmax"


@pytest.mark.parametrize("late", [0, 1])
def test_one_that_shows_that_it_lives_is_waited_for_until_it_hangs(tmp_path, late):
    with Several(tmp_path / "run", 1, LATE=late, PATIENCE=PATIENCE) as pair:
        waiting = pair.processes[1 - late]
        pair.until_said(late, "is late")
        pair.until_said(1 - late, "is there")
        pair.processes[late].send_signal(signal.SIGSTOP)
        assert waiting.wait(timeout=HANG) == 1
        assert f"LostProcessError: rank {late} of this training ended or hangs" in pair.said(1 - late)


def test_one_that_ends_before_all_have_met_is_missed_at_once(tmp_path):
    with Several(tmp_path / "run", 1, LATE=1, PATIENCE=40) as pair:
        pair.until_said(1, "is late")
        pair.until_said(0, "is there")
        pair.processes[1].kill()
        assert pair.processes[0].wait(timeout=HANG) == 1
        assert "LostProcessError: rank 1 of this training ended or hangs before all had met" in pair.said(0)


class Commands(Several):
    """`hubel train` with little patience, each process with its own data; where there is a pipe called "wait" in it,
    reading waits for that.
    """

    def __init__(self, folder, *data):
        program = f"""
import datetime, pathlib, sys
import hubel.tasks
from hubel.cli import main
from hubel.train.distributed import rendezvous

def load(source, _load=hubel.tasks.load, **settings):
    if (pathlib.Path(source) / "wait").exists():
        (pathlib.Path(source) / "wait").read_bytes()
    return _load(source, **settings)

hubel.tasks.load = load
rendezvous._PATIENCE = datetime.timedelta(seconds={PATIENCE})
sys.exit(main(sys.argv[1:]))
"""
        lines = [["-c", program, "train", NETWORK, path, "--run", folder / "run"] for path in data]
        self.start(folder, lines, [0] * len(data), {"HUBEL_CACHE": folder / "cache"})


def until_read(fifo):
    """Open a file that its reader waits for."""
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.02)
    raise AssertionError("nobody reads it")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that keeps its reader waiting")
def test_the_command_shows_that_it_lives_while_it_reads_its_images(tmp_path):
    for name in ("quick/ant", "quick/bee", "slow/ant", "slow/bee"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / name / "1.png")
    slow = tmp_path / "slow" / "wait"
    os.mkfifo(slow)
    with Commands(tmp_path, tmp_path / "quick", tmp_path / "slow") as pair:
        writer = until_read(slow)
        try:
            pair.processes[1].send_signal(signal.SIGSTOP)
            assert pair.processes[0].wait(timeout=HANG) == 2
            assert "hubel: rank 1 of this training ended or hangs" in pair.said(0)
        finally:
            os.close(writer)
