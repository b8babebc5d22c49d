"""Where a network is trained, by its name; and whether that is here."""

from __future__ import annotations

import re

import torch

from hubel.base.errors import SettingError


def check_device(name: str) -> None:
    """Raise SettingError, with what is here, for a device that is not: "auto", "cpu", "cuda", "cuda:1", "mps"."""
    found = re.fullmatch(r"auto|cpu|mps|cuda(?::(\d{1,3}))?", name, re.ASCII)
    if found is None:
        raise SettingError(f"expected a device: auto, cpu, cuda, cuda:1 or mps; received {name!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    here = ["cpu", *(f"cuda:{number}" for number in range(count)), *["mps"] * torch.backends.mps.is_available()]
    if name not in (*here, "auto") and not (name == "cuda" and count):
        raise SettingError(f"expected a device that is here: {', '.join(here)}; received {name!r}, which is not")
