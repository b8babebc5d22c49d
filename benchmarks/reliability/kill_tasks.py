"""Does a run of any task go on to the same bits after kill -9, and is what is written of it whole or not there?

    python benchmarks/reliability/kill_tasks.py [--kills 15] [--writes 4] [--seed 0]

For each task of the registry, with the little data of `tests/tasks/little.py`: runs are killed
at random moments and gone on with, so many times in all, with a checkpoint after every step; each ends with the hash of
model, rows and last checkpoint compared with that of a run never stopped. Then every form of export, the report and an
index of images are written by processes that are killed, so many times each: what lies there must be whole or absent,
and after one more try as if nothing had been.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from hubel.base.errors import HubelError  # noqa: E402
from hubel.tasks.registry import TASKS  # noqa: E402
from tests.tasks.killed import after, at_step, bits, content, forked, strays, trained, writers  # noqa: E402 (this repository)
from tests.tasks.little import LITTLE, Little  # noqa: E402

_STEPS = 9  # of a run


class Tried(NamedTuple):
    """Kills, looks at what was left, those that found all as it should be, and files that were left behind."""

    kills: int = 0
    looks: int = 0
    same: int = 0
    strays: int = 0

    def __add__(self, other: tuple[int, ...]) -> Tried:  # type: ignore[override]
        return Tried(*map(sum, zip(self, other, strict=True)))


def seconds(work: Callable[[], object], log: Path) -> float:
    """How long a work takes in a process of its own. Raises SystemExit with what it said where it fails."""
    start = time.perf_counter()
    if forked(work, log=log):
        raise SystemExit(log.read_text())
    return time.perf_counter() - start


def runs(little: Little, folder: Path, kills: int, chance: random.Random, log: Path) -> tuple[int, int, int, int]:
    """Kill runs; kills, runs, those that ended with the same bits, files that were left behind."""
    trained(little, folder / "clean")  # in this process, which then has loaded what all need
    done = number = same = left = 0
    while done < kills:
        directory = folder / f"run{number}"
        number += 1

        def work(directory: Path = directory) -> None:
            trained(little, directory)

        for step in sorted(chance.sample(range(_STEPS), min(3, kills - done))):
            done += forked(work, log, at_step(directory, step, chance.uniform(0, 0.1))) == signal.SIGKILL
        seconds(work, log)
        same += bits(directory) == bits(folder / "clean")
        left += len(strays(directory))
    return done, number, same, left


def writes(run: Path, images: Path, folder: Path, kills: int, chance: random.Random, log: Path) -> Tried:
    """Kill what writes of a run, and print what came of each."""
    tried = Tried()
    (folder / "clean").mkdir(parents=True)
    wanted = writers(run, images, folder / "clean")
    for name in wanted:
        (folder / name).mkdir()
        try:
            if forked(wanted[name][1], log=log):
                raise HubelError(log.read_text().splitlines()[-1])
        except HubelError as error:
            print(f"  {name}: not for this task ({str(error)[:90]})", flush=True)
            continue
        longest = seconds(writers(run, images, folder / name)[name][1], log)
        done = whole = left = 0
        for number in range(kills):
            place = folder / name / str(number)
            place.mkdir()
            path, work = writers(run, images, place)[name]
            done += forked(work, log, after(chance.uniform(0, longest))) == signal.SIGKILL
            whole += not path.exists() or content(path) == content(wanted[name][0])
            if not path.is_dir():  # which is refused where it stands
                seconds(work, log)  # and removes what was left
            whole += content(path) == content(wanted[name][0])
            left += len(strays(place))
        print(f"  {name}: {done} kills, {whole} of {2 * kills} looks whole and equal, {left} stray files", flush=True)
        tried += Tried(done, 2 * kills, whole, left)
    return tried


def main() -> int:
    """Kill, count, print; 1 where something was not the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=15, help="of training, a task")
    parser.add_argument("--writes", type=int, default=4, help="of each thing that is written, a task")
    parser.add_argument("--task", choices=TASKS, action="append", help="these alone (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance, tried = random.Random(arguments.seed), Tried()
    for task in arguments.task or TASKS:
        if task not in LITTLE:
            raise SystemExit(f"there is no little data of the task {task}: tests/tasks/little.py")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            little, log = LITTLE[task](folder / "data"), folder / "log"
            done, number, same, left = runs(little, folder / "runs", arguments.kills, chance, log)
            came = f"{same} of {number} end with the same bits, {left} stray files"
            print(f"{task}: {done} kills in {number} runs, {came}", flush=True)
            images = next((path.parent for path in sorted((folder / "data").rglob("*.png"))), folder / "data")
            tried += writes(folder / "runs" / "clean", images, folder / "written", arguments.writes, chance, log)
            tried += Tried(done, number, same, left)
    print(f"in all: {tried.kills} kills; {tried.same} of {tried.looks} the same afterwards, {tried.strays} stray files")
    return int(tried.same < tried.looks or tried.strays > 0)


if __name__ == "__main__":
    sys.exit(main())
