"""Forty odd sounds, made on the spot: the forms, rates and faults of WAV files that people have."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_RATES = (1000, 8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000)
_LENGTHS = (1, 2, 159, 160, 161, 399, 401, 8000, 7919, 15_999, 16_001)  # samples, primes and edges of windows


@cache
def odd_sounds() -> tuple[tuple[str, bytes], ...]:
    """WAV files, each with what is odd about it. The same ones at every call."""
    return tuple(_made())


def _made() -> Iterator[tuple[str, bytes]]:
    draw = np.random.default_rng(0)
    plain = _word(0.8, 16_000, draw)
    for bits in (8, 16, 24, 32):
        yield f"{bits} bits", wave_bytes(plain, 16_000, bits)
    yield "floating point of 32 bits", wave_bytes(plain, 16_000, 32, _FLOAT)
    yield "floating point of 64 bits", wave_bytes(plain, 16_000, 64, _FLOAT)
    yield "the extensible form of 24 bits", wave_bytes(plain, 16_000, 24, extensible=True)
    for rate in _RATES:
        yield f"{rate:,} samples a second", wave_bytes(_word(0.7, rate, draw), rate)
    stereo = _word(0.9, 44_100, draw)
    yield "stereo", wave_bytes(np.stack([stereo, np.roll(stereo, 300)], 1), 44_100)
    yield "stereo, one side silent", wave_bytes(np.stack([stereo, 0 * stereo], 1), 44_100)
    yield "six channels", wave_bytes(np.stack([stereo * (number + 1) / 6 for number in range(6)], 1), 48_000)
    for length in _LENGTHS:
        yield f"{length:,} samples", wave_bytes(_word(1.1, 16_000, draw)[:length], 16_000)
    yield "silent", wave_bytes(0 * plain, 16_000)
    yield "clipped", wave_bytes(np.clip(20 * plain, -1, 1), 16_000)
    yield "very quiet", wave_bytes(plain / 1000, 16_000)
    yield "a click in silence", wave_bytes(np.eye(1, 12_000, 5000)[0], 16_000)
    yield "one tone", wave_bytes(np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000), 16_000)
    yield "noise", wave_bytes(draw.uniform(-1, 1, 20_000), 16_000)
    yield "louder than full", wave_bytes(3 * plain, 16_000, 32, _FLOAT)
    yield "never nought", wave_bytes(plain / 2 + 0.4, 16_000)
    yield "a minute and more", wave_bytes(_word(61.5, 16_000, draw), 16_000, 8)
    whole = wave_bytes(plain, 16_000)
    yield "cut off", whole[: len(whole) * 2 // 3]
    yield "other chunks before its samples", whole[:36] + b"LIST" + struct.pack("<I", 5) + b"notes\0" + whole[36:]
    yield "a header that was never finished", whole[:40] + struct.pack("<I", 0xFFFF_FFFF) + whole[44:]


def wave_bytes(
    samples: npt.NDArray[Any], rate: int, bits: int = 16, kind: int = _PCM, *, extensible: bool = False
) -> bytes:
    """A WAV file of samples from -1 to 1, one channel or samples×channels."""
    values = samples.reshape(len(samples), -1)
    channels, wide = values.shape[1], bits // 8
    if kind == _FLOAT:
        data = values.astype(f"<f{wide}").tobytes()
    elif bits == 8:
        data = np.clip(np.rint(values * 128 + 128), 0, 255).astype(np.uint8).tobytes()
    else:
        most = 2 ** (bits - 1)
        whole = np.clip(np.rint(values * most), -most, most - 1).astype("<i8")
        data = whole.reshape(-1, 1).view(np.uint8)[:, :wide].tobytes()
    format = struct.pack("<HHIIHH", kind, channels, rate, rate * channels * wide, channels * wide, bits)
    if extensible:
        format = struct.pack("<H", _EXTENSIBLE) + format[2:] + struct.pack("<HHIH", 22, bits, 0, kind) + bytes(14)
    body = b"WAVEfmt " + struct.pack("<I", len(format)) + format + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _word(seconds: float, rate: int, draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """Something like a word: a voice whose pitch glides, and a hiss at its beginning."""
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(
        np.sin(2 * np.pi * k * (130 * time + 20 * np.sin(3 * time))) / k for k in range(1, 9) if 150 * k < rate / 2
    )
    hiss = draw.normal(0, 0.3, len(time)) * np.exp(-(((time - 0.1) / 0.05) ** 2))
    found: npt.NDArray[np.float64] = 0.25 * (voice * np.sin(np.pi * time / time[-1]) ** 2 + hiss)
    return found
