"""A plan in words: tables of what, how much and how, for the terminal and for notebooks; what it assumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hubel.plan._devices import Device
    from hubel.plan._distributed import RunPlan, StepPlan

HOP_SECONDS = 5e-6  # what one message of the ring takes to begin: a rough assumption, not measured
ASSUMPTIONS = (
    "each layer takes the longer of its arithmetic and its memory traffic, one layer after the other; nothing is fused",
    "shares of the peak are those measured on this machine, or for a device of the table rough guesses and, of a card, "
    "what an H200 reached; steps of a card are recorded and replayed, as hubel trains there",
    "32 bits on GPUs with TF32 means TF32, in dense layers too, where PyTorch uses it only when told to",
    "loading images takes no time; devices are alike; every link, between machines too, is as fast as named above",
    "gradients travel in buckets of 25 MiB while the backward pass runs; each of a bucket's 2·(N − 1) messages takes "
    f"{HOP_SECONDS * 1e6:g} µs to begin: a guess",
    "energy is that of the devices alone, at full power",
    "memory is what PyTorch's tensors take, without cuDNN's scratch room, the buckets that many devices fill and the "
    "runtime (some 0.5 GB on a GPU)",
)

COPIES = {
    "avx512": "convolutions of 32 bits copy their tensors in blocks of 16 channels, as PyTorch does with AVX-512; "
    "small networks took at most 8 % more or less",
    "avx2": "convolutions of 32 bits copy their tensors in blocks of 8 channels, those of 16 bits write their windows "
    "out, as PyTorch does with AVX2 alone; small networks took at most 5 % more or less",
}


def assumptions(device: Device) -> tuple[str, ...]:
    """Return what a plan for a device assumes."""
    return (*ASSUMPTIONS, *([COPIES[device.processor]] if device.processor else []))


Rows: TypeAlias = "list[tuple[str, str, str]]"  # what, how much, how


def step_rows(step: StepPlan) -> Rows:
    """Tell the times of a step."""
    device = step.device
    rate = f"{figure_text(device.rate(step.precision) / 1e12)} TFLOP/s, {figure_text(device.bandwidth / 1e9)} GB/s"
    how = f"Σ layers max(2·MACs·batch/rate, bytes/bandwidth) + operations·{time_text(device.overhead)}; {rate}"
    found = [
        ("forward", time_text(step.forward), f"{how}, times the shares reached"),
        ("backward", time_text(step.backward), "the same; twice the MACs, but no gradient of the images"),
        ("update", time_text(step.update), "reads and writes weights, gradients and its own; 2 operations a layer"),
    ]
    if step.devices > 1:
        how = (
            f"2·({step.devices} − 1)/{step.devices} · gradients; in one piece {time_text(step.reduce)}: "
            f"{device.link / 1e9:g} GB/s and {2 * (step.devices - 1)} messages"
        )
        found.append(("sent by each device", bytes_text(step.reduce_bytes), how))
        found.append(("waiting for gradients", time_text(step.exposed), "what the backward pass does not hide"))
    found.append(("together", time_text(step.seconds), f"{figure_text(step.images_per_second)} images a second"))
    if step.devices > 1:
        found.append(("efficiency", f"{step.efficiency:.1%}", "of as many devices that need not talk"))
    return found


def memory_rows(step: StepPlan) -> Rows:
    """Tell what a step takes in memory, part by part, and the largest batch."""
    memory = step.memory
    formulas = {formula.figure: formula for formula in memory.formulas}
    titles = {
        "weights": "weights",
        "buffers": "running statistics",
        "optimizer": "optimizer",
        "input": "images",
        "gradients": "gradients of weights",
        "kept": "kept for backward",
        "passing": "on their way",
    }
    found = [
        (title, bytes_text(getattr(memory, part)), f"{formulas[part].names} = {formulas[part]}")
        for part, title in titles.items()
        if getattr(memory, part)
    ]
    found.append(("together", bytes_text(memory.total), f"at the peak: {memory.phase} {memory.path}".rstrip()))
    verdict = "fits" if memory.total <= step.device.memory else "does NOT fit"
    found.append(("largest batch", f"{step.largest_batch:,}", f"{verdict} in {bytes_text(step.device.memory)}"))
    return found


def run_rows(whole: RunPlan) -> Rows:
    """Tell the steps, the time and the energy of a run; no energy where the device's power is not known."""
    step = whole.step
    together = f"⌈{whole.images:,}/({step.batch}·{step.devices})⌉ · {whole.epochs:g} epochs"
    found = [("steps", f"{whole.steps:,}", together), ("time", time_text(whole.seconds), "steps · a step")]
    if step.device.power:
        energy = f"{figure_text(whole.kilowatt_hours)} kWh"
        found.append(("energy", energy, f"time · {step.devices} · {step.device.power:g} W"))
    return found


def title(step: StepPlan) -> str:
    """Say what is planned: `batch 256 on 8 × H100 80 GB, autocast, momentum`."""
    many = f"{step.devices} × " if step.devices > 1 else ""
    return f"batch {step.batch} on {many}{step.device.name}, {step.precision}, {step.optimizer}"


def slowest(step: StepPlan) -> str:
    """Name the five layers that take most time."""
    slow = sorted(step.layers, key=lambda layer: -layer.seconds)[:5]
    listed = (f"{layer.path} {layer.seconds / (step.forward + step.backward):.0%} ({layer.bound})" for layer in slow)
    return f"most time: {', '.join(listed)}"


def figure_text(value: float) -> str:
    """Write a number to three figures, or whole."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def time_text(seconds: float) -> str:
    """Write a time in the unit that suits it: `1.25 ms`, `3.4 days`."""
    for limit, unit, name in (
        (1e-3, 1e-6, "µs"),
        (1, 1e-3, "ms"),
        (120, 1, "s"),
        (7200, 60, "min"),
        (172_800, 3600, "h"),
    ):
        if seconds < limit:
            return f"{seconds / unit:,.3g} {name}"
    return f"{figure_text(seconds / 86_400)} days"


def bytes_text(count: float) -> str:
    """Write bytes in decimal units: `1.80 GB`."""
    for limit, unit, name in ((1e3, 1, "bytes"), (1e6, 1e3, "KB"), (1e9, 1e6, "MB")):
        if count < limit:
            return f"{count / unit:,.3g} {name}"
    return f"{figure_text(count / 1e9)} GB"
