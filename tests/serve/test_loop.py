"""The service's event loop: what threads send it does not wait until all who ask were heard."""

import socket
from contextlib import ExitStack

from hubel.serve.loop import few_at_a_time

MANY = 200


def test_what_a_thread_sends_comes_among_many_who_ask_and_all_are_heard_once():
    loop, order = few_at_a_time(), []
    with ExitStack() as stack:
        stack.callback(loop.close)
        pairs = [socket.socketpair() for _ in range(MANY)]
        for number, (near, far) in enumerate(pairs):
            stack.enter_context(near)
            stack.enter_context(far)
            far.send(b"x")

            def heard(number=number, near=near):
                near.recv(1)
                if not order:
                    loop.call_soon_threadsafe(order.append, "sent")
                order.append(number)
                if len(order) == MANY + 1:
                    loop.stop()

            loop.add_reader(near, heard)
        loop.run_forever()
        assert order.index("sent") < MANY / 2
        assert sorted(each for each in order if each != "sent") == list(range(MANY))


def test_it_waits_as_long_as_it_is_told_and_sees_what_can_be_written():
    loop, seen = few_at_a_time(), []
    near, far = socket.socketpair()
    with near, far:
        loop.call_later(0.01, lambda: loop.add_writer(near, lambda: (seen.append("written"), loop.stop())))
        loop.run_forever()
        loop.remove_writer(near)
        far.close()
        loop.add_reader(near, lambda: (seen.append(near.recv(1)), loop.stop()))
        loop.run_forever()
        loop.close()
    assert seen == ["written", b""]
