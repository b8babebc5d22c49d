"""A studio on a real socket, in a thread of the tests' own process."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hubel.serve.listening import bound_socket
from hubel.studio.server import HERE, server_of
from tests.work import HANG

TOKEN = "the-token-of-this-launch"


@contextmanager
def studio(port=0, token=TOKEN, runs=None, course=None):
    """The address of a studio, which is stopped afterwards; by default without the runs that lie where tests run."""
    with bound_socket(HERE, port) as bound, TemporaryDirectory() as none:
        server = server_of(token, runs or Path(none), course)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield f"http://{HERE}:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(HANG)


@pytest.fixture(scope="session")
def address():
    with studio() as found:
        yield found


def opened(page, address, said=""):
    """A page of the studio with its first answer shown; said: what stands in its address."""
    page.goto(f"{address}/#token={TOKEN}{said}")
    page.wait_for_selector("html[data-ready]")
    page.locator(".canvas svg").first.wait_for()
    page.locator("td.how:not(:empty)").first.wait_for(state="attached")
    return page


def put(field, words):
    """Type words in place of what a field of a number holds; Playwright's own way writes them behind it in Firefox."""
    field.press("Control+a")
    field.press_sequentially(words)
