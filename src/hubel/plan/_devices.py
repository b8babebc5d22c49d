"""What devices can do, from their makers' data sheets, and how much of that a network gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any

NARROW_CHANNELS = 16


@dataclass(frozen=True)
class Device:
    """A device's peak and the share of it that layers reach.

    `flops` are operations a second (two to a multiply-add) by precision: "float32", "bfloat16".
    `bandwidth` and `link` are bytes a second, of its memory and towards other devices (each way); `memory` is in bytes,
    `power` in watts. `shares` are the parts of the peak that layers reach: convolutions, those from or to fewer than
    16 channels ("narrow"), dense layers and depthwise convolutions; "memory" is the part of the bandwidth. `overhead`
    is the seconds that starting one operation takes.
    """

    name: str
    flops: Mapping[str, float]
    bandwidth: float
    memory: int
    link: float
    power: float
    shares: Mapping[str, float]
    overhead: float
    source: str

    def rate(self, precision: str) -> float:
        """Peak operations a second: autocast computes in 16 bits; without such units, at the 32-bit rate."""
        wanted = "float32" if precision == "float32" else "bfloat16"
        return self.flops.get(wanted, self.flops["float32"])


GB = 10**9
GIB = 2**30
# Shares of a data sheet's peak that are common for convolutional networks in PyTorch: rough, and said to be so. A
# device of one's own is measured.
_GPU_SHARES = {"convolution": 0.45, "narrow": 0.1, "dense": 0.6, "depthwise": 0.05, "memory": 0.75}
_CPU_SHARES = {"convolution": 0.5, "narrow": 0.1, "dense": 0.6, "depthwise": 0.1, "memory": 0.6}


def _gpu(
    name: str, single: float, half: float, bandwidth: float, memory: int, link: float, power: float, source: str
) -> Device:
    """Write a GPU down in its data sheet's units: teraflops, GB/s, GB, GB/s each way, watts."""
    flops = {"float32": single * 1e12, "bfloat16": half * 1e12}
    shares = dict(_GPU_SHARES)
    return Device(name, flops, bandwidth * GB, memory * GIB, link * GB, power, shares, 8e-6, source)


def _cpu(name: str, teraflops: float, bandwidth: float, memory: int, power: float, source: str) -> Device:
    shares = dict(_CPU_SHARES)
    return Device(
        name, {"float32": teraflops * 1e12}, bandwidth * GB, memory * GIB, 0.125 * GB, power, shares, 10e-6, source
    )


_NVIDIA = "NVIDIA, data sheet"
DEVICES: dict[str, Device] = {
    # tensor cores: TF32 for float32 (what PyTorch's convolutions use by default), bfloat16, both dense (no sparsity)
    "a100-40gb": _gpu("A100 40 GB", 156, 312, 1555, 40, 300, 400, f"{_NVIDIA} A100 (SXM, 2021)"),
    "a100": _gpu("A100 80 GB", 156, 312, 2039, 80, 300, 400, f"{_NVIDIA} A100 (SXM, 2021)"),
    "h100": _gpu("H100 80 GB", 494.5, 989, 3350, 80, 450, 700, f"{_NVIDIA} H100 (SXM5, 2023)"),
    "h200": _gpu("H200 141 GB", 494.5, 989, 4800, 141, 450, 700, f"{_NVIDIA} H200 (SXM, 2024)"),
    "v100": _gpu("V100 32 GB", 15.7, 125, 900, 32, 150, 300, f"{_NVIDIA} V100 (SXM2, 2020; 16-bit is float16)"),
    "t4": _gpu("T4", 8.1, 65, 320, 16, 16, 70, f"{_NVIDIA} T4 (2019; 16-bit is float16, link is PCIe 3 ×16)"),
    "rtx-3060": _gpu("GeForce RTX 3060 12 GB", 12.7, 25.4, 360, 12, 32, 170, "NVIDIA, GA10x architecture paper"),
    "rtx-3090": _gpu("GeForce RTX 3090", 35.6, 71, 936, 24, 32, 350, "NVIDIA, GA102 architecture paper (2021)"),
    "rtx-4060": _gpu("GeForce RTX 4060", 15.1, 30.2, 272, 8, 16, 115, "NVIDIA, product page; Ada architecture paper"),
    "rtx-4090": _gpu("GeForce RTX 4090", 82.6, 165.2, 1008, 24, 32, 450, "NVIDIA, Ada architecture paper (2023)"),
    # processors: cores · sustained clock · operations a clock; memory channels · transfers · 8 bytes
    "laptop-i7-1260p": _cpu("Core i7-1260P laptop", 0.43, 76.8, 16, 28, "Intel ARK: 4 P-cores, AVX2, DDR5-4800"),
    "laptop-ryzen-7840u": _cpu("Ryzen 7 7840U laptop", 0.84, 89.6, 32, 28, "AMD, product page: 8 Zen 4, DDR5-5600"),
    "laptop-m2": _cpu("Apple M2 laptop (processor)", 0.45, 100, 16, 20, "Apple, specifications: 4 + 4 cores"),
}


def find_device(name: str, more: Mapping[str, Device] | None = None) -> Device:
    """Return the device of that name, from the table or from `more`; raise `KeyError` with the nearest name."""
    known = {**DEVICES, **(more or {})}
    plain = name.lower().replace("_", "-").replace(" ", "-")
    if plain in known:
        return known[plain]
    near = get_close_matches(plain, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise KeyError(f"no device is called {name!r}; {hint}")


def device_data(device: Device) -> dict[str, Any]:
    """Return a device as JSON-able data."""
    return {**asdict(device), "flops": dict(device.flops), "shares": dict(device.shares)}


def device_from(data: Mapping[str, Any]) -> Device:
    """Return the device that `device_data` wrote; raise `ValueError` where something is missing."""
    wanted = [f.name for f in fields(Device)]
    missing = [name for name in wanted if name not in data]
    if missing:
        raise ValueError(f"expected a device's {', '.join(wanted)}; received none of {', '.join(missing)}")
    return Device(**{name: data[name] for name in wanted})
