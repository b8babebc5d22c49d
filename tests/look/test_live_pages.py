"""The pages that can be pointed at, used in a real browser by mouse and keyboard."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hubel.look.changes import changes
from hubel.look.mistakes import mistakes
from hubel.look.space import space


@pytest.fixture(scope="module")
def seen(digits_run, digits_model, digits, digit, tmp_path_factory):
    pytest.importorskip("playwright.sync_api", reason="expected the package playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("expected chromium on the path")
    folder = tmp_path_factory.mktemp("pages")
    plates = {
        "mistakes": mistakes(digits_model, digits.test).plate(),
        "space": space(digits_model, digits.test, most=150).plate(),
        "changes": changes(digits_run, digit).plate(),
    }
    pages = [str(plate.save(folder / f"{name}.html")) for name, plate in plates.items()]
    command = [sys.executable, str(Path(__file__).with_name("use_pages.py")), *pages, program]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout)


def test_pages_need_nothing_from_elsewhere_and_make_no_mistakes(seen):
    assert seen["asked"] == []
    assert seen["errors"] == []


@pytest.mark.parametrize("which", ["mistakes", "space", "changes"])
def test_a_phone_need_not_scroll_sideways(seen, which):
    assert seen[f"use_{which} on a phone"] <= 390


def test_a_cell_opens_its_images_from_the_keyboard(seen):
    found = seen["use_mistakes"]
    assert " called " in found["first"]  # the most frequent mistake is open from the start
    assert found["button"].startswith("9 called 9")
    assert found["opened"] == "9, rightly"
    assert found["images"] == 8
    assert found["pressed"] == 1
    assert found["size"]["width"] == found["size"]["height"] == 84


def test_points_show_their_image_to_mouse_and_keyboard(seen):
    found = seen["use_space"]
    assert found["one"] != found["other"]
    assert found["hidden"]
    assert found["pointed"] == found["expected"]


def test_the_slider_goes_through_the_moments_and_plays_them(seen):
    found = seen["use_changes"]
    assert found["first"].startswith("the start, step 0")
    assert found["last"].startswith("epoch 3")
    assert "7 " in found["last"]
    assert found["played"] == found["last"]
