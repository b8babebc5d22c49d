"""What a forked process needs to compute: locks that nobody holds, and an OpenMP without its parent's threads.

GNU's OpenMP, which PyTorch computes with on Linux, hands work to threads that a forked process does not have, and waits
for them for ever. So whoever forks lets these threads end before; both processes start new ones when they next compute.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_HARD = 2  # omp_pause_hard of OpenMP 5.0


def fresh_in_child(lock: Any) -> None:
    """Let a forked process have this lock unheld, whoever held it in the one that it comes from."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)


def _end_threads() -> None:
    """End the threads that this one's OpenMP keeps, as far as it has a function for that."""
    if "torch" not in sys.modules:
        return
    import ctypes

    end = getattr(ctypes.CDLL(None), "omp_pause_resource_all", None)
    if end is not None:
        end(_HARD)


if sys.platform == "linux":
    os.register_at_fork(before=_end_threads)
