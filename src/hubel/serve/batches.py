"""Pictures of several requests, put together: two plain numbers, the largest batch and the longest wait."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
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


@dataclass(eq=False)
class _Asked:
    """A request's pictures that are answered, as far as they are."""

    result: asyncio.Future[list[Any]]
    answers: list[Any]
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.answers)

    def take(self, place: int, answer: Any) -> None:
        """Keep an answer; after the last one, the request has its result."""
        self.answers[place] = answer
        self.left -= 1
        if not self.left and not self.result.done():
            self.result.set_result(self.answers)

    def fail(self, error: BaseException) -> None:
        """Let the request fail."""
        if not self.result.done():
            self.result.set_exception(error)


class _Waiting(NamedTuple):
    asked: _Asked
    place: int
    picture: Picture
    since: float


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
        self._queue: deque[_Waiting] = deque()
        self._free = _SIDE_BY_SIDE
        self._timer: asyncio.TimerHandle | None = None
        self._pace = pace
        self._most = max(1, min(limits.batch, int(limits.deadline / 2 / pace))) if pace else limits.batch

    async def answers(self, pictures: Sequence[Picture], deadline: float) -> list[Any]:
        """What the model says of a request's pictures; `deadline` is a time of the loop's clock.

        Raises Refusal where the queue has no room for them, or there was no answer in time, and what the work raises.
        Where it is cancelled, or refused, none of them is computed any more, but for those that are being computed.
        """
        if refusal := self.crowded(len(pictures)):
            raise refusal
        loop = asyncio.get_running_loop()
        now = loop.time()
        asked = _Asked(loop.create_future(), [None] * len(pictures))
        self._queue.extend(_Waiting(asked, place, picture, now) for place, picture in enumerate(pictures))
        late = loop.call_later(max(0.0, deadline - now), self._late, asked)
        self._next()
        try:
            return await asked.result
        finally:
            late.cancel()
            if asked.left:
                self._queue = deque(each for each in self._queue if each.asked is not asked)
                self._told(len(self._queue))

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

    def _late(self, asked: _Asked) -> None:
        told = f"there was no answer within {self._limits.deadline:g} s; try again"
        asked.fail(Refusal("deadline", told, again=len(self._queue) * self._pace))

    def _next(self) -> None:
        """Begin what may begin: a full batch, or one whose first picture has waited long enough."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._queue and self._free:
            due = self._queue[0].since + self._limits.wait
            if len(self._queue) < self._limits.batch and loop.time() < due:
                self._timer = loop.call_at(due, self._next)
                break
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
            self._free -= 1
            future = loop.run_in_executor(self._pool, self._timed, [each.picture for each in batch])
            future.add_done_callback(partial(self._done, batch))
        self._told(len(self._queue))

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

    def _timed(self, pictures: Sequence[Picture]) -> tuple[float, Sequence[Any] | Exception]:
        """Seconds, without those that the loop takes to hear of it, and the answers, or why there are none."""
        begun = time.perf_counter()
        found: Sequence[Any] | Exception
        try:
            found = self._work(pictures)
        except Exception as error:  # is told to those who asked
            found = error
        return time.perf_counter() - begun, found

    def _done(self, batch: Sequence[_Waiting], done: asyncio.Future[tuple[float, Sequence[Any] | Exception]]) -> None:
        self._free += 1
        seconds, found = done.result()
        self._learn(len(batch), seconds)
        if isinstance(found, Exception):
            for each in batch:
                each.asked.fail(found)
        else:
            for each, answer in zip(batch, found, strict=True):
                each.asked.take(each.place, answer)
        self._seen(len(batch), seconds)
        self._next()


def seconds_of(again: float) -> str:
    """A Retry-After: whole seconds, at least one, at most a minute."""
    return str(min(60, max(1, math.ceil(again))))
