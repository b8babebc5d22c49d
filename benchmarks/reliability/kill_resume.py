"""Does a run that is killed go on to the same bits? Real processes, kill -9, flipped bits.

    python benchmarks/reliability/kill_resume.py [--kills 40] [--points 24] [--corruptions 10000] [--ranks 1 2 4]

Trains a small network on MNIST's first 4,096 images for two epochs, with a checkpoint after every step, so that a
kill at a random moment mostly meets a checkpoint being written. Three parts:

- kills: one process, killed so many times at random moments in one run, then left to finish;
- ranks: for each number of processes, so many runs under torchrun of which one process is killed at a random step; the
  others are started again by torchrun. Prints how long it took from the kill to the first step after it;
- corruptions: one random change (a flipped bit, a cut, bytes overwritten) of a checkpoint's files at a time.

Each ends with the hashes of model, optimizer, moving average and tallies compared with those of a run never stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

NETWORK = (
    "28x28x1: conv 8 5x5/2, norm, relu, conv 16 3x3, maxpool 2, norm, relu, flatten, dropout 0.1, dense 10 softmax"
)
STEPS = 64


def worker(directory: Path, die_at: int) -> None:
    """Train or go on; where `die_at` is given, kill this process once its folder holds a checkpoint of that step."""
    import numpy as np

    from hubel.arch import parse
    from hubel.data import Splits, load
    from hubel.train import Recipe, Started, resume, train

    splits = Splits(train=load("mnist").train.take(np.arange(4096)))
    recipe = Recipe(
        epochs=float(os.environ.get("EPOCHS", "2")),
        learning_rate=0.01,
        ema=0.99,
        threads=1,
        device="cpu",
        precision="float32",
        memory_format="channels-last",
        augmentation="shift 1, fill 0",
        checkpoint_seconds=0,
    )

    def listen(event: object) -> None:
        if isinstance(event, Started):
            print("started", event.step, time.time(), flush=True)

    restarted = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
    victim = os.environ.get("RANK", "0") == os.environ.get("VICTIM", "0")
    if die_at and victim and not restarted:
        threading.Thread(target=_die, args=(directory, die_at), daemon=True).start()
    if (directory / "run.toml").exists() and "RANK" not in os.environ:
        resume(directory, splits, progress=listen)
    else:
        train(parse(NETWORK), splits, recipe, directory, progress=listen)


def _die(directory: Path, step: int) -> None:
    while not any(int(path.stem[5:]) >= step for path in (directory / "checkpoints").glob("step-*.json")):
        time.sleep(0.002)
    print("killed", time.time(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def command(directory: Path, ranks: int, die_at: int = 0) -> list[str]:
    own = [str(Path(__file__).resolve()), "--worker", str(directory), "--die-at", str(die_at)]
    if ranks == 1:
        return [sys.executable, *own]
    launcher = ["--standalone", f"--nproc-per-node={ranks}", "--max-restarts=3", "--monitor-interval=0.1"]
    return [sys.executable, "-m", "torch.distributed.run", *launcher, *own]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def finish(directory: Path, ranks: int, die_at: int = 0, victim: int = 0) -> str:
    """Run to the end; what was printed."""
    done = subprocess.run(
        command(directory, ranks, die_at),
        env=environment(VICTIM=str(victim)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def digest(directory: Path, steps: int = STEPS) -> str:
    """One hash of the model's file and of every tensor of the last checkpoint."""
    from hubel.train.run.checkpoint import CheckpointStore

    saved, problems = CheckpointStore(directory / "checkpoints").load_latest()
    assert saved is not None, "no checkpoint"
    assert (saved.about["step"], problems) == (steps, ())
    total = hashlib.sha256((directory / "model.safetensors").read_bytes())
    for name in sorted(saved.tensors):
        total.update(name.encode() + saved.tensors[name].numpy().tobytes())
    return total.hexdigest()


def kills(folder: Path, number: int, wanted: str) -> None:
    """Kill one run after the other at random moments, each killed until it has been so `number` times in all."""
    done = same = runs = strays = 0
    while done < number:
        runs += 1
        directory = folder / f"kills{runs}"
        while done < number and not (directory / "model.safetensors").exists():
            process = subprocess.Popen(command(directory, 1), stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.uniform(0, 0.6))
            if process.poll() is None:
                process.kill()
                done += 1
            process.communicate()
        finish(directory, 1)
        same += digest(directory) == wanted
        strays += len(list(directory.rglob("*partial*")))
    print(f"kill -9 at random moments: {done} kills in {runs} runs, {same} of {runs} end with the same bits, "
          f"{strays} stray files", flush=True)  # fmt: skip


def ranks(folder: Path, world: int, points: int) -> None:
    """Kill one process of `world` at random steps; torchrun starts all again, or a plain restart does for one."""
    clean = folder / f"clean{world}"
    finish(clean, world)
    wanted, same, seconds = digest(clean), 0, []
    for point in range(points):
        directory, step, victim = (
            folder / f"rank{world}-{point}",
            random.randrange(1, STEPS - 4),
            random.randrange(world),
        )
        if world == 1:
            killed = subprocess.run(
                command(directory, 1, step), env=environment(VICTIM="0"), capture_output=True, text=True, check=False
            ).stdout
            text = killed + finish(directory, 1)
        else:
            text = finish(directory, world, step, victim)
        lines = [line.split() for line in text.splitlines()]
        moment = [float(line[1]) for line in lines if line[:1] == ["killed"]]
        again = [float(line[2]) for line in lines if line[:1] == ["started"]]
        if moment and len(again) > 1:
            seconds.append(again[-1] - moment[0])
        same += digest(directory) == wanted
    spread = f"{statistics.median(seconds):.1f} s (at most {max(seconds):.1f} s)" if seconds else "not measured"
    print(f"{world} processes: {same} of {points} end with the same bits as never stopped; going on after {spread}",
          flush=True)  # fmt: skip


def corruptions(directory: Path, number: int) -> None:
    """Change the newest checkpoint's files at random, and see whether each change is noticed."""
    from hubel.train.run.checkpoint import CheckpointStore

    store, noticed = CheckpointStore(directory / "checkpoints"), 0
    files = list((directory / "checkpoints").glob(f"step-{STEPS:08d}.*"))
    for turn in range(number):
        path = files[turn % len(files)]
        content = path.read_bytes()
        damaged = bytearray(content)
        kind = random.randrange(3)
        place = random.randrange(len(content))
        if kind == 0:
            damaged[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            del damaged[place:]
        else:
            damaged[place : place + 16] = random.randbytes(len(damaged[place : place + 16]))
        if damaged == content:
            noticed += 1
            continue
        path.write_bytes(damaged)
        saved, problems = store.load_latest()
        noticed += len(problems) == 1 and saved is not None and saved.about["step"] == STEPS - 1
        path.write_bytes(content)
    print(f"corrupted checkpoints: {noticed} of {number} noticed, the one before used", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--points", type=int, default=24)
    parser.add_argument("--corruptions", type=int, default=10_000)
    parser.add_argument("--ranks", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--die-at", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.die_at)
        return
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finish(folder / "clean", 1)
        corruptions(folder / "clean", arguments.corruptions)
        kills(folder, arguments.kills, digest(folder / "clean"))
        for world in arguments.ranks:
            ranks(folder, world, arguments.points)


if __name__ == "__main__":
    main()
