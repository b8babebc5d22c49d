"""Whether a step of training fits into memory, before the system ends the process for trying; and what to do where it
did not after all.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from hubel.arch import Network, analyse, inference_memory, largest_batch, training_memory
from hubel.base.errors import TrainingError
from hubel.data.feed.device import free_memory
from hubel.nn import chosen_device, own_processor
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.run import Run

_CGROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # by which containers are limited
# of each version of them, the limit's file, and what memory.stat calls the memory that programs took
_VERSIONS = {"": ("memory.max", "anon"), "memory": ("memory.limit_in_bytes", "total_rss")}
_OUT_OF_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|bad_alloc", re.IGNORECASE)
_SCATTERED = re.compile(r"(\d+(?:\.\d+)?) (bytes|KiB|MiB|GiB) is reserved by PyTorch but unallocated")
_EVALUATED = 256  # images measured at once, where there is memory for them
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class NotEnoughMemoryError(TrainingError, MemoryError):
    """Training does not fit: by how much, and which batch would."""


def check_memory(network: Network, recipe: Recipe, world: int = 1) -> None:
    """Raise NotEnoughMemoryError where one process's share of a batch takes more than the device has free.

    The need is worked out by the cost rules, which know of no frozen layers: where there are some, as where the free
    memory cannot be told, nothing is checked.
    """
    device = chosen_device(recipe.device)
    free = _free(device)
    if free is None or recipe.freeze:
        return
    settings = _settings(recipe)
    share = max(1, recipe.batch_size // world)
    at_once = min(recipe.micro_batch or share, share)
    need = training_memory(network, at_once, **settings).total
    if need <= free:
        return
    fitting = _rounded(largest_batch(network, free, **settings))
    raise NotEnoughMemoryError(
        f"a step with a batch of {recipe.batch_size}{_parts(recipe)} takes about {_size(need)}"
        + (f" in each of {world} processes" if world > 1 else "")
        + f", {_size(need - free)} more than is free on {device} ({_size(free)}); "
        + (
            f"batch_size = {fitting * world} would fit, or micro_batch = {fitting} with the same batch"
            if fitting
            else "not even one image would fit"
        )
    )


def evaluated_at_once(network: Network, recipe: Recipe, world: int) -> int:
    """How many images to measure at a time: 256, or as few as take no more memory than a step of training does."""
    share = max(1, recipe.batch_size // world)
    at_once = min(recipe.micro_batch or share, share)
    report = analyse(network)
    step = training_memory(report, at_once, **_settings(recipe)).total
    many = _EVALUATED
    while many > at_once and inference_memory(report, many, processor=own_processor()).total > step:
        many //= 2
    return min(many, recipe.micro_batch or many)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had: PyTorch's of either device, NumPy's or Python's."""
    if isinstance(error, NotEnoughMemoryError):
        return False
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)) is not None
    )


def out_of_memory(message: str, run: Run, step: int, world: int) -> NotEnoughMemoryError:
    """What to tell of a step that did not fit: how much was asked for, what would fit, what is kept, how to go on.

    message: of the error. step: of the newest checkpoint, 0 where there is none.
    """
    recipe, device = run.recipe, chosen_device(run.recipe.device)
    share = max(1, min(recipe.batch_size, run.settings["data"]["examples"]["training"]) // world)
    at_once = min(recipe.micro_batch or share, share)
    asked, free = _asked(message), _free(device)
    what = f"memory ran out on {device} with {at_once} images at a time" + (
        f" in each of {world} processes" if world > 1 else ""
    )
    if asked is not None:
        what += f": {_size(asked)} more were needed at once"
        what += f" and {_size(free)} are free" if free is not None else ""
    kept = f"the checkpoint of step {step} is kept" if step else "no checkpoint was written yet"
    fitting = at_once // 2 if free is None else min(_fits(run, free), at_once // 2)
    idle = _SCATTERED.search(message)
    if idle is not None and asked is not None and _bytes(idle[1], idle[2]) > asked:
        what += (
            f" in pieces that are too small ({idle[1]} {idle[2]} of them are PyTorch's own; with "
            "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True set, it joins them)"
        )
    if not fitting:
        return NotEnoughMemoryError(f"{what}; {kept}. Not even one image at a time would fit")
    changed = "gradients are then added in parts"
    if "norm" in str(run.network):
        changed += f", and batch normalisation sees {fitting} images at a time"
    return NotEnoughMemoryError(
        f"{what}; {kept}. {fitting} at a time would fit: hubel train --resume {run.directory} --micro-batch {fitting} "
        f"goes on with the same batches of {recipe.batch_size}, order and rates ({changed})"
    )


def _fits(run: Run, free: int) -> int:
    """How many images at a time the cost rules give, with what is free now besides weights and optimizer's numbers."""
    settings = _settings(run.recipe)
    held = training_memory(run.network, 1, **settings)
    one = training_memory(run.network, 2, **settings).total - held.total
    standing = max(0, held.total - one)
    return _rounded(largest_batch(run.network, free + standing, **settings))


def _settings(recipe: Recipe) -> dict[str, Any]:
    return {
        "precision": "autocast" if recipe.precision == "bfloat16" else "float32",
        "optimizer": "adam" if recipe.optimizer in ("adam", "adamw") else "momentum",
        "channels_last": recipe.memory_format != "channels-first",
        "processor": own_processor(),
    }


def _asked(message: str) -> int | None:
    """How many bytes could not be had, where the message says so."""
    found = re.search(r"allocate (\d+(?:\.\d+)?) (bytes|KiB|MiB|GiB)", message)
    return _bytes(found[1], found[2]) if found else None


def _bytes(number: str, unit: str) -> int:
    return int(float(number) * _UNITS[unit])


def _free(device: str) -> int | None:
    """Bytes that this process may still take on the device; None where they cannot be told."""
    if device != "cpu":
        free, own = free_memory(torch.device(device)), getattr(torch, device.partition(":")[0])
        if free is None or not hasattr(own, "memory_reserved"):
            return free
        return int(free + own.memory_reserved(device) - own.memory_allocated(device))
    bounds = [_available(), _left_in_container(), _left_of_limit()]
    return min((bound for bound in bounds if bound is not None), default=None)


def _available() -> int | None:
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable:")


def _left_in_container() -> int | None:
    """What the limits of all groups leave that this process is in, its own and those around it."""
    try:
        lines = [line.split(":", 2) for line in _OWN.read_text().splitlines()]
    except OSError:
        lines = []
    bounds = []
    for name, (limit, programs) in _VERSIONS.items():
        place = next((words[2] for words in lines if len(words) == 3 and name in words[1].split(",")), "/")
        inner = PurePosixPath(place.lstrip("/"))
        # a container may see its own group as the root, whatever its place is called outside
        bounds += [_left_in_group(_CGROUPS / name / path, limit, programs) for path in (inner, *inner.parents)]
    return min((bound for bound in bounds if bound is not None), default=None)


def _left_in_group(folder: Path, limit: str, programs: str) -> int | None:
    try:
        most = (folder / limit).read_text().strip()
        taken = (folder / "memory.stat").read_text().split()
    except OSError:
        return None
    # what files take can be given back, what programs take cannot
    return max(0, int(most) - int(taken[taken.index(programs) + 1])) if most.isdigit() and programs in taken else None


def _left_of_limit() -> int | None:
    """What `ulimit -v` leaves."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = _kilobytes(Path("/proc/self/status"), "VmSize:")
    return None if limit == resource.RLIM_INFINITY or taken is None else max(0, limit - taken)


def _kilobytes(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)


def _parts(recipe: Recipe) -> str:
    return f", {recipe.micro_batch} at a time," if recipe.micro_batch else ""


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**29 else f"{size / 2**20:.0f} MiB"


def _rounded(batch: int) -> int:
    """The largest power of two that is no larger, and so divides well; 0 for none."""
    return 1 << (batch.bit_length() - 1) if batch else 0
