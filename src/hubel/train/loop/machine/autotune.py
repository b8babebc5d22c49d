"""What the machine decides: device, threads, precision, memory layout, and how many epochs fit a time budget.

All of these change the last bits of what comes out, and a seed promises the same bits each time. So what a recipe
leaves open is chosen by rule, from the network and what the processor has, never by a stopwatch, which hangs on how
busy the machine is; only where a recipe asks for it (`tune`) a few real steps are measured and the fastest way is
taken. The answers go into the run's recipe, so that a run that is gone on with keeps them. How far the rule is from the
fastest: `benchmarks/speed/machine_rule.py`.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from itertools import count as count_from

import numpy as np
import torch

from hubel.arch import Network, Report, analyse
from hubel.base.errors import SettingError
from hubel.base.names import listing, shortened
from hubel.data import Augmentation, Batch, Batches, Dataset, Preprocessing
from hubel.nn import chosen_device, own_randomness
from hubel.nn.modules import HAS_LSTM_OF_BFLOAT16
from hubel.nn.threads import threads, usual_threads
from hubel.tasks import LoadedModel, Task, count
from hubel.train.loop.machine.recorded import RECORDERS, WARM
from hubel.train.loop.state import State
from hubel.train.loop.ways.step import Step
from hubel.train.recipe.balance import order_of
from hubel.train.recipe.recipe import MOST_EPOCHS, Compile, Recipe

_GAIN = 1.1  # how many times quicker a change must be: less may be chance
_STEPS, _SECONDS = 12, 0.16  # of measuring, for one choice
_SAVING = 0.05  # seconds that the end of an epoch takes besides: a checkpoint, and a row of figures
_MEASURING = 0.05  # of a time budget that may go into measuring, but for the one time at its end
_ONCE = 1.0  # seconds of measuring, from which preparing is a small part
_MEASURED = 64  # images by which the time of measuring all is told
_MACS = 2e10  # of one measured step, at most
_SMALL = 1e6  # multiply-adds an image: networks of fewer do not get quicker by bfloat16 on a processor
_LONG = 600  # seconds of training from which compiling for a minute pays
_PACE = 2e13  # multiply-adds a second of a large GPU in training, about
_SHARED = 2e7  # multiply-adds a step: fewer are done before several threads have met


def autotune(
    recipe: Recipe,
    step: type[Step],
    network: Network,
    task: Task,
    training: Dataset,
    preprocessing: Preprocessing,
    around: tuple[float, Dataset | None] | None = None,
    told: list[str] | None = None,
) -> Recipe:
    """The recipe with nothing left open, for training `network` by such steps on this set on this machine.

    around: what a time budget holds besides steps: the moment (`time.perf_counter()`) when it began, and the set that
    is measured after every epoch. told: gets a sentence for each choice that was measured.
    """
    recipe = recipe.replace(device=chosen_device(recipe.device))
    if recipe.compile == "graph" and not recipe.device.startswith("cuda"):
        raise SettingError(
            f"recipe: expected compile none or inductor on {recipe.device}, received 'graph'; only steps on CUDA "
            "devices can be recorded"
        )
    probe = _Probe(step, network, task, training, preprocessing, [] if told is None else told)
    if not recipe.tune:
        recipe = by_rule(recipe, probe.report, len(training), _cores(), _has_bfloat16(recipe.device))
    recipe = _fastest(recipe, probe) if recipe.tune else recipe
    recurrent = [row for row in probe.report.rows if row.operation is not None and row.operation.kind == "Recur"]
    stays = [row.path for row in recurrent if getattr(row.operation, "cell", "") == "lstm"]
    if stays and recipe.precision == "bfloat16" and recipe.device == "cpu" and not HAS_LSTM_OF_BFLOAT16:
        probe.told.append(f"{listing(stays, 4)}: in float32, since this processor has no LSTM in bfloat16")
    if recipe.time_budget:
        return _that_fits(recipe, probe, *(around or (None, None)))
    return recipe.replace(measure_every=recipe.measure_every or 1)


def _that_fits(recipe: Recipe, probe: _Probe, began: float | None, measured: Dataset | None) -> Recipe:
    """The recipe with as many epochs, measured as often, as fit what is left of its time budget."""
    began = time.perf_counter() if began is None else began
    until = began + recipe.time_budget  # from which on nothing more is tried: one step will be all
    an_image = statistics.median(probe.seconds([recipe], until)[0]) / probe.batch(recipe)
    measuring, closing = 0.0, _SAVING
    if measured is not None and len(measured) and time.perf_counter() < until:
        measuring = probe.seconds_to_measure(recipe, measured, until)
    if time.perf_counter() < until:
        closing += probe.seconds_to_show(recipe, measured)
    left, epoch = recipe.time_budget - (time.perf_counter() - began), an_image * max(1, probe.images(recipe))
    left -= measuring * ((recipe.mirrors == "measured") + 2 * (recipe.views != 1))
    often = max(1.0, _MEASURING * left / max(measuring, 1e-9))  # times that the budget has for measuring
    every = recipe.measure_every or (1 if recipe.patience else max(1, math.ceil(left / (epoch + closing) / often)))
    whole = left / (epoch + closing + measuring / every)
    if whole < every:  # measured once, at the end
        whole = (left - measuring) / (epoch + closing)
    return recipe.replace(measure_every=every, epochs=min(max(whole, 1e-6), MOST_EPOCHS))


def by_rule(recipe: Recipe, report: Report, images: int, cores: int, bfloat16: bool) -> Recipe:
    """Return the recipe with threads, precision, memory layout and compiling chosen, for a network on a device with so
    many cores that has bfloat16 in hardware or has not. `images` are those of the training part.
    """
    step = report.training_macs * min(recipe.batch_size, images)
    return recipe.replace(
        threads=recipe.threads or (cores if recipe.device == "cpu" and step > _SHARED else 1),
        precision=("bfloat16" if bfloat16 and report.macs > _SMALL else "float32")
        if recipe.precision == "auto"
        else recipe.precision,
        memory_format="channels-last" if recipe.memory_format == "auto" else recipe.memory_format,
        compile=_compiled(recipe, report, images),
    )


def _compiled(recipe: Recipe, report: Report, images: int) -> Compile:
    if recipe.compile != "auto":
        return recipe.compile
    if not recipe.device.startswith("cuda"):
        return "none"
    if recipe.time_budget:
        return "inductor" if recipe.time_budget > _LONG else "graph"
    return "inductor" if report.training_macs * images * recipe.epochs > _LONG * _PACE else "graph"


def _fastest(recipe: Recipe, probe: _Probe) -> Recipe:
    """The recipe with what it leaves open as it is quickest on this machine at this moment."""
    free = {
        "threads": recipe.threads == 0,
        "precision": recipe.precision == "auto",
        "memory_format": recipe.memory_format == "auto",
        "compile": recipe.compile == "auto",
    }
    recipe = recipe.replace(
        threads=recipe.threads or 1,
        precision="float32" if free["precision"] else recipe.precision,
        memory_format="channels-last" if free["memory_format"] else recipe.memory_format,
        compile="none" if free["compile"] else recipe.compile,
    )
    on_processor = recipe.device == "cpu"
    trials: list[dict[str, object]] = []
    if free["threads"] and on_processor and _cores() > 1:
        trials.append({"threads": _cores()})
    if free["precision"] and _has_bfloat16(recipe.device) and (not on_processor or probe.report.macs > _SMALL):
        trials.append({"precision": "bfloat16"})
    if free["memory_format"] and on_processor:
        trials.append({"memory_format": "channels-first"})
    if free["compile"] and torch.device(recipe.device).type in RECORDERS:
        trials.append({"compile": "graph"})
    for change in trials:
        recipe = probe.better(recipe, recipe.replace(**change))
    # compiling takes a minute, trying it as well
    if free["compile"] and probe.seconds_of_training(recipe) > _LONG:
        recipe = probe.better(recipe, recipe.replace(compile="inductor"))
    return recipe


class _Probe:
    def __init__(
        self,
        step: type[Step],
        network: Network,
        task: Task,
        training: Dataset,
        preprocessing: Preprocessing,
        told: list[str],
    ) -> None:
        self.step, self.network, self.task, self.training = step, network, task, training
        self.preprocessing, self.told = preprocessing, told
        self.report = analyse(network)
        self.most = max(4, int(_MACS / max(1, self.report.training_macs)))

    def batch(self, recipe: Recipe) -> int:
        """Images in a measured step."""
        return min(recipe.batch_size, self.most, len(self.training))

    def images(self, recipe: Recipe) -> int:
        """How many images an epoch shows."""
        return order_of(recipe, self.training).size

    def better(self, recipe: Recipe, other: Recipe) -> Recipe:
        """The other recipe where its steps are quicker by more than chance; what was measured is told.

        Of two on as many threads the quickest steps are compared, which say least of what else runs on the machine;
        of two on different ones the middle ones, since more threads suffer more from it.
        """
        name = next(name for name, value in recipe.to_dict().items() if value != getattr(other, name))
        old, new = getattr(recipe, name), getattr(other, name)
        try:
            own, others = self.seconds([recipe, other])
        except Exception as error:
            if other.compile != "inductor":
                raise
            why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"  # of a compiler that is not here, too
            self.told.append(f"compile inductor does not work here ({shortened(why, 200)}); {old} stays")
            return recipe
        each = min if recipe.threads == other.threads else statistics.median
        before, after = each(own), each(others)
        taken = other if after * _GAIN < before else recipe
        self.told.append(
            f"{name} {new} takes {1e3 * after:.3g} ms a step, {old} {1e3 * before:.3g}: {getattr(taken, name)} is taken"
        )
        return taken

    def seconds_of_training(self, recipe: Recipe) -> float:
        """About how long the steps of all of it take."""
        if recipe.time_budget:
            return recipe.time_budget
        an_image = statistics.median(self.seconds([recipe])[0]) / self.batch(recipe)
        return an_image * self.images(recipe) * recipe.epochs

    def seconds(self, recipes: Sequence[Recipe], until: float = math.inf) -> list[list[float]]:
        """The times of a few steps of each; they take turns, so that a busy moment hits all alike. Of one at least, and
        of no more once it is `until`.
        """
        with threads(recipes[0].threads), own_randomness():
            return self._measure(recipes, until)

    def seconds_to_measure(self, recipe: Recipe, dataset: Dataset, until: float) -> float:
        """How long measuring a set takes, by some of its images; once alone where it is `until` then."""
        state, some = self._state(recipe), self._some(dataset)
        for _ in range(2):  # the first time also prepares
            start = time.perf_counter()
            count(self.task, state.how.model, self.preprocessing, *some.tensors())
            taken = time.perf_counter() - start
            if taken > _ONCE or start + taken > until:
                break
        return taken * len(dataset) / len(some)

    def seconds_to_show(self, recipe: Recipe, dataset: Dataset | None) -> float:
        """How long it takes to show what the model makes, which ends each epoch; some of a set is held out for it."""
        if type(self.task).sample is Task.sample:
            return 0.0
        how = self._state(recipe).how
        model = LoadedModel(how.network.network, how.model, self.preprocessing, self.task)
        held_out = self._some(dataset).tensors() if dataset is not None and len(dataset) else None
        start = time.perf_counter()
        with threads(recipe.threads):
            self.task.sample(model, recipe.seed, held_out)
        return time.perf_counter() - start

    def _state(self, recipe: Recipe) -> State:
        with own_randomness():
            return State(self.step, self.network, recipe, self.task, self.preprocessing, self.training)

    def _some(self, dataset: Dataset) -> Dataset:
        return dataset.take(np.arange(min(_MEASURED, self.most, len(dataset))))

    def _measure(self, recipes: Sequence[Recipe], until: float) -> list[list[float]]:
        states = [
            State(self.step, self.network, each, self.task, self.preprocessing, self.training) for each in recipes
        ]
        size, device = self.batch(recipes[0]), torch.device(recipes[0].device)
        batches = self._batches(recipes[0], size, device)
        taken: list[list[float]] = [[] for _ in recipes]
        began = time.perf_counter()
        first = 1 if all(each.compile == "none" for each in recipes) else WARM + 1  # these also prepare
        while len(taken[0]) < first + 2 or (len(taken[0]) < _STEPS and time.perf_counter() - began < _SECONDS):
            for recipe, state, times in zip(recipes, states, taken, strict=True):
                torch.set_num_threads(recipe.threads)
                start = time.perf_counter()
                state.how(next(batches), 1e-6, 0)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                times.append(time.perf_counter() - start)
            if time.perf_counter() > until:
                break
        return [times[first:] or times[-1:] for times in taken]

    def _batches(self, recipe: Recipe, size: int, device: torch.device) -> Iterator[Batch]:
        """Batches for measured steps: one again and again, or, where images are seen through windows, new ones, since
        that takes time and makes them smaller.
        """
        augmentation = Augmentation() if recipe.augmentation == "auto" else Augmentation.parse(recipe.augmentation)
        if augmentation.window or augmentation.zoom > 1:
            feed = Batches(self.training, size, recipe.seed, augmentation, device=device)
            return chain.from_iterable(map(feed.epoch, count_from()))
        images, targets = (tensor[:size].to(device) for tensor in self.training.tensors())
        return repeat(Batch(images, targets, torch.arange(size)))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), usual_threads()) or 1
    return usual_threads()


def _has_bfloat16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    if device != "cpu":
        return False
    cpu = getattr(torch, "cpu", None)
    asked = [getattr(cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(ask is not None and bool(ask()) for ask in asked)
