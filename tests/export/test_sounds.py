"""Models that hear leave as pages and packages that take WAV files, and the microphone, and answer as predict does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hubel
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.data.decode.sound import read_sound, spectrogram, waveform
from hubel.export import export
from hubel.export.odd_sounds import odd_sounds, wave_bytes
from hubel.export.page.trial import found_node
from hubel.nn import build
from hubel.tasks import LoadedModel, save_model
from hubel.view.writers.linked import program
from tests.export.test_forms import alone
from tests.export.test_onnx import lived_in
from tests.work import HANG

CLASSES = ("high", "low")
HEARD = {
    "spectrogram": "64x40x1: conv 4 3x3/2 relu, conv 6 3x3/2 relu, globalavgpool, dense 2 softmax",
    "waveform": "3000x1: conv1d 4 80/8 relu, maxpool1d 4, conv1d 6 3 relu, globalavgpool1d, dense 2",
}
needs_node = pytest.mark.skipif(found_node() is None, reason="Node runs a page's programs")


def tone(hertz: float, seconds: float = 0.5, rate: int = 16_000) -> bytes:
    """A WAV file of one tone."""
    return wave_bytes(0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate), rate)


def ears(text: str) -> LoadedModel:
    """A model that hears, which has learnt nothing."""
    network = hubel.parse(text)
    height, width, channels = (*network.input[:-1], 1, 1)[:3]
    kind = Preprocessing(height, width, channels, (0.3,), (0.25,), "time")
    return LoadedModel(network, lived_in(network, 3), kind, CLASSES)


def pitched() -> LoadedModel:
    """A model that says whether the upper or the lower bands are louder."""
    network = hubel.parse("64x40x1: flatten, dense 2")
    module = build(network).eval()
    with torch.no_grad():
        for name, numbers in module.named_parameters():
            numbers.zero_()
            if name.endswith("weight"):
                numbers[0, : 32 * 40] = numbers[1, 32 * 40 :] = 0.01
    return LoadedModel(network, module, Preprocessing(64, 40, 1, (0.0,), (1.0,), "time"), CLASSES)


@needs_node
@pytest.mark.parametrize("kind", HEARD)
def test_a_page_is_run_on_sounds_before_it_is_written(kind: str, tmp_path: Path) -> None:
    found = export(ears(HEARD[kind]), tmp_path / "ears.html", check=[tone(300), tone(2000, rate=44_100)])
    assert found.check is not None
    assert (found.input, found.check.examples, found.check.pictures) == ("sound", "sounds", 2)
    assert found.check.odd >= 40
    assert "on 2 of your sounds and 41 odd ones: probabilities differ by at most" in found.lines()[1]


@needs_node
def test_a_page_sees_of_sounds_what_hubel_sees(tmp_path: Path) -> None:
    script = """
import { soundSeen } from "hubel/view/sound/seen";
async function main() {
  const { readFileSync } = await import("node:fs");
  const found = JSON.parse(readFileSync(process.argv[2])).map(([sound, height, width]) => {
    const seen = soundSeen(Uint8Array.from(atob(sound), (c) => c.charCodeAt(0)), { height, width });
    return { data: [...seen.data], notes: seen.notes.join("; ") };
  });
  process.stdout.write(JSON.stringify(found));
}
main();
"""
    from base64 import b64encode

    asked: list[Any] = []
    wanted: list[Any] = []
    for _, content in odd_sounds():
        sound = read_sound(content)
        seen = np.pad(spectrogram(sound), ((0, 0), (1, 1)))  # a step of silence before and behind
        for height, width, picture in ((64, seen.shape[1], seen), (5000, 1, waveform(sound, 5000))):
            asked.append([b64encode(content).decode(), height, width])
            wanted.append((picture.ravel(), "; ".join(sound.notes(height, width))))
    (tmp_path / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    (tmp_path / "seen.mjs").write_text(program(["seen"], {"seen": script}), encoding="utf-8")
    node = found_node()
    assert node is not None
    told = subprocess.run(
        [node, tmp_path / "seen.mjs", tmp_path / "asked.json"], capture_output=True, check=True, timeout=HANG
    )
    off = []
    for found, (picture, notes) in zip(json.loads(told.stdout), wanted, strict=True):
        assert found["notes"] == notes
        off.append(np.abs(np.array(found["data"]) - picture))
        assert off[-1].max() <= 1
    assert np.concatenate(off).mean() < 1e-3


def test_a_page_answers_as_predict_does_and_plays(tmp_path: Path, browser_page: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("hubel.export.page.trial.found_node", lambda: None)
    model = ears(HEARD["spectrogram"])
    export(model, tmp_path / "ears.html")
    sounds = {
        "plain.wav": tone(700),
        "hall.wav": dict(odd_sounds())["stereo"],
        "none.wav": dict(odd_sounds())["silent"],
    }
    browser_page.goto((tmp_path / "ears.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    for name, content in sounds.items():
        browser_page.set_input_files("#files", files=[{"name": name, "mimeType": "audio/wav", "buffer": content}])
        browser_page.wait_for_selector(f"figure.answer >> text={name}")
        card = browser_page.locator("figure.answer").first
        answer = model.task.answer(model, content).data()
        assert card.locator(".said").inner_text() == answer["class"]
        shares = [float(text.rstrip("%")) for text in card.locator(".share").all_inner_texts()]
        assert shares == pytest.approx([100 * each["probability"] for each in answer["top"]], abs=0.1)
        assert card.locator(".note").inner_text() == " · ".join(
            [name, *filter(None, ["; ".join(read_sound(content).notes(64, model.preprocessing.width))])]
        )
        assert card.locator("canvas").get_attribute("aria-label") == "the spectrogram that the network sees"
        seconds = len(read_sound(content).samples) / read_sound(content).rate
        player = card.locator("audio")
        player.evaluate("player => player.readyState || new Promise((done) => (player.onloadedmetadata = done))")
        assert player.evaluate("player => player.duration") == pytest.approx(seconds, abs=0.01)
    for name, content, why in (
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "a.png is no WAV file; this page reads no others"),
        ("b.wav", tone(300)[:40], "b.wav is a WAV file without samples"),
    ):
        browser_page.set_input_files("#files", files=[{"name": name, "mimeType": "audio/wav", "buffer": content}])
        browser_page.wait_for_selector(f"figure.answer .refused >> text={why}")


@pytest.mark.parametrize(("hertz", "said"), [(5000, "high"), (200, "low")])
def test_the_microphone_is_heard(hertz: float, said: str, tmp_path: Path, browser: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("hubel.export.page.trial.found_node", lambda: None)
    if browser.browser_type.name != "chromium":
        pytest.skip("Chromium plays a file as its microphone")
    export(pitched(), tmp_path / "ears.html")
    (tmp_path / "played.wav").write_bytes(tone(hertz, 2, 48_000))
    played = f"--use-file-for-fake-audio-capture={tmp_path / 'played.wav'}"
    options = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    own = browser.browser_type.launch(executable_path=program_of(), args=[*options, played])
    try:
        page = own.new_page()
        page.set_default_timeout(1000 * HANG)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((tmp_path / "ears.html").as_uri())
        page.wait_for_selector("html[data-ready]")
        page.get_by_role("button", name="Microphone").click()
        page.get_by_role("button", name="Record").click()
        page.wait_for_selector(".answer-place .said")
        assert page.locator(".answer-place .said").inner_text() == said
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector(".answers .answer")
        assert page.locator(".answers .said").inner_text() == said
        assert "microphone, 0.40 s · recorded at 4" in page.locator(".answers .note").inner_text()
        assert "the loudest 0.40 s are kept" in page.locator(".beside .note").first.inner_text()
        assert not errors
    finally:
        own.close()


def program_of() -> str:
    """The browser's program."""
    import shutil

    from tests.conftest import CHROMIUM

    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found is not None
    return found


def test_without_a_microphone_a_page_says_so(tmp_path: Path, browser_page: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("hubel.export.page.trial.found_node", lambda: None)
    export(pitched(), tmp_path / "ears.html")
    browser_page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    browser_page.goto((tmp_path / "ears.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    browser_page.get_by_role("button", name="Microphone").click()
    assert "over https or on this machine alone" in browser_page.locator(".holder").inner_text()


@pytest.mark.parametrize("kind", HEARD)
def test_a_package_hears_without_hubel(kind: str, tmp_path: Path) -> None:
    model = ears(HEARD[kind])
    found = export(model, tmp_path / "ears", to="package", check=[tone(300)])
    assert found.check is not None
    assert (found.check.examples, found.check.largest < 1e-4) == ("sounds", True)
    (tmp_path / "hall.wav").write_bytes(dict(odd_sounds())["stereo"])
    (tmp_path / "cut.wav").write_bytes(tone(300)[:40])
    told = alone(tmp_path / "ears", "predict.py", str(tmp_path / "hall.wav"), str(tmp_path / "cut.wav"))
    answer = model.task.answer(model, tmp_path / "hall.wav").data()
    assert told.stdout.split("   ")[1] == f"{answer['class']} {answer['probability']:.1%}"
    said = (
        "recorded at 44,100 samples a second, stereo, heard at 16,000, mono; only the middle 0.19 s of 0.90 s are heard"
    )
    assert told.stdout.rstrip().endswith(said if kind == "waveform" else said.replace("0.19", "0.40"))
    assert (told.returncode, told.stderr) == (1, f"{tmp_path / 'cut.wav'}: is a WAV file without samples\n")
    assert alone(tmp_path / "ears", "test_predict.py").returncode == 0
    card = (tmp_path / "ears" / "README.md").read_text(encoding="utf-8")
    assert "python predict.py seven.wav" in card
    assert "WAV files of any rate" in card


def test_onnx_takes_what_the_network_sees_and_names_what_takes_files(tmp_path: Path) -> None:
    model = ears(HEARD["spectrogram"])
    found = export(model, tmp_path / "ears.onnx", check=[tone(300)])
    assert found.check is not None
    assert (found.input, found.check.examples) == ("sized", "sounds")
    assert "a package (--to package) or a page (--to web) takes WAV files" in found.notes[0]
    with pytest.raises(SettingError, match=r"a package .* takes WAV files"):
        export(model, tmp_path / "ears.onnx", input="image")


def test_predict_says_how_sounds_are_brought_to_what_is_heard(tmp_path: Path, capsys: Any) -> None:
    from hubel.cli import main

    model = ears(HEARD["spectrogram"])
    file = save_model(
        tmp_path / "ears.safetensors",
        model.network,
        model.module,
        preprocessing=model.preprocessing,
        classes=CLASSES,
    )
    (tmp_path / "hall.wav").write_bytes(dict(odd_sounds())["stereo"])
    assert main(["predict", str(file), str(tmp_path / "hall.wav"), "--json"]) == 0
    told = capsys.readouterr()
    brought = "recorded at 44,100 samples a second, stereo, heard at 16,000, mono"
    words = f"{brought}; only the middle 0.40 s of 0.90 s are heard"
    assert json.loads(told.out)[0]["note"] == words
    assert f"brought to what the network hears: {tmp_path / 'hall.wav'}: {brought}" in told.err
    assert f"answered all the same: {tmp_path / 'hall.wav'}: only the middle 0.40 s of 0.90 s are heard" in told.err
    assert main(["find", "index", str(file), str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["find", str(file), str(tmp_path / "hall.wav"), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["images"][0]["note"] == words
    assert f"brought to what the network hears: {tmp_path / 'hall.wav'}: {brought}" in told.err
