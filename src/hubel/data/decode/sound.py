"""Sounds, seen as pictures: a WAV file's log-mel spectrogram, which classifies as any picture does, or its waveform.

Rows are 64 bands of the mel scale, 0 to 8 kHz, the highest on top; columns are steps of 10 ms; shades are decibels
below the file's loudest point, −80 black and 0 white. A waveform is a picture of one column, a row a sample: its code
of the μ-law. All of it in NumPy; other kinds than WAV by soundfile where that
is installed.
"""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.errors import SettingError
from hubel.data.decode.companding import SILENCE, codes_of, samples_of

RATE = 16_000  # samples a second that every sound is brought to
BANDS, HOP, WINDOW, POINTS = 64, 160, 400, 512  # of a spectrogram: bands; samples a step, a window, a transform
DECIBELS = 80.0  # below the loudest point, which are black
SECONDS = 60.0  # of a file that are heard, the middle ones
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".mp3")
MARK = "sound"  # in a picture's info, where the sound itself lies
Samples = npt.NDArray[np.float32]
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FULL = 0.999  # of the range, where a sample is at its end
_OUTLINE = 128  # stretches of a waveform that is shown
_STREAMED = 0x7FFF_0000  # bytes of samples, from which a header was written before they were counted
_CLIPPED = 0.002  # share of samples there, from which a sound is called clipped
_PASSED = 0.3  # share of a sound, from which it is said that it is not heard


@dataclass(frozen=True, eq=False)
class Sound:
    """What a file holds. samples: float32 from -1 to 1, its channels mixed down. rate: samples a second. channels: in
    the file. clipped: the share of samples at the ends of the range. missing: the share of the samples that the file's
    header promises and that are not there.
    """

    samples: Samples = field(repr=False)
    rate: int
    channels: int = 1
    clipped: float = 0.0
    missing: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    @property
    def recorded(self) -> str:
        """How it was recorded: its rate and channels."""
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.rate:,} samples a second, {channels}"

    @property
    def is_silent(self) -> bool:
        """Whether no sample differs from nought."""
        return not self.samples.any()

    @property
    def is_clipped(self) -> bool:
        """Whether so many samples are at the ends of the range that it was recorded too loud."""
        return self.clipped > _CLIPPED

    def notes(self, height: int, width: int) -> list[str]:
        """What is to be said with an answer to it, in words: how it is brought to what is heard, and `troubles`."""
        return [*filter(None, [self.brought]), *self.troubles(height, width)]

    @property
    def brought(self) -> str:
        """How it was recorded and is heard, in words, where that is not the same; else ""."""
        if self.rate == RATE and self.channels == 1:
            return ""
        return f"recorded at {self.recorded}, heard at {RATE:,}{', mono' * (self.channels > 1)}"

    def troubles(self, height: int, width: int) -> list[str]:
        """What is wrong with it, in words, for a network of a picture of so many bands and steps; of one column, of so
        many samples.
        """
        mixed = " once its channels are mixed into one" if self.channels > 1 else ""
        heard = min(SECONDS, height / RATE if width == 1 else width * HOP / RATE)
        passed = 1 - heard / self.seconds
        return [
            *([f"only the middle {heard:.2f} s of {self.seconds:.2f} s are heard"] if passed > _PASSED else []),
            *([f"cut off: {_share(self.missing)} of it is not there"] if self.missing else []),
            *([f"silent: every sample is nought{mixed}"] if self.is_silent else []),
            *(["clipped: recorded too loud"] if self.is_clipped and not self.is_silent else []),
        ]


def _share(part: float) -> str:
    return "more than 99%" if part >= 0.995 else f"{part:.0%}"


def is_sound(content: bytes) -> bool:
    """Whether a file's bytes are those of a sound, by their beginning."""
    wave = content[:4] in (b"RIFF", b"RF64") and content[8:12] == b"WAVE"
    return (
        wave or content[:4] in (b"fLaC", b"OggS") or content[:3] == b"ID3" or content[:2] in (b"\xff\xfb", b"\xff\xf3")
    )


def read_sound(content: bytes) -> Sound:
    """The sound in a file's bytes. Raises ValueError, with the reason, where it cannot be read."""
    if content[8:12] == b"WAVE":
        values, rate, missing = _wave(content)
    else:
        (values, rate), missing = _others(content), 0.0
    if not len(values):
        raise SettingError("is a sound without a sample")
    if not 1000 <= rate <= 1_000_000:
        raise SettingError(f"says {rate:,} samples a second, expected 1,000 to 1,000,000")
    if not np.isfinite(values).all():
        raise SettingError("has samples that are no numbers (NaN or infinite)")
    clipped = float((np.abs(values) >= _FULL).mean())
    return Sound(values.mean(1, dtype=np.float32), rate, values.shape[1], clipped, missing)


def _wave(content: bytes) -> tuple[Samples, int, float]:
    """Samples×channels of a WAV file, its rate, and the share of samples that its header promises in vain. Its chunks
    are read here, since the standard library's `wave` knows neither floating point nor, before Python 3.12, the
    extensible form of 24 bits.
    """
    kind = channels = rate = bits = 0
    place, data, missing = 12, None, 0.0
    while place + 8 <= len(content) and data is None:
        name, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        body = content[place + 8 : place + 8 + size]
        if name == b"fmt ":
            if len(body) < 16:
                raise SettingError("is a WAV file whose format is cut off")
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if kind == _EXTENSIBLE and len(body) >= 26:
                kind = struct.unpack_from("<H", body, 24)[0]
        elif name == b"data":
            data = body
            missing = 1 - len(body) / size if len(body) < size < _STREAMED else 0.0
        place += 8 + size + size % 2
    if data is None:
        raise SettingError("is a WAV file without samples")
    if not channels and not bits:
        raise SettingError("is a WAV file that does not say its format")
    if not 1 <= channels <= 64:
        raise SettingError(f"is a WAV file of {channels} channels, expected 1 to 64")
    numbers = _numbers(data[: len(data) // (channels * bits // 8 or 1) * (channels * bits // 8)], kind, bits)
    return numbers.reshape(-1, channels).astype(np.float32), rate, missing


def _numbers(data: bytes, kind: int, bits: int) -> npt.NDArray[Any]:
    if kind == _FLOAT and bits in (32, 64):
        return np.frombuffer(data, f"<f{bits // 8}")
    if kind == _PCM and bits == 8:
        return (np.frombuffer(data, np.uint8) - 128.0) / 128
    if kind == _PCM and bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0] / 2.0**31
    if kind == _PCM and bits in (16, 32):
        return np.frombuffer(data, f"<i{bits // 8}") / 2.0 ** (bits - 1)
    known = {2: "ADPCM", 6: "A-law", 7: "μ-law", 0x55: "MP3"}
    raise SettingError(
        f"is a WAV file of {known.get(kind, f'kind {kind:#x}')} with {bits} bits; PCM of 8, 16, 24 or 32 bits and "
        "floating point can be read"
    )


def _others(content: bytes) -> tuple[Samples, int]:
    try:
        import soundfile
    except ImportError:
        raise SettingError(
            "is a sound that is no WAV file, for which soundfile is needed; install it with: pip install 'hubel[sound]'"
        ) from None
    try:
        values, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except Exception as error:
        raise SettingError(f"cannot be decoded ({error})") from None
    return values, int(rate)


def resampled(samples: Samples, rate: int, wanted: int = RATE) -> Samples:
    """The same sound at another rate, without what the new rate cannot hold (by its Fourier transform)."""
    if rate == wanted or not len(samples):
        return samples
    length = max(1, round(len(samples) * wanted / rate))
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(length // 2 + 1, spectrum.dtype)
    both = min(len(kept), len(spectrum))
    kept[:both] = spectrum[:both]
    return (np.fft.irfft(kept, length) * (length / len(samples))).astype(np.float32)


def spectrogram(sound: Sound) -> npt.NDArray[np.uint8]:
    """The log-mel spectrogram, uint8 bands×steps; see the module's words."""
    samples = _heard(sound)
    padded = np.pad(samples, WINDOW // 2)
    steps = max(1, -(-len(samples) // HOP))
    padded = np.pad(padded, (0, max(0, (steps - 1) * HOP + WINDOW - len(padded))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:steps]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], POINTS)) ** 2
    decibels = 10 * np.log10(np.maximum(power @ _mel_bands().T, 1e-10))
    loudest = decibels.max()
    if loudest <= -99:
        return np.zeros((BANDS, steps), np.uint8)
    shades = np.clip(1 + (decibels - loudest) / DECIBELS, 0, 1) * 255
    return np.ascontiguousarray(np.rint(shades).astype(np.uint8).T[::-1])


def waveform(sound: Sound, steps: int) -> npt.NDArray[np.uint8]:
    """The codes of so many samples (see `companding`), uint8: a longer sound's middle, a shorter one in silence."""
    codes, found = codes_of(_heard(sound)), np.full(steps, SILENCE, np.uint8)
    cut, before = max(0, (len(codes) - steps) // 2), max(0, (steps - len(codes)) // 2)
    codes = codes[cut : cut + steps]
    found[before : before + len(codes)] = codes
    return found


def outlines(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Waveforms N×steps×1×1 as pictures, uint8 N×64×W×1: what lies between each stretch's lowest and highest sample,
    white on black.
    """
    starts = np.linspace(0, codes.shape[1], min(_OUTLINE, codes.shape[1]), endpoint=False).astype(np.int64)
    rows = ((1 - samples_of(codes[..., 0, 0])) / 2 * (BANDS - 1)).round()
    highest, lowest = (side.reduceat(rows, starts, axis=1)[:, None] for side in (np.minimum, np.maximum))
    here = np.arange(BANDS)[:, None]
    found: npt.NDArray[np.uint8] = np.where((here >= highest) & (here <= lowest), np.uint8(255), np.uint8(0))
    return found[..., None]


def mixed(sound: Sound, count: int) -> npt.NDArray[np.uint8]:
    """So many sums of its samples, each taken into one of them with a sign, by lot: they correlate as the samples do,
    however loud, at whatever rate; all are 128 where it is silent.
    """
    samples, lots = _heard(sound), np.random.default_rng(17).integers(0, 2 * count, round(SECONDS * RATE) + 1)
    lots = lots[: len(samples)]
    sums = np.bincount(lots % count, np.where(lots < count, samples, -samples), count)
    return np.clip(np.rint(128 + 32 * sums / (float(sums.std()) or 1.0)), 0, 255).astype(np.uint8)


def _heard(sound: Sound) -> Samples:
    """The samples of its middle minute, at the rate that every sound is brought to."""
    most = round(SECONDS * sound.rate)
    start = max(0, (len(sound.samples) - most) // 2)
    return resampled(sound.samples[start : start + most], sound.rate)


@functools.cache
def _mel_bands() -> npt.NDArray[np.float64]:
    """Triangles of equal width on the mel scale (2595·log10(1 + f/700), O'Shaughnessy 1987), bands×frequencies."""

    def hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return 700 * (10 ** (mel / 2595) - 1)

    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = hertz(np.linspace(0, top, BANDS + 2))
    frequencies = np.linspace(0, RATE / 2, POINTS // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


def picture(content: bytes) -> Image.Image:
    """The picture of a sound's bytes, mode L, marked as one. Raises ValueError where it cannot be read."""
    sound = read_sound(content)
    found = Image.fromarray(spectrogram(sound))
    found.info[MARK] = sound
    return found


def size_of(content: bytes) -> tuple[int, int]:
    """The height and width of a sound's picture."""
    sound = read_sound(content)
    return BANDS, max(1, -(-round(min(sound.seconds, SECONDS) * RATE) // HOP))


def at_length(image: Image.Image, height: int, width: int) -> Image.Image:
    """A sound's picture with so many bands and steps: cut, or in the middle of silence. Of one column: its waveform."""
    if width == 1 and isinstance(sound := image.info.get(MARK), Sound):
        return Image.fromarray(waveform(sound, height)[:, np.newaxis])
    if image.height != height:
        image = image.resize((image.width, height), Image.Resampling.BILINEAR)
    left = (image.width - width) // 2
    return image.crop((left, 0, left + width, height))
