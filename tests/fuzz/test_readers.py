"""Whatever a file holds, its reader takes it or refuses it with an error of hubel's own, soon and within bounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.files import changed, nonsense, put, variants, whole_files

ROOT = Path(__file__).parents[2]
EACH = 6  # ways to damage each kind of file; `benchmarks/reliability/hostile.py` tries many more
MUTANTS = 10  # graphs of each of two files
MOST = 1500  # megabytes


def told(cases, cache):
    """What came of each (reader, path), in one process."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.readers"],
        input="".join(json.dumps([reader, str(path)]) + "\n" for reader, path in cases),
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HUBEL_CACHE": str(cache)},
        timeout=500,
    )
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == len(cases), f"it died of {cases[len(found)]}"
    return found


def bad(found):
    return [each for each in found if each["how"] not in ("done", "refused") or each["megabytes"] > MOST]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_files(tmp_path_factory.mktemp("whole"))


def test_whole_files_are_taken(whole, tmp_path):
    apart = ("images-idx3-ubyte", "train-labels-idx1-ubyte")  # one without its labels, the other is no image
    cases = [case for name, case in whole.items() if name not in apart]
    assert [each for each in told(cases, tmp_path) if each["how"] != "done"] == []


def test_damaged_files_are_taken_or_refused(whole, tmp_path):
    cases = [
        (reader, put(path, content, tmp_path / f"{name}-{number}"))
        for name, (reader, path) in whole.items()
        for number, content in enumerate(variants(reader, path, EACH, 1))
    ]
    assert bad(told(cases, tmp_path / "cache")) == []


def test_made_files_are_taken_or_refused(whole, tmp_path):
    cases = []
    for number, (reader, name, content) in enumerate((*nonsense(), *changed(whole, MUTANTS, 1))):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / name).write_bytes(content)
        cases.append((reader, tmp_path / str(number) / name))
    assert bad(told(cases, tmp_path / "cache")) == []
