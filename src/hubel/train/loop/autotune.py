"""What the machine decides: device, threads, precision, memory layout, and how many epochs fit a time budget.

What a recipe leaves open is measured on a few real steps of this network, since rules of thumb are wrong by a factor of
two either way: small networks can be quicker on one thread than on two, or the reverse; bfloat16 doubles some networks
and slows others. The answers go into the run's recipe, so that a run that is gone on with keeps them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence

import torch

from hubel.arch import Network, analyse
from hubel.data import Batch, Dataset, Preprocessing
from hubel.tasks import Task
from hubel.train.loop.state import State
from hubel.train.loop.step import Step
from hubel.train.recipe.recipe import Recipe

_GAIN = 1.1  # how many times quicker a change must be: less may be chance
_STEPS, _SECONDS = 12, 0.16  # of measuring, for one choice
_MACS = 2e10  # of one measured step, at most
_SMALL = 1e6  # multiply-adds an image: networks of fewer do not get quicker by bfloat16 on a processor


def autotune(
    recipe: Recipe, step: type[Step], network: Network, task: Task, training: Dataset, preprocessing: Preprocessing
) -> Recipe:
    """The recipe with nothing left open, for training `network` by such steps on this set on this machine."""
    recipe = recipe.replace(device=_device(recipe.device))
    probe = _Probe(step, network, task, training, preprocessing)
    free = {
        "threads": recipe.threads == 0,
        "precision": recipe.precision == "auto",
        "memory_format": recipe.memory_format == "auto",
    }
    recipe = recipe.replace(
        threads=recipe.threads or 1,
        precision="float32" if free["precision"] else recipe.precision,
        memory_format="channels-last" if free["memory_format"] else recipe.memory_format,
    )
    on_processor = recipe.device == "cpu"
    trials: list[dict[str, object]] = []
    if free["threads"] and on_processor and _cores() > 1:
        trials.append({"threads": _cores()})
    if free["precision"] and _has_bfloat16(recipe.device) and (not on_processor or probe.macs > _SMALL):
        trials.append({"precision": "bfloat16"})
    if free["memory_format"] and on_processor:
        trials.append({"memory_format": "channels-first"})
    if not trials and not recipe.time_budget:
        return recipe
    for change in trials:
        recipe = probe.better(recipe, recipe.replace(**change))
    if recipe.time_budget:
        pace = statistics.median(probe.seconds([recipe])[0])
        images_in_budget = recipe.time_budget * probe.batch(recipe) / pace
        recipe = recipe.replace(epochs=max(images_in_budget / max(1, len(training)), 1e-6))
    return recipe


class _Probe:
    def __init__(
        self, step: type[Step], network: Network, task: Task, training: Dataset, preprocessing: Preprocessing
    ) -> None:
        self.step, self.network, self.task, self.training = step, network, task, training
        self.preprocessing = preprocessing
        report = analyse(network)
        self.macs, self.most = report.macs, max(4, int(_MACS / max(1, report.training_macs)))

    def batch(self, recipe: Recipe) -> int:
        """Images in a measured step."""
        return min(recipe.batch_size, self.most, len(self.training))

    def better(self, recipe: Recipe, other: Recipe) -> Recipe:
        """The other recipe where its steps are quicker by more than chance.

        Of two on as many threads the quickest steps are compared, which say least of what else runs on the machine;
        of two on different ones the middle ones, since more threads suffer more from it.
        """
        own, others = self.seconds([recipe, other])
        if recipe.threads == other.threads:
            return other if min(others) * _GAIN < min(own) else recipe
        return other if statistics.median(others) * _GAIN < statistics.median(own) else recipe

    def seconds(self, recipes: Sequence[Recipe]) -> list[list[float]]:
        """The times of a few steps of each; they take turns, so that a busy moment hits all alike."""
        before = torch.get_num_threads()
        try:
            with torch.random.fork_rng(devices=[]):
                return self._measure(recipes)
        finally:
            torch.set_num_threads(before)

    def _measure(self, recipes: Sequence[Recipe]) -> list[list[float]]:
        states = [
            State(self.step, self.network, recipe, self.task, self.preprocessing, self.training) for recipe in recipes
        ]
        size, device = self.batch(recipes[0]), torch.device(recipes[0].device)
        images, targets = (tensor[:size].to(device) for tensor in self.training.tensors())
        batch = Batch(images, targets, torch.arange(size))
        taken: list[list[float]] = [[] for _ in recipes]
        began = time.perf_counter()
        while len(taken[0]) < 3 or (len(taken[0]) < _STEPS and time.perf_counter() - began < _SECONDS):
            for recipe, state, times in zip(recipes, states, taken, strict=True):
                torch.set_num_threads(recipe.threads)
                start = time.perf_counter()
                state.how(batch, 1e-6, 0)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                times.append(time.perf_counter() - start)
        return [times[1:] for times in taken]  # the first one also prepares


def _device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), torch.get_num_threads()) or 1
    return torch.get_num_threads()


def _has_bfloat16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    if device != "cpu":
        return False
    cpu = getattr(torch, "cpu", None)
    asked = [getattr(cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(ask is not None and bool(ask()) for ask in asked)
