"""Odd, damaged and hostile input by kind: files, option values, bits. What came of each, counted.

    python benchmarks/reliability/hostile.py [--part files] [--each 40] [--options 2000] [--training 400] [--write]

Every reader is run on damaged copies of whole files and on made nonsense, every option of every command with odd
values, in processes of their own. `--write` puts the counts into docs/reliability.md, of a part in the place of those
that stood there. Nothing may end in an error that is not hubel's own ("unforeseen"), take over 10 seconds of the
processor (options: 20) or over 2 GB; inputs that do are printed.
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

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.cli.odd import EXPORTED, WORKING, lines, of_task  # noqa: E402 (from this repository)
from tests.fuzz.files import changed, nonsense, put, variants, whole_files  # noqa: E402
from tests.fuzz.readers import about_of  # noqa: E402
from tests.tasks.killed import trained  # noqa: E402
from tests.tasks.little import LITTLE  # noqa: E402

PAGE, BEGIN, END = ROOT / "docs" / "reliability.md", "<!-- counts -->\n", "<!-- end -->\n"
MOST = 2000  # megabytes
PATIENCE = 400  # seconds after which a process is ended from outside
PARTS = ("files", "options", "exported", "training", "tasks")
COLUMNS = ("tried", "taken", "refused in words", "unforeseen errors", "hangs", "over 2 GB")
_PLACE = {"done": "taken", "refused": "refused in words", "hang": "hangs"}
KINDS = {
    ".npz": "`.npz`", "idx3-ubyte": "IDX", "idx1-ubyte": "IDX", "idx3-ubyte.gz": "IDX", ".npy": "`.npy`",
    ".csv": "tables, `metrics.csv`", "metrics.csv": "tables, `metrics.csv`", ".zip": "archives",
    ".tar": "archives", ".tar.gz": "archives", "run.toml": "`run.toml`",
    ".json": "checkpoints", ".onnx": "ONNX", ".txt": "networks as text",
    ".toml": "recipes",
}  # fmt: skip
BY_READER = {
    "model": "model files", "index": "indexes of images", "weights": "weights of others", "checkpoints": "checkpoints",
    "image": "pictures", "onnx": "ONNX", "exported": "exported models", "asked": "requests to a service",
    "keras": "Keras's files",
}  # fmt: skip


def kind_of(reader: str, path: str) -> str:
    """The row of the table that a file belongs to."""
    if reader == "task":
        return str(about_of(Path(path))["kind"])
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
    parser.add_argument("--training", type=int, default=400, help="the same of training and sweeps")
    parser.add_argument("--tasks", type=int, default=400, help="the same with data and runs of other tasks")
    parser.add_argument("--part", choices=PARTS, action="append", help="try these alone (default: all)")
    parser.add_argument(
        "--piece", default="1/1", help="of each part this share alone, such as 2/3: what is written adds up"
    )
    parser.add_argument("--write", action="store_true", help="put the counts into docs/reliability.md")
    arguments = parser.parse_args()
    piece, pieces = map(int, arguments.piece.split("/"))
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
        parts = arguments.part or PARTS
        cases = list(files(whole, folder, arguments.each)) if "files" in parts else []
        for found in answers("tests.fuzz.readers", cases[piece - 1 :: pieces], folder):
            count(kind_of(*found["case"]), found)
        prepare(folder, whole)
        chance = random.Random(0)
        every = {place: list(lines(known)) for place, known in (("options", WORKING), ("exported", EXPORTED))}
        every["training"] = [words for words in every["options"] if words[0] in ("train", "sweep")]
        every["options"] = [words for words in every["options"] if words[0] not in ("train", "sweep")]
        every["tasks"] = list(of_tasks(folder)) if "tasks" in parts else []
        for part, (kind, number) in {
            "options": ("options and arguments of every command", arguments.options),
            "exported": ("options and arguments with an exported model", arguments.options),
            "training": ("options of training and sweeps", arguments.training),
            "tasks": ("options of commands with other tasks", arguments.tasks),
        }.items():
            drawn = chance.sample(every[part], min(number, len(every[part]))) if part in parts else []
            for found in answers("tests.cli.odd", drawn[piece - 1 :: pieces], folder):
                count(kind, found)
    print("\n".join(rows(counts)))
    if arguments.write:
        text = PAGE.read_text(encoding="utf-8")
        before, stood, after = (
            text.partition(BEGIN)[0],
            text.partition(BEGIN)[2].partition(END)[0],
            text.partition(END)[2],
        )
        before_now = counted(stood)
        if piece > 1:
            counts = {kind: found + before_now.get(kind, collections.Counter()) for kind, found in counts.items()}
        table = "\n".join(rows({**before_now, **counts})) + "\n"
        PAGE.write_text(before + BEGIN + table + END + after, encoding="utf-8")


def files(whole: dict[str, tuple[str, Path]], folder: Path, each: int) -> Iterator[tuple[str, str]]:
    """Write damaged, made and changed files, and name each one's reader and place."""
    for name, (reader, path) in whole.items():
        for number, content in enumerate(variants(reader, path, each, 0)):
            yield reader, str(put(path, content, folder / f"{name}-{number}"))
    for number, (reader, name, content) in enumerate((*nonsense(), *changed(whole, 5 * each, 0))):
        (folder / str(number)).mkdir()
        (folder / str(number) / name).write_bytes(content)
        yield reader, str(folder / str(number) / name)


def counted(table: str) -> dict[str, collections.Counter[str]]:
    """The counts of a table that `rows` wrote, all together left out."""
    found = {}
    for line in table.splitlines()[2:]:
        kind, *numbers = (cell.strip() for cell in line.strip("|").split("|"))
        found[kind] = collections.Counter(dict(zip(COLUMNS, (int(n.replace(",", "")) for n in numbers), strict=True)))
    found.pop("all", None)
    return found


def prepare(folder: Path, whole: dict[str, tuple[str, Path]]) -> None:
    """Put there what the commands of `WORKING` name."""
    shutil.copytree(whole["run.toml"][1].parent, folder / "run")
    shutil.copy(whole["images.npz"][1], folder / "images.npz")
    shutil.copy(whole["exported.onnx"][1], folder / "exported.onnx")
    for name in ("a.png", "b.png"):
        shutil.copy(whole["picture.png"][1], folder / name)
    program = "from torch import nn\nmake = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2))\n"
    (folder / "model.py").write_text(program)


def of_tasks(folder: Path) -> Iterator[list[str]]:
    """Lines with data and a run of each task but classification."""
    for task, make in LITTLE.items():
        if task != "classification":
            little = make(folder / task)
            trained(little, folder / f"{task}-run")
            settings = [f"--{name}={value}" for name, value in little.settings.items()]
            yield from lines(of_task(str(little.source), little.network, f"{task}-run", *settings))


def rows(counts: dict[str, collections.Counter[str]]) -> Iterator[str]:
    """The table's lines, with all together at the end."""
    whole: collections.Counter[str] = sum(counts.values(), collections.Counter())
    yield "| input | " + " | ".join(COLUMNS) + " |"
    yield "| --- |" + " ---: |" * len(COLUMNS)
    for kind, found in [*sorted(counts.items()), ("all", whole)]:
        yield f"| {kind} | " + " | ".join(f"{found[column]:,}" for column in COLUMNS) + " |"


if __name__ == "__main__":
    main()
