"""Names that are not in UTF-8, which file systems allow: read and trained on, or refused in words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.command import hubel
from tests.tasks.little import LITTLE

BYTE = os.fsdecode(b"\xff")


def test_data_whose_names_are_bytes_is_trained_on_and_found_again(tmp_path: Path) -> None:
    little = LITTLE["classification"](tmp_path / "data")
    source = tmp_path / f"pictures{BYTE}"
    shutil.move(little.source, source)
    for number in range(4):
        path = next(source.rglob(f"{number}.png"))
        path.rename(path.with_name(f"{number}{BYTE}.png"))
    run, picture = tmp_path / "run", next(source.rglob(f"1{BYTE}.png"))
    assert hubel("train", "8x8x1: flatten, dense 2", source, "--epochs=1", "--no-report", "--run", run).returncode == 0
    assert hubel("evaluate", run).returncode == 0
    (tmp_path / "list.txt").write_bytes(os.fsencode(picture) + b"\n")
    assert hubel("predict", run, tmp_path / "list.txt").returncode == 0
    (run / "model.safetensors").rename(tmp_path / f"model{BYTE}")
    for line in (
        ("predict", tmp_path / f"model{BYTE}", picture),
        ("train", "8x8x1: flatten, dense 2", source, "--run", tmp_path / f"run{BYTE}"),
        ("sweep", "8x8x1: flatten, dense 2", source, "--trials=1", "--sweep", tmp_path / f"sweep{BYTE}"),
    ):
        refused = hubel(*line)
        assert refused.returncode == 2
        assert "its name, or that of a folder around it, is not in UTF-8" in refused.stderr
        assert not any(path.name in (f"run{BYTE}", f"sweep{BYTE}") for path in tmp_path.iterdir())
