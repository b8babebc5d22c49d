"""Processes that are killed while they train or write, forked from one that has loaded PyTorch; what is left of it."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hubel import tasks
from hubel.arch import parse
from hubel.train import Recipe, Run, resume, train
from hubel.train.run.checkpoint import CheckpointStore
from tests.tasks.little import Little

RECIPE = Recipe(
    epochs=3, batch_size=8, threads=1, device="cpu", precision="float32", memory_format="channels-last", ema=0.9,
    checkpoint_seconds=0, label_smoothing=0, augmentation="shift 1, fill 0",
)  # fmt: skip

FORMS: dict[str, dict[str, Any]] = {
    "model.onnx": {},
    "tensor.onnx": {"input": "tensor"},
    "page.html": {},
    "site": {"to": "web"},
    "package": {"to": "package"},
    "model.pt2": {},
}


def trained(little: Little, directory: Path, progress: Any = None) -> None:
    """Train, or go on where a run was left. progress: is called with each event of a training."""
    splits = tasks.load(little.source, **little.settings)
    if (directory / "run.toml").exists():
        resume(directory, splits)
    else:
        network = parse(little.network)
        task = tasks.task_of(splits.train)
        recipe = RECIPE if splits.train.targets.varied else RECIPE.replace(augmentation="none")
        recipe = recipe.replace(**little.recipe)
        task.check(network, splits.train.shape)
        held = 0.25 if splits.validation is None else "auto"
        train(network, splits, recipe, directory, validation=held, progress=progress)


def forked(
    work: Callable[[], object], log: Path | None = None, kill: Callable[[Callable[[], bool]], object] | None = None
) -> int:
    """Do something in a process of its own; its status. kill: waits for the moment to kill it, and is given what says
    whether it is over.
    """
    child = os.fork()
    if not child:
        status = 1
        try:
            said = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(said, 1)
            os.dup2(said, 2)
            work()
            status = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)
    ended: list[int] = []

    def over() -> bool:
        if not ended:
            found, status = os.waitpid(child, os.WNOHANG)
            ended.extend([status] if found else [])
        return bool(ended)

    if kill is not None:
        kill(over)
        if not over():
            os.kill(child, signal.SIGKILL)
    return ended[0] if ended else os.waitpid(child, 0)[1]


def after(seconds: float) -> Callable[[Callable[[], bool]], object]:
    """Wait so long."""
    return lambda over: time.sleep(seconds)


def at_step(directory: Path, step: int, seconds: float) -> Callable[[Callable[[], bool]], object]:
    """Wait for a run's checkpoint of a step, and then so long."""

    def wait(over: Callable[[], bool]) -> None:
        while not over() and not any(int(path.stem[5:]) >= step for path in directory.glob("checkpoints/step-*.json")):
            time.sleep(0.002)
        time.sleep(seconds)

    return wait


def bits(directory: Path) -> str:
    """One hash of a run's model, its rows but for times, and every tensor of its last checkpoint."""
    saved, problems = CheckpointStore(directory / "checkpoints").load_latest()
    assert saved is not None, "no checkpoint"
    assert not problems, problems
    total = hashlib.sha256((directory / "model.safetensors").read_bytes())
    for name in sorted(saved.tensors):
        total.update(name.encode() + saved.tensors[name].numpy().tobytes())
    for row in Run.open(directory).metrics:
        total.update(repr([row.epoch, row.step, row.training, row.evaluation]).encode())
    return total.hexdigest()


def strays(folder: Path) -> list[str]:
    """Files that a write left behind which did not come to its end."""
    return [str(path) for path in folder.rglob("*") if "partial" in path.name or path.name.endswith(".part")]


def writers(run: Path, images: Path, folder: Path) -> Mapping[str, tuple[Path, Callable[[], Any]]]:
    """What is written of a run, each with its path: exports of all forms, the report, an index of images."""
    from hubel.export import export
    from hubel.look.retrieve.find import update_index
    from hubel.report import write_report
    from hubel.tasks import load_model

    model = run / "model.safetensors"
    found: dict[str, tuple[Path, Callable[[], Any]]] = {
        "index": (folder / "index", lambda: update_index(load_model(model), images, folder / "index")),
        "report": (folder / "report.html", lambda: write_report(Run.open(run), folder / "report.html")),
    }
    for name, settings in FORMS.items():
        path = folder / name
        found[name] = path, lambda path=path, more=settings: export(Run.open(run), path, **more)
    return found


def content(path: Path) -> dict[str, str]:
    """The hash of a file, or of each file of a folder by its name."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return {str(each.relative_to(path)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}
