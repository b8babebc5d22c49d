"""What devices can do, from their makers' data sheets, and how much of that a network gets.

Peaks, bandwidths, sizes, links and powers are the makers', of the document that `source` names; where one is not
confirmed from the maker, or reckoned, `source` says so. Shares of the peak and the overhead of an operation are rough
assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal

from hubel.base.errors import SettingError, UnknownNameError
from hubel.base.names import hint

NARROW_CHANNELS = 16
MOST_IMAGE_CHANNELS = 4
FUNCTIONS = ("tanh", "dropout", "response")
SHARES = ("convolution", "pointwise", "image", "narrow", "dense", "depthwise", *FUNCTIONS, "memory", "weights")


@dataclass(frozen=True)
class Device:
    """A device's peak and the share of it that layers reach.

    `flops` are operations a second (two to a multiply-add) by precision: "float32", "bfloat16".
    `bandwidth` and `link` are bytes a second, of its memory and towards other devices (each way); `memory` is in bytes,
    `power` in watts. `shares` are the parts of the peak that layers reach: convolutions, those of 1×1 ("pointwise"),
    those of images of up to 4 channels ("image"), others from or to fewer than 16 channels ("narrow"), dense layers and
    depthwise convolutions; "tanh", "dropout" and local "response" normalisation at two operations a number. "memory"
    and "weights" are the parts of the bandwidth at which activations and weights travel; "pooling" is that at which
    poolings are done, that of memory where it is not said. `overhead` is the seconds that
    starting one operation takes. A power of 0 is an unknown one: plans then tell no energy. `processor` is whose copies
    of convolutions' tensors a plan's memory has; a card's are taken as those with AVX-512.
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
    processor: Literal["", "avx512", "avx2"] = ""

    def rate(self, precision: str) -> float:
        """Peak operations a second: autocast computes in 16 bits; without such units, at the 32-bit rate."""
        wanted = "float32" if precision == "float32" else "bfloat16"
        return self.flops.get(wanted, self.flops["float32"])


GB = 10**9
# Assumed, not measured: shares of a data sheet's peak for convolutional networks in PyTorch, and the seconds that
# starting an operation takes. A device of one's own is measured.
_SHARES = {
    "convolution": 0.45,
    "pointwise": 0.45,
    "image": 0.2,
    "narrow": 0.1,
    "dense": 0.6,
    "depthwise": 0.05,
    "tanh": 0.03,
    "dropout": 0.03,
    "response": 0.03,
    "memory": 0.75,
    "weights": 0.75,
}
_OVERHEAD = 8e-6
# Of an H200, PyTorch 2.11, recorded steps (`benchmarks/speed/gpu.py`): kernels of few channels fill no tensor core,
# those of poolings leave most of the bandwidth, and PyTorch makes local response normalisation of a pooling in 3-D.
_CARD = {**_SHARES, "narrow": 0.004, "response": 4e-5, "pooling": 0.25}


def _gpu(
    name: str, single: float, half: float, bandwidth: float, memory: int, link: float, power: float, source: str
) -> Device:
    """Write a GPU down in its data sheet's units: teraflops, GB/s, GB, GB/s each way, watts.

    A sheet's GB of memory are taken as 10⁹ bytes. The chips hold up to 7 % more, part of which error correction and
    the driver take.
    """
    flops = {"float32": single * 1e12, "bfloat16": half * 1e12}
    return Device(
        name, flops, bandwidth * GB, memory * GB, link * GB, power, dict(_CARD), _OVERHEAD, f"NVIDIA, {source}"
    )


def _processor(
    name: str,
    cores: tuple[tuple[int, float, int], ...],
    half: int,
    rate: float,
    bits: int,
    power: float,
    source: str,
    processor: Literal["avx512", "avx2"],
) -> Device:
    """Reckon a laptop's processor: for each kind of core how many, their base clock in GHz, operations in a cycle.

    `half` is how many times as many 16-bit operations there are, `rate` the memory's million transfers a second and
    `bits` how wide its bus is.
    """
    peak = sum(count * clock * 1e9 * operations for count, clock, operations in cores)
    bandwidth = rate * 1e6 * bits / 8
    formula = " + ".join(f"{count}·{clock:g} GHz·{operations}" for count, clock, operations in cores)
    told = (
        f"{source}; reckoned: {formula} = {peak / 1e9:.0f} GFLOP/s (cores · base clock · operations in a cycle), "
        f"{rate:g} MT/s · {bits} bits = {bandwidth / GB:.1f} GB/s; 16 GB and gigabit Ethernet are assumed"
    )
    flops = {"float32": peak, "bfloat16": half * peak}
    return Device(name, flops, bandwidth, 16 * GB, 0.125 * GB, power, dict(_SHARES), _OVERHEAD, told, processor)


def _apple(name: str, single: float, bandwidth: float, memory: int, source: str) -> Device:
    """Write down the GPU of an Apple chip, with the most memory that it is sold with, which the processor shares."""
    told = f"Apple, {source}; the GPU, 16 bits as fast as 32; power unknown; gigabit Ethernet assumed"
    flops = {"float32": single * 1e12}
    return Device(name, flops, bandwidth * GB, memory * GB, 0.125 * GB, 0.0, dict(_SHARES), _OVERHEAD, told)


_DERIVED = "32 and 16 bits reckoned: cores or tensor cores · boost clock"
DEVICES: dict[str, Device] = {
    # Dense rates, without sparsity (sheets print twice as much beside or instead of them). "float32" is TF32 in tensor
    # cores where there are any for it, which PyTorch's convolutions use by default; "bfloat16" adds up in 32 bits.
    # NVLink is half of what sheets give, which is both ways together; PCIe is that of its standard.
    "v100": _gpu(
        "V100 32 GB", 15.7, 125, 900, 32, 150, 300,
        "Ampere Architecture In-Depth (2020), NVLink and table 3; SXM2; 32 bits without tensor cores, 16 are float16",
    ),
    "a100-40gb": _gpu(
        "A100 40 GB", 156, 312, 1555, 40, 300, 400,
        "Ampere Architecture In-Depth (2020), NVLink and table 3; SXM4; dense, without sparsity",
    ),
    "a100": _gpu(
        "A100 80 GB", 156, 312, 2039, 80, 300, 400, "A100 data sheet (2021); SXM4; dense, without sparsity"
    ),
    "h100": _gpu(
        "H100 80 GB", 494.7, 989.4, 3350, 80, 450, 700,
        "H100 architecture paper 1.04, tables 1 and 3; SXM5; dense, without sparsity; bandwidth and NVLink from the "
        "H100 data sheet",
    ),
    "h200": _gpu(
        "H200 141 GB", 494.7, 989.4, 4800, 141, 450, 700,
        "H200 data sheet; SXM; rates are the H100's, dense: the sheet prints those of both with sparsity only, alike",
    ),
    "t4": _gpu(
        "T4", 8.1, 65, 320, 16, 16, 70,
        "T4 data sheet; 32 bits without tensor cores, 16 bits are float16; bandwidth (the sheet rounds to 300) and "
        "power from the product brief; link PCIe 3 ×16",
    ),
    "rtx-3060": _gpu(
        "GeForce RTX 3060 12 GB", 12.7, 25.5, 360, 12, 32, 170,
        f"product page; {_DERIVED}; 15 Gbit/s · 192 bits = 360 GB/s, not confirmed from the maker; link PCIe 4 ×16",
    ),
    "rtx-3090": _gpu(
        "GeForce RTX 3090", 35.6, 71, 936, 24, 32, 350,
        "GA102 architecture paper 2, table 9; dense, without sparsity; link PCIe 4 ×16, no NVLink bridge",
    ),
    "rtx-4060": _gpu(
        "GeForce RTX 4060", 15.1, 30.2, 272, 8, 16, 115,
        f"product page; {_DERIVED}; 17 Gbit/s · 128 bits = 272 GB/s, not confirmed from the maker; link PCIe 4 ×8",
    ),
    "rtx-4090": _gpu(
        "GeForce RTX 4090", 82.6, 165.2, 1008, 24, 32, 450,
        "Ada architecture paper 2, table 2; dense, without sparsity; link PCIe 4 ×16",
    ),
    # Laptops. Operations in a cycle: units for fused multiply-adds · numbers of 32 bits in each · 2. Golden Cove and
    # Zen 4 have two units of 256 bits a core (Zen 4's 512-bit instructions take both), Gracemont two of 128.
    "ryzen-7840u": _processor(
        "AMD Ryzen 7 7840U", ((8, 3.3, 32),), 2, 7500, 128, 28,
        "AMD, announcement of the 7040U series (2023): 8 Zen 4 cores, 3.3 GHz, LPDDR5X-7500, 28 W; bfloat16 by "
        "AVX-512 instructions, twice as many operations", "avx512",
    ),
    "core-i7-12650h": _processor(
        "Intel Core i7-12650H", ((6, 2.3, 32), (4, 1.7, 16)), 1, 4800, 128, 45,
        "Intel, 12th generation (2022): 6 Golden Cove cores, 2.3 GHz, 4 Gracemont cores, 1.7 GHz, DDR5-4800, 45 W; no "
        "instructions for 16 bits", "avx2",
    ),
    "apple-m1": _apple(
        "Apple M1, 8 GPU cores", 2.6, 68.25, 16,
        "announcement of the M1 (2020), 2.6 teraflops; memory reckoned: LPDDR4X-4266 · 128 bits",
    ),
    "apple-m2": _apple(
        "Apple M2, 10 GPU cores", 3.578, 100, 24,
        "announcement of the M2 (2022): 3.6 teraflops, 100 GB/s, up to 24 GB; reckoned: 1,280 units · 2 · 1.398 GHz",
    ),
}  # fmt: skip


def find_device(name: str, more: Mapping[str, Device] | None = None) -> Device:
    """Return the device of that name, from the table or from `more`; raise `KeyError` with the nearest name."""
    known = {**DEVICES, **(more or {})}
    plain = name.lower().replace("_", "-").replace(" ", "-")
    if plain in known:
        return known[plain]
    raise UnknownNameError(f"no device is called {name!r}{hint(plain, known)}")


def device_data(device: Device) -> dict[str, Any]:
    """Return a device as JSON-able data."""
    return {**asdict(device), "flops": dict(device.flops), "shares": dict(device.shares)}


def device_from(data: Mapping[str, Any]) -> Device:
    """Return the device that `device_data` wrote; raise `ValueError` where something is missing."""
    wanted = [f.name for f in fields(Device) if f.default is MISSING]
    missing = [name for name in wanted if name not in data]
    if missing:
        raise SettingError(f"expected a device's {', '.join(wanted)}; received none of {', '.join(missing)}")
    lacking = [kind for kind in SHARES if kind not in data["shares"]]
    if lacking:
        raise SettingError(f"expected a device's shares {', '.join(SHARES)}; received none of {', '.join(lacking)}")
    return Device(**{f.name: data[f.name] for f in fields(Device) if f.name in data})
