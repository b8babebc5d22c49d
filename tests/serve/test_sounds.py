"""A model that hears, behind the service's page: sounds are answered as predict answers them, shown and played."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.export.odd_sounds import odd_sounds, wave_bytes
from hubel.nn import build
from hubel.serve.settings import Limits, Settings
from hubel.tasks import load_model, save_model
from tests.serve.conftest import serving


@pytest.fixture(scope="module")
def ears(tmp_path_factory):
    torch.manual_seed(3)
    network = parse("64x40x1: conv 4 3x3/2 relu, globalavgpool, dense 3 softmax")
    kind = Preprocessing(64, 40, 1, (0.3,), (0.1,), "time")
    file = tmp_path_factory.mktemp("ears") / "ears.safetensors"
    return save_model(file, network, build(network), preprocessing=kind, classes=("yes", "no", "stop"))


def test_the_page_plays_sounds_and_shows_what_is_seen_of_them(ears, browser_page):
    stereo = dict(odd_sounds())["stereo"]
    with serving(Settings((("ears", str(ears)),))) as address:
        browser_page.goto(address)
        assert browser_page.locator(".ways button").all_inner_texts() == ["Sounds", "Microphone"]
        browser_page.set_input_files("#files", files=[{"name": "hall.wav", "mimeType": "audio/wav", "buffer": stereo}])
        card = browser_page.locator(".answers .answer").first
        card.locator("canvas").wait_for()
        model = load_model(ears)
        answer = model.task.answer(model, stereo).data()
        assert card.locator(".said").inner_text() == answer["class"]
        assert "hall.wav · ears · recorded at 44,100 samples a second, stereo, heard at 16,000, mono" in (
            card.locator(".note").inner_text()
        )
        assert card.locator("audio").count() == 1
        shown = card.locator("canvas").evaluate(
            "canvas => [...canvas.getContext('2d').getImageData(0, 0, 40, 64).data].filter((_, i) => i % 4 === 0)"
        )
        wanted = model.preprocessing.prepare(stereo).ravel()
        assert np.abs(np.array(shown) - wanted).max() <= 1
        noise = wave_bytes(np.zeros(300), 16_000)
        browser_page.set_input_files("#files", files=[{"name": "b.wav", "mimeType": "audio/wav", "buffer": noise}])
        browser_page.wait_for_selector(".answers .answer:nth-child(2)")
        assert "silent: every sample is nought" in browser_page.locator(".answers .answer").first.inner_text()


def test_a_sound_that_cannot_be_read_fails_alone(ears):
    good = wave_bytes(np.sin(np.arange(8000) / 9), 16_000)
    bad = {
        "none.wav": good[:40] + bytes(4),
        "junk.wav": b"RIFF1234WAVEjunk",
        "cut.wav": good[:30],
        "endless.wav": wave_bytes(np.full(100, np.nan), 16_000, 32, 3),
    }
    with serving(Settings((("ears", str(ears)),), limits=Limits(wait=0.2))) as address:
        place = f"{address}/v1/models/ears/predict"
        for name, content in bad.items():
            answer = httpx.post(place, files=[("p", (name, content, "audio/wav"))])
            assert (answer.status_code, answer.json()["reason"]) == (422, "unreadable"), name
        asked = [("p", (f"{number}.wav", good, "audio/wav")) for number in range(2)]
        asked[1:1] = [("p", (name, content, "audio/wav")) for name, content in bad.items()]
        told = httpx.post(place, files=asked)
        assert told.status_code == 200
        found = told.json()["predictions"]
        assert ["error" in each for each in found] == [False, *[True] * len(bad), False]
        assert "without a sample" in found[1]["error"]
        with ThreadPoolExecutor(6) as pool:  # whose sounds are computed together
            answers = list(
                pool.map(
                    lambda content: httpx.post(place, content=content, headers={"Content-Type": "audio/wav"}),
                    [good, good, bad["none.wav"], good, bad["junk.wav"], good],
                )
            )
        assert [each.status_code for each in answers] == [200, 200, 422, 200, 422, 200]
