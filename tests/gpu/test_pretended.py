"""`on_pretended.py`, in a process of its own: PyTorch takes no further kind of device once it has gone backwards."""

import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

from tests.work import HANG

HERE = Path(__file__).parent


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="needs a PyTorch that takes devices made in Python",
)
def test_all_that_is_asked_of_a_device(tmp_path):
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short", f"--basetemp={tmp_path / 'files'}"]
    command = [sys.executable, "-m", "pytest", *options, str(HERE / "on_pretended.py")]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
