"""`hubel draw` as a process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hubel import zoo
from hubel.draw import figure


def hubel(*arguments: str, at: object = None) -> subprocess.CompletedProcess[str]:
    program = "import sys; from hubel.cli import main; raise SystemExit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=at,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def test_it_writes_a_file_of_the_network_s_name(tmp_path):
    ran = hubel("draw", "lenet5", at=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "volumes, 794×423\nwrote lenet5.svg\n"
    assert (tmp_path / "lenet5.svg").read_text(encoding="utf-8") == figure(zoo.get("lenet5")).svg()


def test_it_prints_what_was_asked_for():
    ran = hubel("draw", "resnet18", "--classes", "37", "--theme", "dark", "--page", "500", "-o", "-")
    assert ran.stdout == figure(zoo.get("resnet18", classes=37), theme="dark", page=500).svg()


def test_a_text_form_and_a_page(tmp_path):
    ran = hubel("draw", "8x8x1: conv 2 3x3, flatten, dense 3", "-o", "mine.html", "--style", "blocks", at=tmp_path)
    assert ran.stdout.startswith("blocks, ")
    assert ran.stdout.endswith("wrote mine.html\n")
    assert "(1·3·3 + 1)·2 = 20" in (page := (tmp_path / "mine.html").read_text(encoding="utf-8")) or "= 20" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet18", "--style", "volumes"], "expected a network of one chain"),
        (["lenet5", "-o", "lenet5.eps"], "received '.eps'"),
        (["lenet5", "--page", "nan"], "argument --page: expected"),
        (["8x8x3: conv 6 9x9"], "conv1"),
    ],
)
def test_what_cannot_be_drawn_is_told(arguments, message, tmp_path):
    ran = hubel("draw", *arguments, at=tmp_path)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_neither_torch_nor_numpy_nor_rich_is_imported(tmp_path):
    lines = "main(['draw', 'lenet5']); assert not {'torch', 'numpy', 'rich', 'resvg_py'} & set(sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; from hubel.cli import main; {lines}"], capture_output=True, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
