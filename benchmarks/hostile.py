"""Odd, damaged and hostile input by kind: files, option values, bits. What came of each, counted.

    python benchmarks/hostile.py [--each 40] [--options 2000] [--write]

Every reader is run on damaged copies of whole files and on made nonsense, every option of every command with odd
values, in processes of their own. `--write` puts the counts into docs/reliability.md. Nothing may end in an error that
is not hubel's own ("unforeseen"), take over 10 seconds (options: 20) or over 2 GB; inputs that do are printed.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.cli.odd import WORKING, lines  # noqa: E402 (from this repository)
from tests.fuzz.files import changed, nonsense, put, variants, whole_files  # noqa: E402

PAGE, BEGIN, END = ROOT / "docs" / "reliability.md", "<!-- counts -->\n", "<!-- end -->\n"
MOST = 2000  # megabytes
PATIENCE = 60  # seconds after which a process is ended from outside
COLUMNS = ("tried", "taken", "refused in words", "unforeseen errors", "hangs", "over 2 GB")
_PLACE = {"done": "taken", "refused": "refused in words", "hang": "hangs"}
KINDS = {
    ".npz": "`.npz`", "idx3-ubyte": "IDX", "idx1-ubyte": "IDX", "idx3-ubyte.gz": "IDX", ".npy": "`.npy`",
    ".csv": "tables", ".zip": "archives", ".tar": "archives", ".tar.gz": "archives", "run.toml": "`run.toml`",
    "metrics.csv": "`metrics.csv`", ".json": "checkpoints", ".onnx": "ONNX", ".txt": "networks as text",
    ".toml": "recipes",
}  # fmt: skip
BY_READER = {
    "model": "model files", "index": "indexes of images", "weights": "weights of others", "checkpoints": "checkpoints",
    "image": "pictures", "onnx": "ONNX", "exported": "exported models",
}  # fmt: skip


def kind_of(reader: str, path: str) -> str:
    """The row of the table that a file belongs to."""
    if reader in BY_READER:
        return BY_READER[reader]
    return KINDS[max((ending for ending in KINDS if path.endswith(ending)), key=len)]


def answers(module: str, cases: Sequence[Any], folder: Path) -> Iterator[dict[str, Any]]:
    """Run each case in a process that is begun anew where it died, hung or grew too large."""
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "HUBEL_CACHE": str(folder / "cache")}
    left = list(cases)
    while left:
        with subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
            env=environment,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            while left:
                case = left.pop(0)
                process.stdin.write(json.dumps(case) + "\n")
                process.stdin.flush()
                ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
                line = process.stdout.readline() if ready else ""
                found = json.loads(line) if line else {"how": "died" if ready else "hang", "told": "", "megabytes": 0}
                yield {**found, "case": case}
                if not line or found["megabytes"] > MOST:
                    break
            process.kill()


def main() -> None:
    """Try all, print what must not be, and the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=40, help="damaged copies of each whole file")
    parser.add_argument("--options", type=int, default=2000, help="lines with odd values, drawn from all")
    parser.add_argument("--write", action="store_true", help="put the counts into docs/reliability.md")
    arguments = parser.parse_args()
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)

    def count(kind: str, found: dict[str, Any]) -> None:
        counts[kind]["tried"] += 1
        counts[kind][_PLACE.get(found["how"], "unforeseen errors")] += 1
        counts[kind]["over 2 GB"] += found["megabytes"] > MOST
        if found["how"] not in ("done", "refused") or found["megabytes"] > MOST:
            print(found["how"], found["megabytes"], str(found["case"])[:200], found["told"][-300:], flush=True)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "whole").mkdir()
        whole = whole_files(folder / "whole")
        cases = [
            (reader, str(put(path, content, folder / f"{name}-{number}")))
            for name, (reader, path) in whole.items()
            for number, content in enumerate(variants(reader, path, arguments.each, 0))
        ]
        made = (*nonsense(), *changed(whole, 5 * arguments.each, 0))
        for number, (reader, name, content) in enumerate(made):
            (folder / str(number)).mkdir()
            (folder / str(number) / name).write_bytes(content)
            cases.append((reader, str(folder / str(number) / name)))
        for found in answers("tests.fuzz.readers", cases, folder):
            count(kind_of(*found["case"]), found)
        prepare(folder, whole)
        every = [words for words in lines(WORKING) if words[0] not in ("train", "sweep")]
        for found in answers("tests.cli.odd", random.Random(0).sample(every, arguments.options), folder):
            count("options and arguments of every command", found)
    table = "\n".join(rows(counts)) + "\n"
    print(table)
    if arguments.write:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        PAGE.write_text(before + BEGIN + table + END + after, encoding="utf-8")


def prepare(folder: Path, whole: dict[str, tuple[str, Path]]) -> None:
    """Put there what the commands of `WORKING` name."""
    shutil.copytree(whole["run.toml"][1].parent, folder / "run")
    shutil.copy(whole["images.npz"][1], folder / "images.npz")
    for name in ("a.png", "b.png"):
        shutil.copy(whole["picture.png"][1], folder / name)
    program = "from torch import nn\nmake = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2))\n"
    (folder / "model.py").write_text(program)


def rows(counts: dict[str, collections.Counter[str]]) -> Iterator[str]:
    """The table's lines, with all together at the end."""
    whole: collections.Counter[str] = sum(counts.values(), collections.Counter())
    yield "| input | " + " | ".join(COLUMNS) + " |"
    yield "| --- |" + " ---: |" * len(COLUMNS)
    for kind, found in [*sorted(counts.items()), ("all", whole)]:
        yield f"| {kind} | " + " | ".join(f"{found[column]:,}" for column in COLUMNS) + " |"


if __name__ == "__main__":
    main()
