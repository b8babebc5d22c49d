"""Pictures of several requests, put together: two plain numbers, the largest batch and the longest wait."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

from hubel.serve.refusal import Refusal
from hubel.serve.settings import Limits

_SIDE_BY_SIDE = 2  # batches at work: one is decoded while the other is computed
_SLOWER, _QUICKER = 0.2, 0.5  # weight of the last batch in the mean time that a picture takes


class Picture(NamedTuple):
    """A picture as it came (a file, or pixels uint8 H×W×C), what it is called, and how many classes are asked for."""

    content: Any
    name: str
    top: int


class Waiting:
    """A request's pictures until all of them are answered."""

    __slots__ = ("answers", "deadline", "done", "left", "pictures", "since")

    def __init__(self, pictures: Sequence[Picture], since: float, deadline: float, done: Callable[[Any], None]) -> None:
        self.pictures, self.since, self.deadline, self.done = pictures, since, deadline, done
        self.answers: list[Any] = [None] * len(pictures)
        self.left = len(pictures)


_Place = tuple[Waiting, int]  # a picture: whose, and which


class Batches:
    """A model's queue.

    work: answers pictures, in a thread of `pool`: one answer each. seen: is told of each batch's size and seconds, and
    `waiting` of how many wait now. pace: seconds that a picture takes, to begin with. All else runs on the event loop.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Picture]], Sequence[Any]],
        pool: Executor,
        limits: Limits,
        seen: Callable[[int, float], None] = lambda size, seconds: None,
        waiting: Callable[[int], None] = lambda count: None,
        pace: float = 0.0,
    ) -> None:
        self._work, self._pool, self._limits = work, pool, limits
        self._seen, self._told = seen, waiting
        self._queue: deque[_Place] = deque()
        self._open: dict[Waiting, None] = {}  # in the order in which they came
        self._free = _SIDE_BY_SIDE
        self._first: asyncio.TimerHandle | None = None  # when the first picture has waited long enough
        self._late: asyncio.TimerHandle | None = None  # when the first request may be late
        self._pace = pace
        self._most = max(1, min(limits.batch, int(limits.deadline / 2 / pace))) if pace else limits.batch

    def ask(self, pictures: Sequence[Picture], deadline: float, done: Callable[[Any], None]) -> Waiting:
        """Queue a request's pictures; `deadline` is a time of the loop's clock. What the model says of each comes to
        `done`, or the exception that it ended with: Refusal where there was no answer in time, or what the work raised.

        Raises Refusal where the queue has no room for them.
        """
        if refusal := self.crowded(len(pictures)):
            raise refusal
        loop = asyncio.get_running_loop()
        waiting = Waiting(pictures, loop.time(), deadline, done)
        self._open[waiting] = None
        self._queue.extend((waiting, place) for place in range(len(pictures)))
        if self._late is None or deadline < self._late.when():
            self._watch(deadline)
        self._next()
        return waiting

    async def answers(self, pictures: Sequence[Picture], deadline: float) -> list[Any]:
        """What `ask` tells. Where it is cancelled, the request leaves."""
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(found: Any) -> None:
            if not result.done():
                (result.set_exception if isinstance(found, Exception) else result.set_result)(found)

        waiting = self.ask(pictures, deadline, done)
        try:
            found: list[Any] = await result
            return found
        finally:
            self.leave(waiting)

    def leave(self, waiting: Waiting) -> None:
        """Forget a request, if it is not answered yet: none of its pictures is computed any more, but for those that
        are being computed.
        """
        if waiting not in self._open:
            return
        del self._open[waiting]
        if waiting.left:
            self._queue = deque(each for each in self._queue if each[0] is not waiting)
            self._told(len(self._queue))

    def _end(self, waiting: Waiting, found: Any) -> None:
        """Tell what came of a request, once."""
        if waiting in self._open:
            self.leave(waiting)
            waiting.done(found)

    def crowded(self, more: int = 1) -> Refusal | None:
        """Why so many pictures more have no room; None where they have."""
        if len(self._queue) + more <= self._limits.queue:
            return self._hopeless()
        if more > self._limits.queue:
            return Refusal("pictures", f"expected at most {self._limits.queue:,} pictures at once, received {more:,}")
        return Refusal(
            "full",
            f"{len(self._queue):,} pictures wait already, of {self._limits.queue:,} at most; try again",
            again=len(self._queue) * self._pace,
        )

    def _hopeless(self) -> Refusal | None:
        """Refuse now what may be late by the pace of the last batches: what would wait for half its deadline, since a
        longer queue answers no more of them, and some too late. Where nothing waits, one is tried anew.
        """
        wait = len(self._queue) * self._pace
        if wait < self._limits.deadline / 2:
            return None
        told = f"it would wait for about {wait:.1f} s, and the answer has to be there after {self._limits.deadline:g} s"
        return Refusal("deadline", f"{told}; try again", again=wait)

    def _watch(self, until: float) -> None:
        """Look for late requests at a time of the loop's clock. One timer does for all: most are answered by then."""
        if self._late is not None:
            self._late.cancel()
        self._late = asyncio.get_running_loop().call_at(until, self._end_late)

    def _end_late(self) -> None:
        self._late = None
        now = asyncio.get_running_loop().time()
        for each in [each for each in self._open if each.deadline <= now]:
            told = f"there was no answer within {self._limits.deadline:g} s; try again"
            self._end(each, Refusal("deadline", told, again=len(self._queue) * self._pace))
        if self._open:
            self._watch(min(each.deadline for each in self._open))

    def _next(self) -> None:
        """Begin what may begin: a full batch, or one whose first picture has waited long enough."""
        loop = asyncio.get_running_loop()
        while self._queue and self._free:
            due = self._queue[0][0].since + self._limits.wait
            if len(self._queue) < self._limits.batch and loop.time() < due:
                if self._first is None:
                    self._first = loop.call_at(due, self._waited)
                break
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
            self._free -= 1
            self._pool.submit(self._compute, loop, batch)
        self._told(len(self._queue))

    def _waited(self) -> None:
        self._first = None
        self._next()

    def _learn(self, count: int, seconds: float) -> None:
        """Of a batch's time: how long a picture takes, and how many may be answered at once, which is no more than what
        takes half a deadline. What is large enough is tried with twice as many, so that one slow batch does no harm for
        long: small ones take more time a picture, and would be held for what is possible.
        """
        found = seconds / count
        self._pace += (_QUICKER if found < self._pace else _SLOWER) * (found - self._pace)
        if seconds > self._limits.deadline / 2:
            self._most = max(1, min(count, self._most) // 2)
        elif count >= self._most and seconds < self._limits.deadline / 4:
            self._most = min(self._limits.batch, 2 * self._most)

    def _compute(self, loop: asyncio.AbstractEventLoop, batch: Sequence[_Place]) -> None:
        """Answer a batch, in a thread; what comes of it, or why nothing does, goes back to the loop with the seconds
        that it took, without those in which the loop hears of it.
        """
        begun = time.perf_counter()
        found: Sequence[Any] | Exception
        try:
            found = self._work([waiting.pictures[place] for waiting, place in batch])
        except Exception as error:  # is told to those who asked
            found = error
        loop.call_soon_threadsafe(self._computed, batch, time.perf_counter() - begun, found)

    def _computed(self, batch: Sequence[_Place], seconds: float, found: Sequence[Any] | Exception) -> None:
        self._free += 1
        self._learn(len(batch), seconds)
        self._seen(len(batch), seconds)
        self._next()  # before answers are sent, which takes a while
        if isinstance(found, Exception):
            for waiting, _ in batch:
                self._end(waiting, found)
            return
        for (waiting, place), answer in zip(batch, found, strict=True):
            waiting.answers[place] = answer
            waiting.left -= 1
            if not waiting.left:
                self._end(waiting, waiting.answers)


def seconds_of(again: float) -> str:
    """A Retry-After: whole seconds, at least one, at most a minute."""
    return str(min(60, max(1, math.ceil(again))))
