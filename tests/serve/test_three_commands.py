"""README's way from training to a phone, as it stands there, with a short training."""

import re
import shlex
from pathlib import Path

from hubel.cli import main
from tests.serve.conftest import picture
from tests.serve.test_run import started

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_from_training_to_a_phone(tmp_path, monkeypatch, browser_page):
    block = README.partition("## It serves")[2].partition("```sh\n")[2].partition("```")[0]
    install, train, serve = (shlex.split(line, comments=True) for line in block.strip().splitlines())
    assert install == ["pip", "install", "hubel[serve]"]
    monkeypatch.chdir(tmp_path)
    assert main([*train[1:], "--time", "0.2", "--no-report"]) == 0
    with started(*serve[2:]) as (_, process, _):
        page = process.stdout.readline()
        assert "127.0.0.1" in page
        browser_page.set_viewport_size({"width": 390, "height": 800})
        browser_page.goto(re.search(r"http://\S+", page)[0])
        taken = [{"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": picture("JPEG", (60, 80))}]
        browser_page.locator("#files").set_input_files(taken)
        assert browser_page.locator(".answers .said").inner_text() in list("0123456789")
