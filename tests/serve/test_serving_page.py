"""The lines of docs/serving.md: each curl runs against a service, and what the page says of options is so."""

import json
import os
import re
import shutil
import subprocess
from argparse import ArgumentParser
from pathlib import Path

import pytest

from hubel.cli import serve
from hubel.serve.refusal import REASONS
from hubel.serve.settings import Access, Settings
from tests.serve.conftest import picture, serving
from tests.work import HANG

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
CURLS = re.findall(r"^curl .*$", PAGE, re.MULTILINE)
TOKEN = "a-token-of-24-characters"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("curl")
    (found / "cat.jpg").write_bytes(picture("JPEG", (30, 20)))
    (found / "dog.png").write_bytes(picture("PNG", (30, 20)))
    return found


@pytest.fixture(scope="module")
def guarded(model_file):
    with serving(Settings((("animals", str(model_file)),), access=Access(TOKEN))) as found:
        yield found


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("line", CURLS)
def test_lines_of_the_page(line, folder, address, guarded):
    place = guarded if "HUBEL_TOKEN" in line else address
    line = line.replace("localhost:8000", place.removeprefix("http://")).replace("curl", "curl -sS --fail-with-body", 1)
    found = subprocess.run(
        line, shell=True, cwd=folder, capture_output=True, timeout=HANG, env={**os.environ, "HUBEL_TOKEN": TOKEN}
    )
    assert found.returncode == 0, found.stdout + found.stderr
    if "predict" in line:
        told = json.loads(found.stdout)
        assert told["unreadable"] == 0
        assert [each["image"] for each in told["predictions"]] in (["picture 1"], ["cat.jpg", "dog.png"], ["cat.jpg"])


def test_the_page_knows_all_reasons_and_their_statuses():
    named = dict.fromkeys(re.findall(r"`([a-z]+)`", PAGE.partition("| reason | status |")[2].partition("\n\n")[0]))
    assert set(named) == set(REASONS) - {"fault"}


def test_defaults_are_as_the_page_says():
    parser = ArgumentParser()
    serve.add_arguments(parser)
    usual, places = (
        parser.parse_args(["run"]),
        {name: each.dest for each in parser._actions for name in each.option_strings},
    )
    rows = re.findall(r"^\| `--([a-z-]+)` \| ([0-9,]+)", PAGE, re.MULTILINE)
    assert len(rows) == 9
    for name, value in rows:
        assert getattr(usual, places[f"--{name}"]) == float(value.replace(",", "")), name
