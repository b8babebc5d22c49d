"""`hubel code` as a process."""

from __future__ import annotations

import os
import subprocess
import sys

from hubel import zoo
from hubel.code import source


def hubel(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from hubel.cli import main; raise SystemExit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def test_it_prints_the_program():
    ran = hubel("code", "resnet18", "--classes", "37")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == source(zoo.get("resnet18", classes=37), "pytorch")


def test_it_writes_a_file(tmp_path):
    path = tmp_path / "lenet5.py"
    ran = hubel("code", "lenet5", "-o", str(path))
    assert ran.returncode == 0, ran.stderr
    assert path.read_text(encoding="utf-8") == source(zoo.get("lenet5"))


def test_what_does_not_fit_is_told():
    ran = hubel("code", "8x8x3: conv 6 9x9")
    assert ran.returncode == 2
    assert "conv1" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_neither_torch_nor_numpy_is_imported():
    lines = "main(['code', 'lenet5']); assert not {'torch', 'numpy', 'rich'} & set(sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; from hubel.cli import main; {lines}"], capture_output=True
    )
    assert ran.returncode == 0, ran.stderr
