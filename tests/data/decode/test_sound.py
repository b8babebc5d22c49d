"""Sounds: every form of WAV, what they look like, and what is said of odd ones."""

import io
import json
import struct
import wave
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hubel.arch import parse
from hubel.data import ImageError, Preprocessing, load, read_image
from hubel.data.decode.companding import SILENCE, codes_of
from hubel.data.decode.sound import BANDS, RATE, read_sound, resampled, spectrogram
from hubel.nn import build
from hubel.serve.batches import Picture
from hubel.serve.pictures import Sent
from hubel.serve.served import Served
from hubel.serve.service import Asked, told_answers
from hubel.serve.settings import Settings
from hubel.tasks import save_model
from tests.command import hubel


def tone(hertz=440.0, seconds=0.3, rate=8000, loud=0.5):
    return (loud * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def wav(samples, rate=8000, bits=16, kind=1, channels=1, extensible=False):
    """A WAV file of samples (N, or N×channels) from -1 to 1."""
    if kind == 3:
        data = samples.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        data = np.rint(samples * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.rint(samples.astype(np.float64) * (2.0 ** (bits - 1) - 1)).astype("<i4")
        data = whole.astype("<i2").tobytes() if bits == 16 else whole.tobytes()
        if bits == 24:
            data = whole.reshape(-1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else kind, channels, rate, rate * width, width, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, kind) + bytes.fromhex("000000001000800000aa00389b71")
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"LIST" + struct.pack("<I", 3) + b"odd\0"
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("bits", "kind"), [(8, 1), (16, 1), (24, 1), (32, 1), (32, 3), (64, 3)])
@pytest.mark.parametrize("extensible", [False, True])
def test_every_form_of_wav_is_the_same_sound(bits, kind, extensible):
    wanted = tone()
    found = read_sound(wav(wanted, bits=bits, kind=kind, extensible=extensible))
    assert (found.rate, found.channels, found.seconds) == (8000, 1, pytest.approx(0.3))
    assert np.abs(found.samples - wanted).max() < (0.02 if bits == 8 else 1e-3)


def test_as_the_standard_library_writes_it():
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(44100)
        writer.writeframes(np.array([[1000, 3000], [-2000, 0]], "<i2").tobytes())
    found = read_sound(file.getvalue())
    assert (found.rate, found.channels) == (44100, 2)
    assert found.samples * 32768 == pytest.approx([2000, -1000])


def test_another_rate_is_the_same_tone():
    for rate in (8000, 11025, 44100, 48000):
        found = resampled(tone(rate=rate, seconds=0.5), rate)
        assert abs(len(found) - RATE // 2) <= 1
        assert np.abs(found - tone(rate=RATE, seconds=0.5)[: len(found)])[500:-500].max() < 0.03
    assert np.abs(resampled(tone(9000, rate=44100), 44100))[500:-500].max() < 0.05  # above what 16 kHz holds


def test_low_tones_lie_below_high_ones():
    rows = []
    for hertz in (300, 1000, 3000):
        seen = spectrogram(read_sound(wav(tone(hertz))))
        assert seen.shape == (BANDS, 30)
        assert seen.max() == 255
        rows.append(int(seen[:, 15].argmax()))
    assert rows[0] > rows[1] > rows[2]
    assert not spectrogram(read_sound(wav(np.zeros(800)))).any()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (wav(tone())[:30], "whose format is cut off|without samples"),
        (wav(np.zeros(0)), "is a sound without a sample"),
        (wav(tone(), rate=10), "says 10 samples a second, expected 1,000 to"),
        (wav(tone(), rate=0), "says 0 samples a second, expected 1,000 to"),
        (wav(tone())[:12] + b"data" + bytes(8), "does not say its format"),
        (wav(np.array([0.1, np.nan, 0.2]), bits=32, kind=3), "samples that are no numbers"),
        (wav(tone(), kind=7, bits=8), r"is a WAV file of μ-law with 8 bits; PCM of"),
        (wav(tone(), channels=0), "of 0 channels, expected 1 to 64"),
        (b"fLaC" + bytes(99), r"soundfile is needed; install it with: pip install 'hubel\[sound\]'|cannot be decoded"),
    ],
)
def test_what_cannot_be_heard(content, words):
    with pytest.raises(ImageError, match=words):
        read_image(content)


def test_what_is_called_a_sound_and_is_none_is_said_to_be_none(tmp_path):
    place = tmp_path / "seven.WAV"
    place.write_bytes(b"hello" * 20)
    with pytest.raises(ImageError, match="is not a sound, whatever its name says"):
        read_image(place)


def noted(found):
    return "\n".join(found.notes)


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Two classes of sounds by their names, in parts by folders."""
    folder = tmp_path_factory.mktemp("tones")
    draw = np.random.default_rng(0)
    for part, count in (("train", 24), ("test", 6)):
        (folder / part).mkdir()
        for number in range(count):
            for name, low in (("low", 200), ("high", 1500)):
                length = draw.uniform(0.15, 0.3)
                sound = tone(low * draw.uniform(1, 1.5), length) + 0.02 * draw.standard_normal(round(length * 8000))
                (folder / part / f"{name}_{number}.wav").write_bytes(wav(sound.astype(np.float32)))
    return folder


def test_a_folder_of_sounds_is_seen_as_spectrograms(tones, tmp_path):
    found = load(tones, labels="{label}_*")
    assert found.train.classes == ("high", "low")
    assert found.train.fit == "time"
    assert found.train.shape == (64, 32, 1)
    assert "sounds are seen as spectrograms of 64 bands and 32 steps: 0.32 s" in noted(found)
    assert "brought to 16,000 samples a second: 8,000 (60)" in noted(found)
    sound = Preprocessing.for_dataset(found.train)
    assert (sound.fit, sound.ink, sound.frame) == ("time", None, None)
    path = found.test.paths[0]
    assert (sound.prepare(path) == found.test.images[0]).all()
    picture = io.BytesIO()
    Image.new("L", (40, 64)).save(picture, "PNG")
    with pytest.raises(ImageError, match="is an image, and the model was trained on sounds"):
        sound.prepare(picture.getvalue())
    with pytest.raises(ImageError, match="is a sound, and the model was trained on images"):
        Preprocessing(64, 32, 1, (0.5,), (0.2,)).prepare(path)
    network, kind = parse("64x32x1: flatten, dense 2"), Preprocessing(64, 32, 1, (0.5,), (0.2,))
    of_pictures = save_model(
        tmp_path / "m.safetensors", network, build(network), preprocessing=kind, classes=("high", "low")
    )
    told = hubel("evaluate", of_pictures, tones, "--labels", "{label}_*")
    assert told.returncode == 2
    assert "is a sound, and the model was trained on images" in told.stderr


def test_what_sounds_a_folder_holds_is_told(tones, tmp_path):
    told = hubel("data", tones, "--labels", "{label}_*").stdout
    assert "60 sounds in 2 classes" in told
    assert "recorded   8,000 samples a second, mono (60)" in told
    assert "lengths    0.1" in told
    assert "pixels" not in told
    for name, rate, channels in (("one", 44_100, 2), ("two", 8000, 1)):
        (tmp_path / name).mkdir()
        for number in range(6):
            sound = np.repeat(tone(300 + 50 * number, 0.2)[:, np.newaxis], channels, 1)
            (tmp_path / name / f"{number}.wav").write_bytes(wav(sound, rate=rate, channels=channels))
    told = hubel("data", tmp_path).stdout
    assert "44,100 samples a second, stereo (6)" in told
    assert "of 12 training sounds are held out for validation" in told
    for file in tmp_path.rglob("*.wav"):
        file.write_bytes(b"")
    assert "12 files in 2 classes" in hubel("data", tmp_path).stdout


def test_a_model_of_sounds_speaks_of_sounds(tones, tmp_path):
    done = hubel("train", tones, "--labels", "{label}_*", "--epochs", 0.5, "--run", tmp_path / "run")
    assert f"hubel predict {tmp_path / 'run'} SOUND …" in done.stdout
    assert "parameters on 48 sounds: " in done.stdout
    assert "of the test sounds right" in done.stdout
    page = (tmp_path / "run/report.html").read_text()
    for words in ("of 12 sounds right", "Sounds by class", "Number of sounds", '"example":["sound","sounds"]'):
        assert words in page
    assert "of 12 images" not in page


def test_odd_sounds_are_named(tones, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(4):
            (tmp_path / name / f"{number}.wav").write_bytes(wav(tone(300 + 900 * (name == "b"))))
    (tmp_path / "a/quiet.wav").write_bytes(wav(np.zeros(2400)))
    (tmp_path / "b/loud.wav").write_bytes(wav(np.clip(tone(loud=3.0), -1, 1)))
    stereo = np.stack([tone(rate=44100), tone(600, rate=44100)], 1)
    (tmp_path / "b/stereo.wav").write_bytes(wav(stereo, rate=44100, channels=2))
    (tmp_path / "a/cut.wav").write_bytes(wav(tone(900))[:-3600])
    told = noted(load(tmp_path))
    assert all(note in hubel("data", tmp_path).stdout for note in told.split("\n") if "seen as" not in note)
    assert "12 sounds in 2 classes" in hubel("data", tmp_path).stdout
    assert "cut off, shorter than the header says, and taken as far as it goes: 1 sound (" in told
    assert "cut.wav: 75% of it is not there)" in told
    assert "8,000 (11), 44,100 (1)" in told
    assert "1 sound of several channels is mixed down to one" in told
    assert "silent, every sample nought: 1 sound (" in told
    assert "quiet.wav" in told
    assert "clipped, recorded too loud: 1 sound (" in told
    (tmp_path / "b/broken.wav").write_bytes(wav(tone())[:30])
    with pytest.raises(ImageError, match=r"broken\.wav"):
        load(tmp_path)
    assert len(load(tmp_path, bad_images="skip").rejected) == 1
    (tmp_path / "b/broken.wav").unlink()
    Image.new("L", (40, 64)).save(tmp_path / "b/photo.png")
    with pytest.raises(ValueError, match="expected images or sounds, received both"):
        load(tmp_path)


def test_a_loud_sound_whose_channels_cancel_is_silent_once_mixed():
    loud = tone()
    apart = read_sound(wav(np.stack([loud, -loud], 1), channels=2)).troubles(64, 50)
    assert apart == ["silent: every sample is nought once its channels are mixed into one"]
    assert read_sound(wav(np.zeros(2400))).troubles(64, 50) == ["silent: every sample is nought"]


def test_a_network_by_rule_hears_them(tones, tmp_path):
    broken = tones / "train" / "low_broken.wav"
    broken.write_bytes(wav(tone())[:30])
    done = hubel(
        "train",
        tones,
        "--bad-images",
        "skip",
        "--labels",
        "{label}_*",
        "--epochs",
        4,
        "--batch-size",
        8,
        "--no-report",
        "--run",
        tmp_path / "run",
    )
    assert done.returncode == 0, done.stderr
    assert "100.00% of the test sounds right" in done.stdout
    sound = next((tones / "test").glob("low_*.wav"))
    assert "low" in hubel("predict", tmp_path / "run", sound).stdout.split()[1]
    (tmp_path / "cut.wav").write_bytes(sound.read_bytes()[:-1000])
    (tmp_path / "quiet.wav").write_bytes(wav(np.zeros(2400)))
    (tmp_path / "loud.wav").write_bytes(wav(np.clip(tone(loud=3.0), -1, 1)))
    odd = [tmp_path / f"{name}.wav" for name in ("cut", "quiet", "loud")]
    told = hubel("predict", tmp_path / "run", *odd, sound, "--json")
    assert f"answered all the same: {odd[0]}: cut off: " in told.stderr
    notes = [one.get("note", "") for one in json.loads(told.stdout)]
    parts = [note.partition("; ") for note in notes]
    assert {part[0] for part in parts} == {"recorded at 8,000 samples a second, mono, heard at 16,000"}
    assert [part[2].partition(":")[0] for part in parts] == ["cut off", "silent", "clipped", ""]
    served = Served("ears", str(tmp_path / "run"), Settings((("ears", str(tmp_path / "run")),)))
    sent = [Sent(each.read_bytes(), each.name) for each in (*odd, sound)]
    answers = served.answers([Picture(each.content, each.name, 2) for each in sent])
    said = json.loads(told_answers("ears", Asked(2), sent, answers))
    assert [one.get("note", "") for one in said["predictions"]] == notes
    told = hubel("export", tmp_path / "run", "-o", tmp_path / "ears.onnx")
    assert told.returncode == 0, told.stderr
    assert "it hears sounds" in told.stdout + told.stderr
    assert f"left out of the comparison: 1 file that cannot be read ({broken}: is a WAV file" in told.stderr
    assert "60 of your sounds" in told.stdout
    told = hubel("export", tmp_path / "run", "-o", tmp_path / "ears.html")
    assert "a page that works off line, input sound" in told.stdout, told.stderr
    broken.unlink()


def test_a_waveform_is_a_column_of_codes_in_silence_or_its_middle():
    path = wav(tone(seconds=0.1))
    codes = codes_of(resampled(tone(seconds=0.1), 8000))
    hears = Preprocessing(2000, 1, 1, (0.5,), (0.2,), fit="time")
    short = hears.prepare(path)
    assert short.shape == (2000, 1, 1)
    assert (short[200:1800, 0, 0] == codes).mean() > 0.99  # 16 bits are a little coarser than 32
    assert (short[:200] == SILENCE).all()
    assert (short[1800:] == SILENCE).all()
    assert (replace(hears, height=600).prepare(path) == short[700:1300]).all()


def test_a_network_of_one_dimension_hears_waveforms(tones, tmp_path):
    network = "4000x1: conv1d 8 64/8 relu, maxpool1d 4, conv1d 8 3 relu, globalavgpool1d, dense 2 softmax"
    asked = ("--labels", "{label}_*", "--epochs", 6, "--batch-size", 8, "--run", tmp_path / "run")
    done = hubel("train", network, tones, *asked)
    assert done.returncode == 0, done.stderr
    assert "sounds are heard as waveforms of 4,000 samples, 16,000 a second: 0.25 s, the middle" in done.stdout
    assert "100.00% of the test sounds right" in done.stdout
    page = (tmp_path / "run/report.html").read_text()
    assert "hears waveforms, whose way through its layers is not drawn here" in page
    assert "The network runs in this page" in page
    assert "media-src blob:" in page
    test = load(tones, labels="{label}_*", size=(4000, 1), channels=1).test
    assert test.seen([0, 3]).shape == (2, 64, 128, 1)
    assert set(np.unique(test.seen([0]))) == {0, 255}
    assert hubel("export", tmp_path / "run", "-o", tmp_path / "ears.onnx").returncode == 0
    sound = next((tones / "test").glob("low_*.wav"))
    for model in ("run", "ears.onnx"):
        assert hubel("predict", tmp_path / model, sound).stdout.split()[1] == "low"
    refused = hubel("look", "cam", tmp_path / "run", sound).stderr
    assert "expected a model that takes images, received one for sequences, 4000×1" in refused
    for moved in ("shift 4", "flip", "crop 0.5"):
        refused = hubel("train", network, tones, *asked[:4], "--augment", moved, "--run", tmp_path / "moved").stderr
        assert (
            f"expected augmentation 'none' with waveforms, whose samples stay where they are, received '{moved}'"
            in (refused)
        )


def test_pictures_are_no_waveforms(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.new("L", (40, 64), 200).save(tmp_path / name / f"{number}.png")
    told = hubel("train", "400x1: conv1d 8 3, globalavgpool1d, dense 2 softmax", tmp_path)
    assert "expected a network of pictures, received one of sequences, 400×1, which hears the waveforms" in told.stderr


def of_one_pitch(folder, hertz, count, **how):
    """So many tones of nearly one pitch, each another."""
    random = np.random.default_rng(round(hertz))
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pitch, seconds = hertz * random.uniform(1, 1.1), random.uniform(0.3, 0.5)
        (folder / f"{round(hertz)}-{number}.wav").write_bytes(wav(tone(pitch, seconds, **how)))


def test_tones_are_held_out_as_any_class_is(tmp_path):
    """Their spectrograms are nearly one picture; they are not one recording."""
    of_one_pitch(tmp_path / "low", 200, 20)
    of_one_pitch(tmp_path / "low", 300, 20)
    of_one_pitch(tmp_path / "high", 2000, 40)
    splits = load(tmp_path, validation=0.2)
    assert str(splits.held_out) == "16 of 80 training sounds are held out for validation (20% a class)"
    assert np.bincount(splits.validation.labels).tolist() == [8, 8]


AGAIN = {
    "less loud": lambda samples: wav(samples / 3),
    "24 bits": lambda samples: wav(samples, bits=24),
    "at another rate": lambda samples: wav(resampled(samples, 8000, 44100), rate=44100),
    "in stereo": lambda samples: wav(np.stack([samples, samples], 1), channels=2),
}


@pytest.mark.parametrize("how", AGAIN)
def test_one_recording_is_on_one_side(tmp_path, how):
    folder = tmp_path / "a"
    folder.mkdir()
    for number in range(20):
        samples = (0.2 * np.random.default_rng(number).standard_normal(2400)).clip(-1, 1).astype(np.float32)
        (folder / f"{number}.wav").write_bytes(wav(samples))
        (folder / f"{number}-again.wav").write_bytes(AGAIN[how](samples))
    held = load(tmp_path, validation=0.2).validation
    numbers = sorted(path.rpartition("/")[2].removesuffix(".wav").removesuffix("-again") for path in held.paths)
    assert len(held) == 8
    assert numbers[::2] == numbers[1::2]


def test_of_which_less_is_held_out_is_said(tmp_path):
    of_one_pitch(tmp_path / "b", 500, 10)
    of_one_pitch(tmp_path / "a", 200, 4)
    for number, hertz in enumerate((900, 1300)):
        for again in range(18):
            (tmp_path / "a" / f"{number}-{again}.wav").write_bytes(wav(tone(hertz, loud=0.1 + again / 45)))
    held = load(tmp_path, validation=0.2).held_out
    assert held.less == {"a": [4, 40]}
    assert str(held).endswith("(20% a class, but of a 4 of 40: the others are nearly copies)")
