"""Dreams: what grows, what repeats, what is left alone, what is written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.cli import main
from hubel.look.made.dream import deep_dream
from tests.look.conftest import untrained

SMALL = {"octaves": 2, "steps": 4}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    rows, columns = np.mgrid[0:48, 0:40]
    return np.stack([rows * 5, columns * 6, (rows + columns) * 2], 2).astype(np.uint8)


def test_a_class_comes_out_of_noise(digits_model):
    dream = deep_dream(digits_model, class_name="3", steps=20, rate=0.03, jitter=0)
    assert dream.picture.shape == (28, 28, 1)
    assert dream.octaves == ((20, 20), (28, 28))
    with torch.no_grad():
        picture = digits_model.preprocessing.normalise(torch.from_numpy(dream.picture.copy())[None])
        assert digits_model.module(picture)[0, 3] > 0.9
    assert dream.scores[-1] > dream.scores[0] + 3


@pytest.mark.parametrize("channel", [None, 2])
def test_what_is_aimed_at_grows(colour_model, photo, channel):
    dream = deep_dream(colour_model, photo, layer="concat1", channel=channel, jitter=0, **SMALL)
    assert dream.picture.shape == photo.shape
    assert dream.octaves == ((34, 29), (48, 40))
    assert len(dream.scores) == 9
    for octave in (dream.scores[:4], dream.scores[4:]):
        assert octave[-1] > octave[0]
    assert np.abs(dream.picture.astype(int) - photo).mean() > 1


@pytest.mark.parametrize(
    ("text", "layer"),
    [("16x16x3: conv 4 3x3 same relu, conv 3 1x1 softmax", "conv2"), ("16x16x3: flatten, dense 3 softmax", "dense1")],
)
def test_the_last_layer_is_dreamt_of_by_its_scores(text, layer):
    model = untrained(parse(text), ("a", "b", "c"))
    grey = np.full((16, 16, 3), 127, np.uint8)
    dream = deep_dream(model, grey, layer=layer, channel=1, jitter=0, octaves=1, steps=8)
    with torch.no_grad():
        scores = model.module.logits(model.preprocessing.normalise(torch.from_numpy(grey[None])))
    assert dream.scores[0] == pytest.approx(float(scores[0, 1].mean()), abs=1e-4)
    assert dream.scores[-1] > dream.scores[0]


def test_the_same_seed_dreams_the_same(digits_model, colour_model, photo):
    for model, image in ((digits_model, None), (colour_model, photo)):
        one, same, other = (deep_dream(model, image, jitter=3, seed=seed, **SMALL).picture for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()


def test_shifts_are_taken_back(colour_model, photo):
    dream = deep_dream(colour_model, photo, octaves=1, steps=5, jitter=9, rate=1e-4)
    np.testing.assert_allclose(dream.picture.astype(int), photo, atol=1)


def test_variation_makes_smoother_pictures(colour_model, photo):
    rough, smooth = (
        deep_dream(colour_model, photo, layer="concat1", variation=weight, rate=0.03, **SMALL).picture.astype(int)
        for weight in (0, 3)
    )
    assert np.abs(np.diff(smooth, axis=0)).mean() < np.abs(np.diff(rough, axis=0)).mean()


def test_any_size_where_the_weights_allow_it(digits_model):
    """Maps of a convolution are as many as there is room for; a dense layer has its own size."""
    large = deep_dream(digits_model, layer="conv2", channel=1, longest=56, **SMALL)
    assert large.picture.shape == (56, 56, 1)
    assert deep_dream(digits_model, layer="dense1", longest=56, **SMALL).picture.shape == (28, 28, 1)
    local = untrained(parse("16x16x1: local 2 3x3 relu, flatten, dense 2"), ("a", "b"))
    assert deep_dream(local, layer="local1", longest=48, octaves=1, steps=1).picture.shape == (16, 16, 1)


def test_the_last_score_is_the_pictures_own(colour_model, photo):
    longer = deep_dream(colour_model, photo, layer="concat1", jitter=0, octaves=1, steps=4)
    for steps in (1, 2, 3):
        dream = deep_dream(colour_model, photo, layer="concat1", jitter=0, octaves=1, steps=steps)
        assert dream.scores == pytest.approx(longer.scores[: steps + 1], rel=1e-5)
        assert dream.outcome.endswith(f"after {steps} step{'s' * (steps > 1)}")


def test_a_longest_side_that_is_said_is_what_comes(digits_model, colour_model, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "photo.png")
    for image in (photo, tmp_path / "photo.png"):
        for longest, size in ((24, (24, 20)), (96, (96, 80))):
            dream = deep_dream(colour_model, image, layer="concat1", octaves=1, steps=1, longest=longest)
            assert dream.picture.shape[:2] == size
    ink = replace(digits_model, preprocessing=replace(digits_model.preprocessing, ink="light"))
    framed = ink if digits_model.preprocessing.ink is None else digits_model
    with pytest.raises(ValueError, match=r"this model frames what it is shown by its ink, in 28×28 pixels"):
        deep_dream(framed, tmp_path / "photo.png", layer="conv2", longest=100)


def test_nothing_is_moved(colour_model, photo):
    module = colour_model.module
    module.train()
    before = torch.get_rng_state()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        with torch.no_grad():
            deep_dream(colour_model, photo, **SMALL)
        assert all(part.training for part in module.modules())
    finally:
        module.eval()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(weight.requires_grad and weight.grad is None for weight in module.parameters())
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layer": "conv9"}, "did you mean"),
        ({"layer": "conv1", "channel": 8}, "a channel from 0 to 7 of conv1, received 8"),
        ({"layer": "conv1", "class_name": "bee"}, "either a class or a layer"),
        ({"class_name": "wasp"}, "one of the model's classes"),
        ({"octaves": 0}, "octaves and steps of at least 1"),
        ({"rate": 0}, "a rate above 0"),
    ],
)
def test_mistakes(colour_model, photo, settings, words):
    with pytest.raises((KeyError, ValueError), match=words):
        deep_dream(colour_model, photo, **settings)


def test_noise_is_dreamt_as_large_as_can_be_seen_where_the_layer_takes_it(colour_model):
    own = colour_model.preprocessing.height
    assert deep_dream(colour_model, layer="concat1", octaves=1, steps=1).picture.shape[0] == 224 > own
    assert deep_dream(colour_model, layer="concat1", octaves=1, steps=1, longest=own).picture.shape[0] == own


def test_files(colour_model, photo, tmp_path):
    steps = []
    dream = deep_dream(colour_model, photo, keep_frames=True, on_step=lambda *told: steps.append(told), **SMALL)
    assert [step[:2] for step in steps] == [(number, 8) for number in range(1, 9)]
    assert len(dream.frames) == 8
    with Image.open(dream.save(tmp_path / "dream.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), dream.picture.repeat(5, 0).repeat(5, 1))  # large enough to see
    for name in ("dream.gif", "dream.apng"):
        with Image.open(dream.save(tmp_path / name)) as image:
            assert (image.size, image.n_frames > 4) == ((200, 240), True)
    assert "DeepDream" in dream.save(tmp_path / "dream.svg").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"ends with .png.* received '.bmp'"):
        dream.save(tmp_path / "dream.bmp")


def test_the_command(digits_run, digit, tmp_path, capsys):
    target, frames = tmp_path / "dream.gif", tmp_path / "frames"
    arguments = [
        "look",
        "dream",
        str(digits_run.directory),
        str(digit),
        "--class",
        "3",
        "--octaves",
        "1",
        "--steps",
        "3",
    ]
    assert main([*arguments, "-o", str(target), "--frames", str(frames)]) == 0
    shown, notes = capsys.readouterr()
    assert "the logit of 3" in shown
    assert "wrote 3 frames" in notes
    assert "28×28 pixels, written 8 times as large" in notes
    assert sorted(path.name for path in frames.iterdir()) == [f"frame-000{number}.png" for number in (1, 2, 3)]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [28, 28, 1]
    with pytest.raises(SystemExit):
        main([*arguments, "-o", str(tmp_path / "dream.doc")])
    assert "ends with .png" in capsys.readouterr().err


def test_a_pipe_is_told_how_far_a_dream_is(digits_run: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("hubel.view.words.terminal.QUIET", 0.01)
    line = ["look", "dream", str(digits_run.directory), "--longest", "64", "--steps", "8", "--octaves", "2"]
    assert main(line) == 0
    assert re.search(r"^dreaming, [-\d.e+]+: step \d+ of 16, 0 s$", capsys.readouterr().err, re.MULTILINE)
