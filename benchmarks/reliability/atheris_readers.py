"""One reader of files under a fuzzer that is led by coverage: atheris (libFuzzer), where it is installed, by hand.

    pip install atheris
    python benchmarks/reliability/atheris_readers.py READER [--seconds 60] [--name NAME]

READER is one of `tests/fuzz/readers.py` whose whole file is NAME, one of `tests/fuzz/files.py` (by default its first).
hubel's own Python is watched, and each input that reaches lines that none reached before is kept and changed further.
What ends in an error that is not hubel's own stops it: the input is written to crash-…
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import atheris  # noqa: E402 (installed by hand)

with atheris.instrument_imports(include=["hubel"]):
    from hubel.base.errors import HubelError
    from tests.fuzz.files import put, whole_files
    from tests.fuzz.readers import READERS


def main() -> None:
    """Try until the time is over; print how many were taken and refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--name", default="", help="which whole file of that reader is changed (default: its first)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        (folder := Path(place) / "whole").mkdir()
        fitting = [
            (name, path) for name, (reader, path) in whole_files(folder).items()
            if reader == arguments.reader and arguments.name in ("", name)
        ]  # fmt: skip
        if not fitting:
            raise SystemExit(f"no whole file of {arguments.reader} is called {arguments.name!r}")
        name, path = fitting[0]
        seeds, tried = Path(place) / "seeds", Path(place) / "tried"
        seeds.mkdir()
        (seeds / name).write_bytes(path.read_bytes())
        target = put(path, path.read_bytes(), tried)
        told = {"taken": 0, "refused": 0}

        def one(content: bytes) -> None:
            target.write_bytes(content)
            try:
                READERS[arguments.reader](target)
                told["taken"] += 1
            except HubelError:
                told["refused"] += 1
            if sum(told.values()) % 500 == 0:
                print(name, told, flush=True)

        length = f"-max_len={4 * path.stat().st_size}"
        atheris.Setup([sys.argv[0], str(seeds), f"-max_total_time={arguments.seconds}", length, "-timeout=20"], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
