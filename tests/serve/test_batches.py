"""The queue, by itself: which pictures are computed together, and which are not any more."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hubel.serve.batches import Batches, Picture, seconds_of
from hubel.serve.refusal import Refusal
from hubel.serve.settings import Limits
from tests.work import HANG


class Work:
    """Answers pictures with their names once it is let go, and keeps what it was given."""

    def __init__(self):
        self.batches, self.go = [], threading.Event()

    def __call__(self, pictures):
        self.batches.append([each.name for each in pictures])
        self.go.wait(HANG)
        return [each.name.upper() for each in pictures]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: in that of the tests a browser's loop may run already."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, work).result()


def running(scenario, pace=0.0, **limits):
    """Run an asynchronous scenario with a queue and its work; `pace` is what a picture takes, to begin with."""
    work = Work()

    async def whole():
        with ThreadPoolExecutor(2) as pool:
            try:
                return await scenario(Batches(work, pool, Limits(**limits), pace=pace), work)
            finally:
                work.go.set()

    return run(whole()), work


def pictures(*names):
    return [Picture(b"", name, 3) for name in names]


def ask(queue, *names, within=HANG):
    return asyncio.ensure_future(queue.answers(pictures(*names), asyncio.get_running_loop().time() + within))


async def until(true):
    while not true():
        await asyncio.sleep(0.001)


def test_requests_are_put_together_up_to_the_largest_batch():
    async def scenario(queue, work):
        first = [ask(queue, "a"), ask(queue, "b")]
        await until(lambda: len(work.batches) == 2)  # both places are taken
        rest = [ask(queue, "c", "d"), ask(queue, "e"), ask(queue, "f", "g")]
        await asyncio.sleep(0.01)
        work.go.set()
        return await asyncio.gather(*first, *rest)

    found, work = running(scenario, batch=3, wait=0)
    assert found == [["A"], ["B"], ["C", "D"], ["E"], ["F", "G"]]
    assert sorted(work.batches) == [["a"], ["b"], ["c", "d", "e"], ["f", "g"]]


def test_a_picture_waits_for_others_and_a_full_batch_does_not():
    async def scenario(queue, work):
        work.go.set()
        one = ask(queue, "a")
        await asyncio.sleep(0)
        assert not work.batches  # an hour is not over
        return await asyncio.gather(one, ask(queue, "b"))

    found, work = running(scenario, batch=2, wait=3600)
    assert found == [["A"], ["B"]]
    assert work.batches == [["a", "b"]]


def test_a_full_queue_refuses_and_says_when_to_come_again():
    async def scenario(queue, work):
        taken = [ask(queue, "a"), ask(queue, "b")]
        await until(lambda: len(work.batches) == 2)
        waiting = ask(queue, "c", "d")
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match="2 pictures wait already") as caught:
            await ask(queue, "e")
        work.go.set()
        await asyncio.gather(*taken, waiting)
        return caught.value

    refusal, work = running(scenario, batch=1, wait=0, queue=2)
    assert (refusal.reason, refusal.status) == ("full", 503)
    assert refusal.again is not None
    assert ["e"] not in work.batches


def test_more_pictures_than_ever_have_room_are_another_mistake():
    async def scenario(queue, work):
        with pytest.raises(Refusal) as caught:
            await ask(queue, *"abc")
        return caught.value

    refusal, _ = running(scenario, queue=2)
    assert (refusal.reason, refusal.again) == ("pictures", None)


def test_what_is_late_is_refused_and_not_computed():
    async def scenario(queue, work):
        taken = [ask(queue, "a"), ask(queue, "b")]
        await until(lambda: len(work.batches) == 2)
        with pytest.raises(Refusal) as caught:
            await ask(queue, "late", within=0.01)
        work.go.set()
        await asyncio.gather(*taken, ask(queue, "c"))
        return caught.value

    refusal, work = running(scenario, batch=1, wait=0)
    assert (refusal.reason, refusal.status) == ("deadline", 503)
    assert work.batches == [["a"], ["b"], ["c"]]


def test_a_slow_models_pace_bounds_batches_and_refuses_what_would_be_late():
    async def scenario(queue, work):
        taken = [ask(queue, "a"), ask(queue, "b")]
        await until(lambda: len(work.batches) == 2)
        waiting = [ask(queue, name) for name in "cde"]
        await asyncio.sleep(0)
        with pytest.raises(
            Refusal, match=r"would wait for about 1.2 s, and the answer has to be there after 2 s"
        ) as caught:
            await ask(queue, "h")
        work.go.set()
        await asyncio.gather(*taken, *waiting)
        return caught.value

    # two are half a deadline's work, and three are more
    refusal, work = running(scenario, pace=0.4, batch=16, wait=0, deadline=2)
    assert (refusal.reason, refusal.again) == ("deadline", pytest.approx(1.2))
    assert max(map(len, work.batches)) < 3


def test_batches_grow_again_where_they_turn_out_to_be_quick():
    async def scenario(queue, work):
        work.go.set()
        for _ in range(20):  # of which at first most are refused, since they would be late
            await asyncio.gather(*(ask(queue, "a") for _ in range(40)), return_exceptions=True)

    _, work = running(scenario, pace=HANG / 4, batch=16, wait=0, queue=64, deadline=HANG)
    sizes = [len(each) for each in work.batches]
    assert max(sizes[:2]) <= 2  # no more than half a deadline's work, as it was said to begin with
    assert max(sizes) == 16


def test_what_is_cancelled_leaves_the_queue():
    async def scenario(queue, work):
        taken = [ask(queue, "a"), ask(queue, "b")]
        await until(lambda: len(work.batches) == 2)
        gone = ask(queue, "gone", "too")
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        room = ask(queue, "c", "d")  # has room again
        await asyncio.sleep(0)
        work.go.set()
        return await asyncio.gather(*taken, room)

    _, work = running(scenario, batch=2, wait=0, queue=2)
    assert work.batches == [["a"], ["b"], ["c", "d"]]


def test_work_that_fails_is_told_to_those_who_asked_and_the_queue_goes_on():
    async def scenario():
        failing = [True]

        def work(pictures):
            if failing.pop() if failing else False:
                raise MemoryError("none left")
            return [each.name for each in pictures]

        with ThreadPoolExecutor(1) as pool:
            queue = Batches(work, pool, Limits(wait=0))
            with pytest.raises(MemoryError):
                await ask(queue, "a")
            return await ask(queue, "b")

    assert run(scenario()) == ["b"]


@pytest.mark.parametrize(("again", "told"), [(0, "1"), (0.2, "1"), (1.01, "2"), (1e9, "60")])
def test_retry_after(again, told):
    assert seconds_of(again) == told
