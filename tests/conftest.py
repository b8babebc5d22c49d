"""What all tests share: Hypothesis profiles, and a real browser, cut off from every network, where there is one."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings

from tests.work import HANG

quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("default", deadline=None, suppress_health_check=quiet, derandomize=True)
settings.register_profile("deep", deadline=None, suppress_health_check=quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# PyTorch reads these when it is imported: each worker has its share of the cores, and threads that wait for each other
# sleep. Threads that spin take the processor from the other workers, and make training five times as long.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# what pytest and packages set where they are first imported, beside KMP_…
OTHERS = {
    *("PYTEST_CURRENT_TEST", "ORT_DISABLE_TELEMETRY", "KERAS_BACKEND"),
    *("TORCHINDUCTOR_CACHE_DIR", "CUBLAS_WORKSPACE_CONFIG"),
}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
RELAY = os.path.join(os.path.dirname(__file__), "firefox.py")
HERE = ("localhost", "127.0.0.1", "[::1]", "::1")


def pytest_collection_finish() -> None:
    """Have no later collection of garbage walk over all that is loaded by now: PyTorch, hubel and every test."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a browser: `-m browser` runs them alone, `-m "not browser"` all others."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


def _of_the_process() -> dict[str, Any]:
    """What belongs to the whole process, so that a test which changes it changes what comes after."""
    kept: dict[str, Any] = {
        f"${name}": value for name, value in os.environ.items() if name not in OTHERS and name[:4] != "KMP_"
    }
    kept |= {"the folder": os.getcwd(), "the limit of recursion": sys.getrecursionlimit()}
    kept |= {f"what {each.name} does": signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    if pillow := sys.modules.get("PIL.Image"):
        kept["PIL.Image.MAX_IMAGE_PIXELS"] = pillow.MAX_IMAGE_PIXELS
    if torch := sys.modules.get("torch"):
        for asked in ("get_default_dtype", "is_grad_enabled", "get_default_device"):
            kept[f"torch.{asked}()"] = getattr(torch, asked)()
    return kept


@pytest.fixture(autouse=True)
def leaves_the_process_as_it_was() -> Iterator[None]:
    """Fail the test that changes what belongs to the whole process, not one that happens to come after it.

    PyTorch's threads are given back: a command that serves or trains takes its own, and nothing of it is left.
    """
    before, torch = _of_the_process(), sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    yield
    if torch and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    after = _of_the_process()
    new = {name for name in after.keys() - before.keys() if name.startswith("$")}  # others come with a first import
    changed = [
        f"{name} was {before.get(name)} and is {after.get(name)}"
        for name in sorted(before.keys() | new)
        if before.get(name) != after.get(name)
    ]
    assert not changed, f"the test leaves the process otherwise than it was: {'; '.join(changed)}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for the whole session. HUBEL_TEST_BROWSER names another program, a Firefox too, or "none"."""
    wanted = os.environ.get("HUBEL_TEST_BROWSER")
    program = next(filter(None, map(shutil.which, (wanted,) if wanted else CHROMIUM)), None)
    if program is None:
        pytest.skip(f"needs a browser: {wanted or ' or '.join(CHROMIUM)} is not on the path")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1000 * HANG)
    with sync_playwright() as driver:
        if "firefox" in os.path.basename(program):
            env = {**os.environ, "FIREFOX": program}
            found = driver.firefox.launch(channel="moz-firefox", executable_path=RELAY, env=env, timeout=1000 * HANG)
        else:
            options = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
            found = driver.chromium.launch(executable_path=program, args=options)
        yield found
        found.close()


def is_firefox(browser: Any) -> bool:
    """Whether a browser is one; what its protocol does not have is skipped there."""
    return bool(browser.browser_type.name == "firefox")


@pytest.fixture
def browser_page(browser: Any) -> Iterator[Any]:
    """A fresh page, 1280×900.

    The test fails where the page asks for an outside address, raises or logs an error, or does what its own policy
    forbids; `page.forbidden` is the list of that, for tests in which something tries to.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=False)
    context.set_default_timeout(1000 * HANG)
    page = context.new_page()
    outside: list[str] = []
    errors: list[str] = []
    page.forbidden = []

    def gate(route: Any) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("file", "data", "blob", "about") or address.hostname in HERE:
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", gate)

    def listen(message: Any) -> None:
        if re.search("Content[ -]Security[ -]Policy", message.text):
            page.forbidden.append(message.text)
        elif message.type == "error" and "Failed to load resource" not in message.text:  # what a server refuses
            errors.append(message.text)

    page.on("pageerror", lambda error: errors.append(getattr(error, "stack", None) or str(error)))
    page.on("console", listen)
    yield page
    page.wait_for_timeout(0)  # lets messages that are on their way come
    context.close()
    assert not outside, f"the page asked for outside addresses: {outside}"
    assert not errors, f"the page raised errors: {errors}"
    assert not page.forbidden, f"the page tried what its policy forbids: {page.forbidden}"
