"""Samples as 256 codes and back, finer where they are quiet: the μ-law of telephony (ITU-T G.711, μ = 255)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CODES = 256
SILENCE = 128  # the code of nought
_MU = CODES - 1.0


def codes_of(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The code of each sample from -1 to 1; what lies outside is taken for the end."""
    kept = np.clip(samples.astype(np.float64), -1, 1)
    curved = np.sign(kept) * np.log1p(_MU * np.abs(kept)) / np.log1p(_MU)
    codes: npt.NDArray[np.uint8] = np.floor((curved + 1) / 2 * _MU + 0.5).astype(np.uint8)
    return codes


def samples_of(codes: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """The sample, from -1 to 1, that each code stands for."""
    curved = codes.astype(np.float64) / _MU * 2 - 1
    samples: npt.NDArray[np.float32] = (np.sign(curved) * np.expm1(np.abs(curved) * np.log1p(_MU)) / _MU).astype("f4")
    return samples
