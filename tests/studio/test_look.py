"""What is asked of a run's model in the room Look: one after the other, and ended where nobody waits for it."""

import os
import sys
import time

from playwright.sync_api import expect

from tests.studio.conftest import TOKEN, studio
from tests.work import HANG


def is_there(process):
    """Whether a process is running."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition):
    """Wait for what another process does."""
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_is_asked_waits_its_turn_and_ends_where_nobody_waits_for_it(browser_page, tmp_path, monkeypatch):
    program, begun = tmp_path / "python", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\necho $$ >> '{begun}'\nexec sleep 3600\n")
    program.chmod(0o755)
    begun.touch()
    monkeypatch.setattr(sys, "executable", str(program))
    (tmp_path / "runs/first").mkdir(parents=True)
    (tmp_path / "runs/first/run.toml").write_text("network = 'mlp'")
    (tmp_path / "runs/first/metrics.csv").write_text("epoch,loss\n1,2\n")
    model = {"reason": "it is another", "paths": [], "sees": False}
    page, other = browser_page, browser_page.context.new_page()

    def processes():
        return [int(each) for each in begun.read_text().split()]

    with studio(runs=tmp_path / "runs") as address:
        for each in (page, other):
            each.route("**/ask/model", lambda route: route.fulfill(json=model))
            each.goto(f"{address}/#token={TOKEN}&room=look&run=first")
            each.get_by_role("button", name="show", exact=True).click()
            until(processes)
        told, later = (each.locator(".look .more > .note[role=status]") for each in (page, other))
        expect(told).to_contain_text("It is at it")
        expect(later).to_contain_text("It comes after another that this studio is asked for")
        other.get_by_role("link", name="Train", exact=True).click()  # other questions do not stand behind it
        expect(other.locator(".train .runs")).to_contain_text("first")
        other.get_by_role("link", name="Look", exact=True).click()
        assert len(processes()) == 1
        page.get_by_role("button", name="stop", exact=True).click()
        expect(told).to_have_text("It was stopped.")
        until(lambda: len(processes()) == 2)
        first, second = processes()
        until(lambda: not is_there(first))
        expect(later).to_contain_text("It is at it")
        other.close()
        until(lambda: not is_there(second))
        assert len(processes()) == 2
