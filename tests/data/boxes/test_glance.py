"""A glance at a folder: what lies among many pictures is found, and no more names are read than so many."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubel.data.boxes import annotations
from hubel.data.boxes.annotations import glance
from hubel.data.captions.find import files_of


def test_a_table_is_found_wherever_it_lies_among_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotations, "_ENTRIES", 1)
    for number in range(30):
        (tmp_path / f"{number}.jpg").touch()
    (tmp_path / "captions.csv").write_text("image,caption\n0.jpg,a cat\n")
    assert files_of(tmp_path) == [tmp_path / "captions.csv"]
    assert len(list(glance(tmp_path, ".jpg"))) == 1
    monkeypatch.setattr(annotations, "_NAMES", 0)
    assert len([*glance(tmp_path, ".jpg"), *glance(tmp_path, ".csv")]) == 1
