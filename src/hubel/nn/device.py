"""Where a network computes, by its name; and whether that is here."""

from __future__ import annotations

import re
from typing import Literal

import torch

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean

KINDS = ("cuda", "mps", "xpu")
"""Of NVIDIA's and AMD's cards, Apple's, and Intel's; what else PyTorch finds here is taken by its own name."""


def devices() -> list[str]:
    """The devices that are here, by name: the processor first."""
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        return ["cpu"]
    count = torch.accelerator.device_count()
    return ["cpu", *([found.type] if found.type == "mps" else (f"{found.type}:{number}" for number in range(count)))]


def check_device(name: str) -> None:
    """Raise SettingError, with what is here, for a device that is not; "auto" always is."""
    here = devices()
    kinds = dict.fromkeys((*KINDS, *(each.partition(":")[0] for each in here[1:])))
    if not re.fullmatch(rf"auto|cpu|mps|(?:{'|'.join(map(re.escape, kinds))})(?::\d{{1,3}})?", name, re.ASCII):
        meant = "cuda" if name.lower() in ("gpu", "nvidia", "rocm", "amd") else ""
        near = f"; did you mean {meant!r}?" if meant else did_you_mean(name.lower(), ["auto", "cpu", *kinds])
        raise SettingError(f"expected a device: auto, cpu, cuda, cuda:1, mps or xpu; received {name!r}{near}")
    if name not in (*here, "auto") and f"{name}:0" not in here:
        raise SettingError(f"expected a device that is here: {', '.join(here)}; received {name!r}, which is not")


def chosen_device(name: str) -> str:
    """The name, or of "auto" a CUDA device where there is one, else the processor."""
    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def device_named(name: str) -> torch.device:
    """The device of a name, which is here. Raises as `check_device`."""
    check_device(name)
    return torch.device(chosen_device(name))


def own_processor() -> Literal["avx512", "avx2"]:
    """Which of the two, by whose copies memory is planned, this machine's processor is like."""
    return "avx512" if torch.backends.cpu.get_cpu_capability().startswith("AVX512") else "avx2"
