"""The running model of a report, where it hears: WAV files instead of drawings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.export.odd_sounds import odd_sounds
from tests.report.live_page import assert_shares, opened, predicted, settle, with_weights

EARS = Preprocessing(64, 40, 1, (0.3,), (0.25,), "time")
NETWORK = "64x40x1: conv 4 3x3/2 relu, globalavgpool, dense 10 softmax"


def test_a_sound_is_heard_played_and_shown(browser_page: Any, tmp_path: Path) -> None:
    model = with_weights(parse(NETWORK), EARS)
    seen = np.random.default_rng(0).integers(0, 256, (64, 40), dtype=np.uint8)
    page = opened(browser_page, tmp_path / "live.html", model, [seen], ".ear[data-holds=picture]")
    assert_shares(page, predicted(model, seen[..., None]))
    assert page.locator(".pad, input[type=color]").count() == 0
    stereo = dict(odd_sounds())["stereo"]
    page.set_input_files("input[type=file]", files=[{"name": "a.wav", "mimeType": "audio/wav", "buffer": stereo}])
    page.locator(".ear[data-holds=sound]").wait_for()
    assert_shares(page, predicted(model, stereo))
    told = page.locator(".side").inner_text()
    assert "a.wav · recorded at 44,100 samples a second, stereo, heard at 16,000, mono" in told
    assert "4 kHz" in told
    assert page.locator(".side audio").is_visible()
    wrong = {"name": "b.wav", "mimeType": "audio/wav", "buffer": b"RIFF" + bytes(40)}
    page.set_input_files("input[type=file]", files=[wrong])
    page.wait_for_selector(".side >> text=Expected a WAV file: b.wav is no WAV file")
    page.get_by_role("button", name="Clear").click()
    settle(page)
    assert_shares(page, predicted(model, np.zeros((64, 40, 1), np.uint8)))
    assert page.locator(".side audio").is_hidden()
