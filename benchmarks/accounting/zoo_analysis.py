"""Seconds to work out every figure of every network of the zoo, in one process.

    python benchmarks/accounting/zoo_analysis.py [ROUNDS]

Each round is a fresh process, import included: build all trees, analyse them, and read every row's main figures.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time

GOAL = 2.0  # seconds
WORK = """
from hubel import zoo
from hubel.arch import analyse
names = zoo.names()
reports = [analyse(zoo.get(name)) for name in names]
assert all(report.macs > 0 and report.field.size for report in reports)
print(len(names), sum(len(report.rows) for report in reports))
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - started)
    networks, rows = done.stdout.split()
    print(f"{platform.machine()}, Python {platform.python_version()}: {networks} networks, {rows} rows")
    middle = statistics.median(seconds)
    print(f"median {middle:.2f} s of {rounds} rounds ({min(seconds):.2f} to {max(seconds):.2f})")
    print(f"  {'reached' if middle < GOAL else 'MISSED '}  all networks in under {GOAL:g} s")


if __name__ == "__main__":
    main()
