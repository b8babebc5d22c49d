"""Training does not hand its memory back to the system after every step."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from hubel.train.loop.machine.allocator import kept_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.empty(16_000_000).fill_(1.0)  # 64 MB, which glibc by itself returns at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

without = faults()
with kept_memory():
    faults()
    print(without, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted on Linux")
def test_pages_are_not_taken_anew_in_every_step() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    without, kept = map(int, done.stdout.split())
    assert kept < without / 20
