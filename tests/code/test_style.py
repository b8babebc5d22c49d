"""Programs read as if a person had laid them out: ruff has nothing to say."""

from __future__ import annotations

import subprocess
import sys

from hubel import zoo
from hubel.code import FRAMEWORKS, source

RULES = "E,F,W,I,N,UP,B,SIM,C4,PERF,PLE,PLW"
FILLED = "lenet5_1998"  # its long table of maps stands in filled lines, which a formatter would write one below another


def test_ruff_finds_nothing(tmp_path):
    for name in zoo.names():
        for framework in FRAMEWORKS:
            path = tmp_path / f"{name}_{framework}.py"
            path.write_text(source(zoo.get(name), framework), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--isolated", "--line-length", "100", "--target-version", "py310", str(tmp_path)]
    checked = subprocess.run([*ruff, "check", "--select", RULES, *settings], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    left_out = ["--exclude", f"{FILLED}_*.py"]
    laid_out = subprocess.run([*ruff, "format", "--diff", *left_out, *settings], capture_output=True, text=True)
    assert laid_out.returncode == 0, laid_out.stdout
