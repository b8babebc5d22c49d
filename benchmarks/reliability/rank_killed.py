"""One process of several is killed, five times in one run: how soon is the run further than it was, and to which bits?

    python benchmarks/reliability/rank_killed.py [--ranks 2 4] [--kills 5] [--starts 0]

Trains the small network of `kill_resume.py` under torchrun, with a checkpoint every 16 steps. When the run has come
some steps further, one of its processes, drawn at random, gets kill -9; torchrun starts all again, and they go on from
the newest checkpoint. The time is from the kill until a checkpoint lies there that is newer than the newest at the
kill, so detection, restart, imports and the meeting of the processes are inside. At the end the hash of model,
optimizer, moving average and tallies is compared with that of a run never stopped. With `--starts`, so many kills more
in another run, at random moments of the first five seconds after a start or restart: how soon have all processes made
room for new ones, and does the run go on after all that? Linux only (processes are found in /proc).
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from kill_resume import command, digest, environment, finish

EPOCHS = 12
STEPS = EPOCHS * 32


def newest(directory: Path) -> int:
    """Return the step of the newest checkpoint, 0 where there is none."""
    return max((int(path.stem[5:]) for path in (directory / "checkpoints").glob("step-*.json")), default=0)


def log_of(directory: Path) -> Path:
    """Return where the run's output goes."""
    return directory.parent / f"{directory.name}.log"


def workers(directory: Path) -> dict[int, int]:
    """Return the process of each rank that trains in this directory."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            settings = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        ranks = [setting[5:] for setting in settings if setting.startswith(b"RANK=")]
        if str(directory).encode() in words and ranks:
            found[int(ranks[0])] = int(folder.name)
    return found


def until(condition, process: subprocess.Popen, directory: Path, seconds: float = 120) -> float:
    """Wait until it holds; the moment. Raises SystemExit with the run's output where it ends or hangs before."""
    end = time.perf_counter() + seconds
    while not condition():
        if process.poll() is not None or time.perf_counter() > end:
            what = f"hangs at {newest(directory)} with {workers(directory)}" if process.poll() is None else "ended"
            raise SystemExit(f"{log_of(directory).read_text()}\nthe run {what} before it was further")
        time.sleep(0.005)
    return time.perf_counter()


def started(directory: Path, world: int, kills: int) -> subprocess.Popen:
    """Start a run under torchrun that may be started again so many times."""
    words = [word.replace("--max-restarts=3", f"--max-restarts={kills}") for word in command(directory, world)]
    with log_of(directory).open("w") as output:
        return subprocess.Popen(words, env=environment(), stdout=output, stderr=subprocess.STDOUT)


def interrupted(directory: Path, world: int, kills: int) -> list[float]:
    """Kill while the processes start; the seconds until all were others. The run must come further after the last."""
    process, seconds = started(directory, world, 10 * kills), []
    for _ in range(kills):
        until(lambda: len(workers(directory)) == world, process, directory, 60)
        time.sleep(random.uniform(0, 5))
        old = workers(directory)
        if len(old) < world:  # it has ended or lost one by itself meanwhile
            continue
        os.kill(old[random.randrange(world)], signal.SIGKILL)
        moment = time.perf_counter()
        seconds.append(
            until(
                lambda old=old: len(set(workers(directory).values()) - set(old.values())) == world,
                process,
                directory,
                60,
            )
            - moment
        )
    before = newest(directory)
    until(lambda: newest(directory) > before, process, directory, 60)
    process.terminate()
    process.wait(timeout=60)
    return seconds


def killed(directory: Path, world: int, kills: int) -> list[float]:
    """Train with kills in between; the seconds that each cost."""
    process, seconds = started(directory, world, kills), []
    for number in range(kills):
        due = (number + 1) * STEPS // (kills + 2)  # early enough not to find the run finished
        until(lambda due=due: newest(directory) >= due and len(workers(directory)) == world, process, directory)
        victim = workers(directory)[random.randrange(world)]
        os.kill(victim, signal.SIGKILL)
        moment, before = time.perf_counter(), newest(directory)
        seconds.append(until(lambda before=before: newest(directory) > before, process, directory) - moment)
    if process.wait(timeout=300):
        raise SystemExit(log_of(directory).read_text())
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="*", default=[2, 4])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--starts", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    os.environ["EPOCHS"] = str(EPOCHS)
    with tempfile.TemporaryDirectory() as name:
        for world in arguments.ranks:
            clean, own = Path(name) / f"clean{world}", Path(name) / f"killed{world}"
            finish(clean, world)
            seconds = killed(own, world, arguments.kills)
            same = "equal" if digest(own, STEPS) == digest(clean, STEPS) else "NOT EQUAL"
            print(
                f"{world} processes, one killed {len(seconds)} times: further again after "
                f"{statistics.median(seconds):.1f} s (at most {max(seconds):.1f} s); hash {same} to the clean run's",
                flush=True,
            )
            if arguments.starts:
                os.environ["EPOCHS"] = "1000"
                seconds = interrupted(Path(name) / f"starts{world}", world, arguments.starts)
                os.environ["EPOCHS"] = str(EPOCHS)
                print(
                    f"{world} processes, one killed {len(seconds)} times while they start: all others in "
                    f"{statistics.median(seconds):.1f} s (at most {max(seconds):.1f} s), and the run goes on",
                    flush=True,
                )


if __name__ == "__main__":
    main()
