"""How long a table of ResNet-152 takes, and how much memory: hubel and three peers, whole processes, in one run.

    python benchmarks/accounting/speed.py [RUNS]

Every tool runs once to warm the disk's cache, then RUNS rounds (7 by default) of one process each, in turn. Wall time,
processor time and peak memory come from the operating system (`wait4`); ratios are medians over rounds. The peers get
the network in plain `torch.nn` the way that their documentation shows, and torchinfo on meta tensors too, which saves
memory (the others fail on them). Linux counts in a process's peak what its parent held when it started: this script's
own 19 MB are the least that can be shown.
Further: the processor time of `hubel explain lenet5`, and the time of a table of up to 10,000 layers.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
HUBEL = [sys.executable, "-m", "hubel"]
PEERS = {"torchinfo": "1.8.0", "fvcore": "0.1.5.post20221221", "ptflops": "0.7.5"}
# An interpreter that does nothing tells what part of a figure nobody can save.
NOTHING = [sys.executable, "-c", "pass"]


@dataclass(frozen=True)
class Run:
    """What one process took: seconds of wall and processor time, peak megabytes."""

    wall: float
    cpu: float
    megabytes: float


def measure(command: list[str]) -> Run:
    """Run a process to its end; stop with its words where it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read().decode(errors='replace')[-2000:]}")
    per_megabyte = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # Linux counts in KiB
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / per_megabyte)


def rounds(commands: dict[str, list[str]], number: int) -> dict[str, list[Run]]:
    """Run all commands in turn, `number` times over, after one time that does not count."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for name in commands:
        measure(commands[name])
    for turn in range(number):
        order = list(commands)[:: 1 if turn % 2 == 0 else -1]
        for name in order:
            found[name].append(measure(commands[name]))
    return found


def ratio(runs: list[Run], ours: list[Run], figure: Callable[[Run], float]) -> float:
    """Return the median over rounds of how many times ours another's figure is."""
    return median(figure(one) / figure(our) for one, our in zip(runs, ours, strict=True))


def resnet152(number: int) -> None:
    """Time the table of ResNet-152."""
    commands = {"nothing (python -c pass)": NOTHING, "hubel": [*HUBEL, "explain", "resnet152", "--json"]}
    script = [sys.executable, str(HERE / "peers.py")]
    commands.update({peer: [*script, peer] for peer in PEERS})
    commands["torchinfo, meta tensors"] = [*script, "torchinfo", "meta"]
    found = rounds(commands, number)
    ours = found["hubel"]
    print(f"\nA table of ResNet-152 (`hubel explain resnet152 --json`), medians of {number} rounds:\n")
    print(f"{'':26}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}   times hubel's: {'wall':>6}{'CPU':>7}{'MB':>7}")
    for name, runs in found.items():
        figures = f"{median(r.wall for r in runs):8.3f}{median(r.cpu for r in runs):8.3f}"
        figures += f"{median(r.megabytes for r in runs):9.1f}"
        ratios = [ratio(runs, ours, figure) for figure in (lambda r: r.wall, lambda r: r.cpu, lambda r: r.megabytes)]
        print(f"{name:26}{figures}{'':18}{ratios[0]:7.1f}{ratios[1]:7.1f}{ratios[2]:7.1f}")
    wall = min(ratio(found[peer], ours, lambda r: r.wall) for peer in PEERS)
    memory = min(ratio(found[peer], ours, lambda r: r.megabytes) for peer in PEERS)
    verdict("at least 8 times faster than any peer as documented", wall >= 8, f"{wall:.1f} times")
    verdict("at most a tenth of any peer's memory as documented", memory >= 10, f"{memory:.1f} times less")


def lenet5(number: int) -> None:
    """Time `hubel explain lenet5`."""
    runs = rounds({"lenet5": [*HUBEL, "explain", "lenet5"]}, number)["lenet5"]
    cpu = median(run.cpu for run in runs)
    print("\n`hubel explain lenet5`, the table for a reader:")
    verdict("under 150 ms of processor time", cpu < 0.150, f"{1000 * cpu:.0f} ms")


def chains(number: int) -> None:
    """Time tables of long chains, whole processes."""
    print("\nA table of a chain of N layers (`hubel explain FILE --json`):")
    with tempfile.TemporaryDirectory() as folder:
        commands = {}
        for length in (1_000, 2_000, 5_000, 10_000):
            file = Path(folder, f"chain{length}.txt")
            file.write_text("32x32x16: " + ", ".join(["conv 16 3x3 same, relu"] * (length // 2)))
            commands[f"{length:,}"] = [*HUBEL, "explain", str(file), "--json"]
        measured = rounds(commands, number)
    for name, runs in measured.items():
        print(f"  {name:>7} layers: {median(r.wall for r in runs):6.3f} s, {median(r.cpu for r in runs):6.3f} s CPU")
    slowest, cpu = max(r.wall for r in measured["10,000"]), {n: min(r.cpu for r in measured[n]) for n in measured}
    early, late = (cpu["5,000"] - cpu["1,000"]) / 4, (cpu["10,000"] - cpu["5,000"]) / 5
    verdict("a table of 10,000 layers in under 2 s, every time", slowest < 2, f"at most {slowest:.2f} s")
    verdict(
        "linear: the last 5,000 layers take as long each as the first (within a third)",
        late < early * 4 / 3,
        f"{1000 * late:.0f} µs against {1000 * early:.0f} µs of CPU",
    )


def verdict(goal: str, reached: bool, figure: str) -> None:
    """Print whether a goal is reached."""
    print(f"  {'reached' if reached else 'MISSED '}  {goal}: {figure}")


def machine() -> str:
    """Say what all this runs on."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("hubel", "torch", *PEERS))
    return f"{model}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, {packages}"


def missing() -> list[str]:
    """Return the peers that this interpreter lacks."""
    found = {distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()}
    return [f"{name}=={version}" for name, version in PEERS.items() if name not in found]


def main() -> None:
    """Run everything."""
    if absent := missing():
        raise SystemExit(f"this benchmark compares hubel with {' '.join(absent)}: pip install -e '.[peers]'")
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(machine())
    print(f"load before the start: {os.getloadavg()[0]:.1f} (a busy machine slows the peers' two threads more)")
    resnet152(number)
    lenet5(number)
    chains(max(3, number // 2))


if __name__ == "__main__":
    main()
