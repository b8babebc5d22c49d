"""Run by `make bare` in an environment without torch and NumPy: what explains must work where nothing trains."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

HUBEL = str(Path(sys.executable).with_name("hubel"))


def hubel(*arguments: str, status: int = 0) -> str:
    done = subprocess.run([HUBEL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


for package in ("torch", "numpy", "PIL"):
    assert importlib.util.find_spec(package) is None, f"expected no {package} here"

import hubel as package  # noqa: E402

assert package.parse("28x28x1: flatten, dense 10").input == (28, 28, 1)
assert "explain" in hubel("--help")
assert "resnet152" in hubel("zoo")
assert "60,192,808" in hubel("explain", "resnet152")
assert json.loads(hubel("explain", "resnet152", "--json"))["macs"] == 11_513_626_624
assert "9.68" in hubel("compare", "28x28x192: conv 32 5x5 same", "28x28x192: conv 16 1x1, conv 32 5x5 same")
assert "141" in hubel("convolve", "122 134 124 / 153 210 112", "1 -1 / 1 0")
assert "pip install 'hubel[train]'" in hubel("train", "lenet5", "mnist", status=2)
print("without torch and NumPy: import, --help, zoo, explain, compare and convolve work; train says what it needs")
