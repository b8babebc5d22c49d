"""Lines of the log: whole, in their order, and of requests several in one write."""

import asyncio
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from hubel.serve.log import LOG, begin_log, log_request


class Writes:
    """What is written, a piece a write."""

    def __init__(self):
        self.pieces = []

    def write(self, text):
        self.pieces.append(text)

    def flush(self):
        pass


@pytest.fixture
def begin(monkeypatch):
    loggers = [logging.getLogger(name) for name in ("hubel.serve", "uvicorn.error", "asyncio")]
    before = [(each, each.handlers, each.propagate, each.level) for each in loggers]

    def begin():  # in the test, before which pytest puts streams and handlers of its own there
        made = Writes()
        monkeypatch.setattr(sys, "stderr", made)
        begin_log()
        return made

    yield begin
    for each, handlers, propagate, level in before:
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)


def run(work):
    """Run it in a loop of its own, whoever has one here: a browser's driver keeps its own for the whole session."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def test_requests_of_a_turn_are_written_together_in_pieces_that_a_pipe_keeps_whole(begin):
    writes = begin()

    async def many():
        for number in range(100):
            log_request({"request": f"{number}", "path": "/é" * 20})
        assert writes.pieces == []
        await asyncio.sleep(0)
        log_request({"request": "100"})

    run(many())
    assert 2 < len(writes.pieces) < 20
    assert all(len(each.encode()) <= 4096 and each.endswith("\n") for each in writes.pieces)
    found = [json.loads(line) for line in "".join(writes.pieces).splitlines()]
    assert [each["request"] for each in found] == [f"{number}" for number in range(101)]
    assert list(found[0]) == ["time", "level", "event", "request", "path"]
    assert {(each["level"], each["event"]) for each in found} == {("info", "request")}


def test_a_line_is_the_same_whoever_writes_it(begin):
    writes = begin()

    async def one():
        log_request({"request": "a", "status": 503})
        await asyncio.sleep(0)

    run(one())
    LOG.info("request", extra={"note": {"request": "a", "status": 503}})
    first, second = map(json.loads, writes.pieces[0].splitlines() + "".join(writes.pieces[1:]).splitlines())
    assert list(first) == list(second)
    assert {**first, "time": 0} == {**second, "time": 0}
