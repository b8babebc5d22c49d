"""Where and with what a run was made."""

from __future__ import annotations

import platform
import subprocess

import torch

from hubel.base.versions import version_of
from hubel.train.distributed.rendezvous import job


def environment() -> dict[str, str]:
    """Versions, machine, and the commit of the working directory where it is in a git repository ("" elsewhere)."""
    packages = {name: version_of(name) for name in ("hubel", "torch", "numpy", "pillow", "safetensors")}
    found = {**packages, "python": platform.python_version(), "platform": platform.platform(), "commit": _commit()}
    if job():
        found["job"] = job()
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = str(torch.version.cuda)
        kinds = {"convolutions": torch.backends.cudnn.allow_tf32, "products": torch.backends.cuda.matmul.allow_tf32}
        # float32 numbers with 10 bits after the point in place of 23, on NVIDIA's cards from Ampere on
        found["tf32"] = " and ".join(name for name, used in kinds.items() if used) or "none"
    return found


def versions() -> dict[str, str]:
    """The versions that can change what comes out."""
    return {name: version_of(name) for name in ("hubel", "torch")}


def _commit() -> str:
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
