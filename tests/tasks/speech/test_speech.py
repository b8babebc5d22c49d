"""Recordings: read as samples, learnt, measured, spoken, taken out."""

import io
import json
import math
import wave

import numpy as np
import onnxruntime
import pytest
import torch

import hubel
from hubel import zoo
from hubel.arch import analyse, parse
from hubel.data.decode.companding import codes_of, samples_of
from hubel.data.decode.sound import read_sound
from hubel.data.speech.load import load
from hubel.data.speech.targets import VOID
from hubel.tasks import evaluate, task_of, task_of_network
from hubel.tasks.speech.speaking import speak
from hubel.train import Recipe, train
from tests.command import hubel as hubel_command
from tests.tasks.little import tone

LABELS = "{label}_{speaker}_{number}"
NETWORK = (
    "128x5: conv1d 16 2 causal, sum(product(conv1d 16 2 causal, tanh | conv1d 16 2 causal, sigmoid), conv1d 16 1 | "
    "identity), sum(product(conv1d 16 2 causal dilation=2, tanh | conv1d 16 2 causal dilation=2, sigmoid), conv1d 16 1 "
    "| identity), relu, conv1d 256 1"
)
RECIPE = Recipe(
    epochs=30, batch_size=4, learning_rate=0.01, augmentation="none", label_smoothing=0.0, initializer="pytorch",
    threads=1, precision="float32", ema=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A slow tone is "low", a fast one "high"; who speaks is loud or quiet."""
    folder = tmp_path_factory.mktemp("said")
    for number in range(24):
        label, speaker = ("low", "high")[number % 2], ("ann", "bob")[number // 2 % 2]
        name = f"{label}_{speaker}_{number}.wav"
        tone(folder / name, (50, 200)[number % 2] + number, seconds=0.12, loud=(0.8, 0.2)[number // 2 % 2])
    return folder


@pytest.fixture(scope="module")
def splits(recordings):
    return load(recordings, labels=LABELS, size=(128, 1), validation=0.25)


@pytest.fixture(scope="module")
def run(recordings, splits, tmp_path_factory):
    source = {"source": str(recordings), "labels": LABELS, "size": [128, 1], "validation": 0.25, "task": "speech"}
    return train(parse(NETWORK), splits, RECIPE, tmp_path_factory.mktemp("runs") / "tones", source=source)


@pytest.fixture(scope="module")
def model(run):
    return run.model()


def pitch(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples - samples.mean()))
    return spectrum.argmax() * rate / len(samples)


def test_codes_are_those_of_the_law():
    samples = np.linspace(-1, 1, 1001, dtype=np.float32)
    codes = codes_of(samples)
    curved = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    assert (codes == np.round((curved + 1) * 127.5 + 1e-9)).mean() > 0.99
    assert codes_of(np.float32([-3, -1, 0, 1, 3])).tolist() == [0, 0, 128, 255, 255]
    assert (codes_of(samples_of(np.arange(256))) == np.arange(256)).all()
    assert np.abs(samples_of(codes) - samples).max() < 0.022


def test_windows_hold_each_sample_once_after_those_before_it(recordings):
    splits = load(recordings, labels=LABELS, size=(64, 1))
    images, targets = splits.train.images, splits.train.targets
    path = recordings / "low_ann_0.wav"
    wanted = codes_of(read_sound(path.read_bytes()).samples)
    rows = [row for row, name in enumerate(splits.train.paths) if name == str(path)]
    values = targets.values[rows]
    assert len(rows) == 3
    assert (np.concatenate([row[row != VOID] for row in values]) == wanted).all()
    assert (values[1, :16] == VOID).all()
    assert (values[1, 16:] != VOID).any()
    for row in rows:
        seen, own = images[row, :, 0, 0], targets.values[row]
        both = (own[:-1] != VOID) & (own[1:] != VOID)
        assert (seen[1:][both] == own[:-1][both]).all()
    assert images[rows[0], 0, 0].tolist() == [128, 0, 255, 255, 0]
    assert (images[rows[0], :, 0, 1:] == images[rows[0], 0, 0, 1:]).all()


def test_what_is_decided_is_said(splits):
    said = "\n".join(splits.notes)
    assert "told of each recording: label (2), speaker (2)" in said
    assert "24 recordings of 1,000 samples a second, in windows of 128 (0.13 s)" in said
    assert splits.held_out is not None
    assert splits.train.targets.seconds == (0.12, 0.12)


def test_what_is_said_is_described(recordings):
    told = hubel_command("data", recordings, "--task", "speech", "--labels", LABELS, "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["task"], found["rate"]) == ("speech", 1000)
    for kind in ("label", "speaker"):
        assert {word: each["recordings"] for word, each in found["words"][kind].items()} == dict.fromkeys(
            ("high", "low") if kind == "label" else ("ann", "bob"), 12
        )
    assert sum(each["seconds"] for each in found["parts"].values()) == pytest.approx(24 * 0.12)
    assert (
        "24 recordings, 3 s at 1,000 samples a second"
        in hubel_command("data", recordings, "--task", "speech", "--labels", LABELS).stdout
    )


def test_it_learns_to_say_what_it_is_told(splits, model):
    found = evaluate(model, splits.validation)
    assert found.figures["bits"] == pytest.approx(found.figures["loss"] / math.log(2))
    assert found.figures["bits"] < 5.5  # of 8
    told = [{"label": label, "speaker": speaker} for label in ("low", "high") for speaker in ("ann", "bob")]
    said = speak(model, told, seconds=0.4, temperature=0.5, seed=1)
    assert [each.told for each in said] == told
    pitches = [pitch(each.samples, each.rate) for each in said]
    assert max(pitches[:2]) < 110 < min(pitches[2:])
    loud = [float(np.abs(each.samples).max()) for each in said]
    assert loud[0] > 2 * loud[1]
    assert loud[2] > 2 * loud[3]


def test_bits_stand_beside_those_of_how_often_codes_come(splits, model):
    found = evaluate(model, splits.validation)
    wanted = splits.validation.targets.values
    counts = np.bincount(wanted[wanted >= 0])
    shares = counts[counts > 0] / counts.sum()
    bits = float(-(shares * np.log2(shares)).sum())
    assert found.data()["codes"] == pytest.approx({"bits": bits, "loss": bits * math.log(2)})
    assert found.table(0).rows[0] == ("bits a sample", f"{found.figures['bits']:.4f}", f"{bits:.4f}")


def test_a_sample_at_a_time_says_what_the_whole_says(model, splits):
    images = torch.from_numpy(splits.train.images[:2].copy())
    inputs = model.preprocessing.normalise(images)
    with torch.inference_mode(), hubel.nn.modules.carrying(model.module):
        pieces = [model.module.logits(inputs[:, :, at : at + 1]) for at in range(inputs.shape[2])]
    with torch.inference_mode():
        whole = model.module.logits(inputs)
    assert torch.allclose(torch.cat(pieces, 2), whole, atol=1e-5)


def test_equal_seeds_say_the_same(model):
    one, other, third = (model.make(say="low", speaker="bob", seconds=0.05, seed=seed) for seed in (3, 3, 4))
    assert one.wav() == other.wav() != third.wav()
    with wave.open(io.BytesIO(one.wav())) as file:
        assert file.getparams()[:4] == (1, 2, 1000, 50)


def test_from_the_command_line(run, recordings, tmp_path):
    done = hubel_command("predict", str(run.directory), "--say", "high", "-o", str(tmp_path / "a.wav"), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["label"] == "high"
    assert told["seconds"] == 0.12
    assert len(read_sound((tmp_path / "a.wav").read_bytes()).samples) == 120
    done = hubel_command("evaluate", str(run.directory), str(recordings), "--labels", LABELS)
    assert "bits a sample" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--say", "lo"], "expected a label that the model was told, high, low, received 'lo'; did you mean 'low'?"),
        (["--say", "low", "--speaker", "eve"], "expected a speaker that the model was told, ann, bob"),
        (["--say", "low", "--seconds", "0.00001"], "expected a number from 0.01 to 60, received '0.00001'"),
        (["--say", "low", "--seconds", "0"], "expected a number from 0.01 to 60, received '0'"),
        (["--say", "low", "-o", "a.txt"], "expected -o with a file that ends with .wav"),
        (["--say", "low", "-o", "a.mp3"], "expected -o with a file that ends with .wav, received 'a.mp3'"),
        (["--prompt", "low"], "--prompt is for models that write"),
        (["a.wav"], "this model speaks, received 'a.wav'"),
    ],
)
def test_what_cannot_be_said_is_refused(run, arguments, words):
    done = hubel_command("predict", str(run.directory), *arguments)
    assert done.returncode
    assert words in " ".join(done.stderr.split())


def test_copies_and_what_is_held_out_whole_are_told(tmp_path):
    """Recordings that resemble one another stay together, so that more are held out than was wanted."""
    for number in range(24):
        label, speaker = ("low", "high")[number % 2], ("ann", "bob")[number // 2 % 2]
        tone(tmp_path / f"{label}_{speaker}_{number}.wav", (20, 33)[number % 2] * (1 + number // 2 % 2), seconds=0.5)
    said = hubel_command("data", str(tmp_path), "--task", "speech", "--labels", LABELS).stdout
    assert "20 recordings are exact copies of others" in said
    held = load(tmp_path, labels=LABELS, validation=0.25).held_out
    assert str(held).startswith("12 of 24 training sounds are held out for validation (25% a label, but of ")
    assert "6 of 12: many are nearly copies, which stay together" in str(held)
    for name in ("low_ann_1", "high_ann_3"):
        tone(tmp_path / "few" / f"{name}.wav", 20, seconds=0.5)
    for number in range(8):
        tone(tmp_path / "few" / f"{('low', 'high')[number % 2]}_bob_{number}.wav", 50 + 11 * number, seconds=0.5)
    splits = load(tmp_path / "few", labels=LABELS, validation=0.5)
    told, left = splits.train.targets, {"ann", "bob"}
    left -= {told.known["speaker"][number] for number in told.words[:, 1]}
    assert any("nothing is learnt of" in note for note in splits.notes) == bool(left)


def test_other_recordings_are_read_as_its_own(model, recordings, tmp_path):
    tone(tmp_path / "low_ann_0.wav", 50, seconds=0.12, rate=4000)
    other = load(tmp_path, labels=LABELS, size=(128, 1), **model.task.reading())
    assert other.train.targets.rate == 1000
    assert len(other.train) == 1
    assert any("brought to 1,000 samples a second: 4,000 (1)" in note for note in other.notes)
    tone(tmp_path / "low_eve_1.wav", 50)
    with pytest.raises(ValueError, match=r"told no speaker eve; it knows ann, bob"):
        load(tmp_path, labels=LABELS, **model.task.reading())
    with pytest.raises(ValueError, match="names of files that say the speaker"):
        load(tmp_path, labels="{label}_*", **model.task.reading())


def test_what_is_no_recording_is_named(tmp_path):
    tone(tmp_path / "low_1.wav", 50)
    tone(tmp_path / "low_2.wav", 50)
    (tmp_path / "low_3.wav").write_bytes(b"RIFF0000WAVE")
    with pytest.raises(ValueError, match=r"low_3\.wav: is a WAV file without samples"):
        load(tmp_path, labels="{label}_*")
    left = load(tmp_path, labels="{label}_*", bad_images="skip")
    assert len(left.train) == 2
    assert [error.path for error in left.rejected] == [str(tmp_path / "low_3.wav")]
    with pytest.raises(ValueError, match="expected recordings as files"):
        load("mnist")


def test_silence_alone_is_refused(tmp_path):
    tone(tmp_path / "low_1.wav", 50, loud=0)
    with pytest.raises(ValueError, match="received silence alone"):
        load(tmp_path, labels="{label}_*").train.targets.check_training()


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("128x5: conv1d 16 2 same, conv1d 256 1", "conv1 does not; causal conv1d"),
        ("128x5: conv1d 16 2 causal, conv1d 255 1", "expected a network with 256 outputs after each step"),
        ("128x4: conv1d 256 2 causal", "expected a network of 128×5, a sample and 4 words"),
        ("128: embed 256 4, conv1d 256 2 causal", "expected a network of 128×5"),
    ],
)
def test_networks_that_do_not_fit_are_refused(splits, network, words):
    with pytest.raises(ValueError, match=words):
        task_of(splits.train).check(parse(network), splits.train.shape)


def test_wavenet_sees_as_many_samples_as_its_blocks_say():
    network = zoo.get("wavenet", input=(4096, 1, 17))
    report = analyse(network)
    assert report.output_shape == (4096, 256)
    assert task_of_network(network) == "speech"
    with pytest.raises(ValueError, match="expected a depth from 1 to 16"):
        zoo.get("wavenet", depth=17)


def test_the_exported_file_goes_on_step_by_step(model, splits, tmp_path):
    told = hubel.export(model, tmp_path / "speak.onnx").notes
    assert any("the code of the sample before" in note and "255 for what is told" in note for note in told)
    session = onnxruntime.InferenceSession(str(tmp_path / "speak.onnx"))
    given = model.preprocessing.normalise(torch.from_numpy(splits.train.images[:1].copy()))[..., 0]
    memories = {each.name: np.zeros((1, *each.shape[1:]), np.float32) for each in session.get_inputs()[1:]}
    assert len(memories) == 5
    names = [each.name for each in session.get_outputs()]
    found = []
    for at in range(0, 64):
        outputs = dict(
            zip(names, session.run(None, {"input": given[..., at : at + 1].numpy(), **memories}), strict=True)
        )
        found.append(outputs["scores"])
        memories = dict(zip(memories, [outputs[name] for name in names[1:]], strict=True))
    with torch.inference_mode():
        wanted = model.module.logits(given).numpy()[..., :64]
    assert np.abs(np.concatenate(found, 2) - wanted).max() < 1e-4


def test_the_report_shows_what_it_says(model, splits):
    (section,) = model.task.sections(model, splits.validation)
    assert section.pictures
    assert all(picture.dtype == np.uint8 for _, picture in section.pictures)
