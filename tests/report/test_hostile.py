"""A stranger's run: whatever its files say, the page shows it and does nothing of it."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from hubel.report import write_report
from hubel.train import Run
from tests.hostile import HIDDEN, MARKUP, NAMES, faults
from tests.report.runs import make_run

pytestmark = pytest.mark.filterwarnings("ignore::hubel.base.model_file.WholenessWarning")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = make_run(tmp_path_factory.mktemp("hostile"), NAMES, epochs=2, size=280)
    tamper(run.directory)
    return write_report(Run.open(run.directory)).as_uri()


def tamper(folder: Path) -> None:
    """Write markup wherever a run's text files have a name."""
    lines = []
    for line in (folder / "run.toml").read_text(encoding="utf-8").split("\n"):
        key = line.partition(" = ")[0]
        lines.append(f"{key} = {quoted(MARKUP[1])}" if key in ("network_name", "fingerprint", "torch") else line)
        if line in ("[data.examples]", "[environment]"):
            value = "7" if line == "[data.examples]" else quoted(MARKUP[2])
            lines += [f"{quoted(name)} = {value}" for name in MARKUP]
    text = "\n".join(lines).replace('name = "corners train"', f"name = {quoted(MARKUP[0] + HIDDEN)}")
    (folder / "run.toml").write_text(text.rpartition("# SHA-256")[0], encoding="utf-8")  # who tampers takes it away
    shutil.rmtree(folder / "checkpoints")  # and these, which know other figures
    with open(folder / "metrics.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(folder / "metrics.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "evaluated": MARKUP[1]} for row in rows)


def quoted(text: str) -> str:
    escapes = {letter: f"\\u{ord(letter):04x}" for letter in text if not letter.isprintable() or letter in '"\\'}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def test_nothing_of_it_runs_and_all_of_it_shows(browser_page: Any, address: str) -> None:
    browser_page.goto(address)
    browser_page.wait_for_selector("html[data-ready]")
    assert faults(browser_page) == []
    words = browser_page.locator("body").text_content()
    assert all(name in words for name in MARKUP)
    assert MARKUP[1] in browser_page.locator("#training").text_content()  # from metrics.csv
    assert "\\x1b[2Jc\\u202ed" in words
    assert browser_page.title().startswith(MARKUP[1])


def test_what_is_opened_in_it_runs_nothing_either(browser_page: Any, address: str) -> None:
    page = browser_page
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.locator("#matrix button").first.click()
    page.locator("#by-class select").first.select_option(index=2)
    page.locator("#by-class .card").first.click()
    assert page.get_by_role("dialog").locator("h2").inner_text()
    page.keyboard.press("Escape")
    page.mouse.move(400, 300)
    assert faults(page) == []
