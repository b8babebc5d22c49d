"""Signs of life, by a clock of the test's own: who gives them is waited for, who does not is lost."""

from __future__ import annotations

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hubel.train.distributed import heartbeat
from hubel.train.distributed.ranks import LostProcessError
from tests.work import HANG

TOKEN, PATIENCE = 7, 40.0
WAITING = "waiting for ranks 1, 3 of this training, for at most 30 s (HUBEL_MOST_WAITING=SECONDS waits longer)\n"


class Clock:
    """The time that the watches see; it goes on when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(heartbeat, "time", clock)
    return clock


def until(what) -> None:
    end = time.monotonic() + HANG
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextlib.contextmanager
def first(world=2):
    """The first process's watch of some, and the port where it listens."""
    with heartbeat.opened(0) as door:
        yield heartbeat.Heartbeat(0, world, PATIENCE, door, TOKEN), door.getsockname()[1]


def test_one_that_shows_that_it_lives_is_waited_for(clock):
    with first() as (watch, port):
        line = heartbeat.called("127.0.0.1", lambda: port, TOKEN, PATIENCE, HANG)
        other = heartbeat.Heartbeat(1, 2, PATIENCE, line, TOKEN)
        until(lambda: [line.rank for line in watch._lines] == [1])
        for _ in range(4):  # in all, longer than the patience
            clock.now += 0.4 * PATIENCE
            until(lambda: all(line.heard == clock.now for end in (watch, other) for line in end._lines))
        assert watch._lost is None
        assert other._lost is None


def test_one_that_shows_nothing_for_longer_than_the_patience_is_lost(clock):
    with first() as (watch, port), socket.create_connection(("127.0.0.1", port)) as silent:
        silent.send(heartbeat._MESSAGE.pack(TOKEN, b"H", 1))
        until(lambda: [line.rank for line in watch._lines] == [1])
        clock.now += PATIENCE - 1
        until(lambda: watch._shown == clock.now)
        assert watch._lost is None
        clock.now += 2
        with pytest.raises(LostProcessError, match="rank 1 of this training ended or hangs"):
            watch.meet(0, HANG)


def test_those_that_nobody_started_are_named_soon_and_not_waited_for_long(clock, capfd):
    with first(4) as (watch, port):
        heartbeat.Heartbeat(2, 4, PATIENCE, heartbeat.called("127.0.0.1", lambda: port, TOKEN, PATIENCE, HANG), TOKEN)
        until(lambda: [line.rank for line in watch._lines] == [2])
        with ThreadPoolExecutor() as pool:
            met = pool.submit(watch.meet, 0, 30)
            until(lambda: len(watch._changed._waiters))
            clock.now += 6
            until(lambda: capfd.readouterr().err == WAITING)
            clock.now += 25
            with pytest.raises(
                LostProcessError,
                match=r"^ranks 1, 3 of this training did not come in 30 s; .*set HUBEL_MOST_WAITING=60$",
            ):
                met.result()


def test_the_first_that_nobody_started_is_named_and_not_waited_for_long(clock, capfd):
    def ask():
        clock.now += 4
        return 0

    why = "it did not say where it listens"
    with pytest.raises(LostProcessError, match=f"^rank 0 of this training did not come to there:0 in 30 s: {why}; "):
        heartbeat.called("there", ask, TOKEN, PATIENCE, 30)
    told = capfd.readouterr().err
    assert told.startswith(f"waiting for rank 0 of this training, for at most 30 s (there:0: {why}; HUBEL_MOST_WAITING")
    assert told.count("\n") == 1
