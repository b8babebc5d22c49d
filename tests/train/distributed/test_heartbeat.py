"""Signs of life, by a clock of the test's own: who gives them is waited for, who does not is lost."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from hubel.train.distributed import heartbeat
from hubel.train.distributed.ranks import LostProcessError
from tests.work import HANG

TOKEN, PATIENCE = 7, 40.0


class Clock:
    """The time that the watches see; it goes on when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


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
def first():
    """The first process's watch of two, and the port where it listens."""
    with heartbeat.opened(0) as door:
        yield heartbeat.Heartbeat(0, 2, PATIENCE, door, TOKEN), door.getsockname()[1]


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
