"""What the machine decides: by rule, the same each time; measured only where that is asked for."""

from __future__ import annotations

import itertools
import random
import time

import pytest
import torch

from hubel.arch import analyse, parse
from hubel.data import Preprocessing, Splits
from hubel.tasks import task_of
from hubel.train import Notice, Recipe, Supervised, train
from hubel.train.loop.machine.autotune import autotune, by_rule
from tests.train.quadrants import NETWORK, RECIPE, quadrants

SMALL = "28x28x1: flatten, dense 10 softmax"
LENET = "28x28x1: conv 6 5x5 same, avgpool 2, conv 16 5x5, avgpool 2, flatten, dense 120, dense 84, dense 10 softmax"
LARGE = "32x32x3: conv 64 3x3 same, 4 * conv 64 3x3 same, globalavgpool, dense 10 softmax"
CPU = Recipe(device="cpu")


def settled(recipe: Recipe, text: str, images: int = 60_000, cores: int = 2, bfloat16: bool = True) -> list[object]:
    found = by_rule(recipe, analyse(parse(text)), images, cores, bfloat16)
    return [found.threads, found.precision, found.memory_format]


def test_the_rule():
    assert settled(CPU, SMALL) == [1, "float32", "channels-last"]
    assert settled(CPU, LENET) == [2, "float32", "channels-last"]
    assert settled(CPU, LARGE) == [2, "bfloat16", "channels-last"]
    assert settled(CPU, LARGE, cores=8) == [8, "bfloat16", "channels-last"]
    assert settled(CPU, LARGE, cores=1) == [1, "bfloat16", "channels-last"]
    assert settled(CPU, LARGE, bfloat16=False) == [2, "float32", "channels-last"]
    assert settled(CPU, LENET, images=16) == [1, "float32", "channels-last"]
    assert settled(CPU.replace(device="cuda"), LARGE) == [1, "bfloat16", "channels-last"]


def test_steps_are_recorded_on_a_gpu_and_compiled_where_training_is_long():
    gpu = CPU.replace(device="cuda", epochs=10)

    def chosen(recipe: Recipe, text: str = LARGE, images: int = 60_000) -> str:
        return by_rule(recipe, analyse(parse(text)), images, 2, True).compile

    assert chosen(CPU) == "none"
    assert chosen(gpu, LENET) == chosen(gpu) == "graph"
    assert chosen(gpu, images=10**7) == chosen(gpu.replace(time_budget=3600)) == "inductor"
    assert chosen(gpu.replace(time_budget=60)) == "graph"
    assert chosen(gpu.replace(compile="none")) == "none"


def test_what_is_set_stays():
    recipe = CPU.replace(threads=3, precision="float32", memory_format="channels-first", compile="inductor")
    assert settled(recipe, LARGE) == [3, "float32", "channels-first"]
    assert by_rule(recipe, analyse(parse(LARGE)), 100, 2, True) == recipe


@pytest.fixture
def mad_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by which every step takes another time, as on a machine that others keep busy."""
    moves = random.Random()
    passed = itertools.accumulate(moves.choice((1e-6, 0.3, 2.0)) for _ in itertools.count())
    monkeypatch.setattr(time, "perf_counter", lambda: next(passed))


def test_one_line_and_one_seed_give_one_model_however_busy_the_machine_is(tmp_path, mad_clock, monkeypatch):
    monkeypatch.setattr("hubel.train.loop.machine.autotune._SHARED", 0)  # several threads, as larger networks have
    monkeypatch.setattr("hubel.train.loop.machine.autotune._cores", lambda: 2)
    recipe = RECIPE.replace(threads=0, precision="auto", memory_format="auto", epochs=6)
    runs = []
    for number in range(3):
        events: list[object] = []
        run = train(parse(NETWORK), Splits(quadrants(200, 0)), recipe, tmp_path / str(number), progress=events.append)
        runs.append((run.recipe, run.model().module.state_dict()))
        busy = [event for event in events if isinstance(event, Notice) and "busy" in event.message]
        assert len(busy) <= 1
        assert all("the 2 stay" in event.message for event in busy)
    (recipe, first), *others = runs
    assert recipe.threads == 2
    for other, weights in others:
        assert other == recipe
        assert all(torch.equal(first[name], weights[name]) for name in first)


def test_where_it_is_asked_for_it_is_measured(tmp_path, monkeypatch):
    measured: list[int] = []

    def seconds(probe, recipes, *_):
        measured.append(len(recipes))
        return [[2.0 - number] * 3 for number in range(len(recipes))]  # each change is twice as quick

    monkeypatch.setattr("hubel.train.loop.machine.autotune._Probe.seconds", seconds)
    monkeypatch.setattr("hubel.train.loop.machine.autotune._cores", lambda: 2)
    recipe = RECIPE.replace(threads=0, precision="auto", memory_format="auto", epochs=1)
    run = train(parse(NETWORK), Splits(quadrants(200, 0)), recipe, tmp_path / "by-rule")
    assert measured == []
    assert (run.recipe.threads, run.recipe.tune) == (1, False)
    run = train(parse(NETWORK), Splits(quadrants(200, 0)), recipe.replace(tune=True), tmp_path / "tuned")
    assert set(measured) == {2}
    assert (run.recipe.threads, run.recipe.memory_format, run.recipe.tune) == (2, "channels-first", True)
    assert "measured here" in str(run.recipe)
    assert run.settings["tuned"] == [
        "threads 2 takes 1e+03 ms a step, 1 2e+03: 2 is taken",
        "memory_format channels-first takes 1e+03 ms a step, channels-last 2e+03: channels-first is taken",
    ]


@pytest.fixture
def tuned(monkeypatch):
    """The recipe that measuring gives, where a step of each kind takes so many seconds, and what is said of it."""
    monkeypatch.setattr("hubel.train.loop.machine.autotune._cores", lambda: 1)
    monkeypatch.setattr("hubel.train.loop.machine.autotune._has_bfloat16", lambda device: False)

    def of(recipe, seconds):
        def measured(probe, recipes, *_):
            found = [seconds[each.compile] for each in recipes]
            if any(isinstance(each, Exception) for each in found):
                raise next(each for each in found if isinstance(each, Exception))
            return [[each] * 3 for each in found]

        monkeypatch.setattr("hubel.train.loop.machine.autotune._Probe.seconds", measured)
        data, told = quadrants(320, 0), []
        open_recipe = recipe.replace(tune=True, compile="auto", memory_format="channels-last", batch_size=32)
        preprocessing = Preprocessing.for_dataset(data)
        found = autotune(open_recipe, Supervised, parse(NETWORK), task_of(data), data, preprocessing, told=told)
        return found.compile, told

    return of


def test_recording_and_compiling_are_measured_where_they_may_pay(tuned):
    cuda = RECIPE.replace(device="cuda", epochs=10)
    times = {"none": 0.2, "graph": 0.1, "inductor": 0.05}
    assert tuned(cuda, times) == ("graph", ["compile graph takes 100 ms a step, none 200: graph is taken"])
    long = cuda.replace(epochs=100)  # a hundred seconds of steps
    assert tuned(long.replace(epochs=1000), times) == (
        "inductor",
        [
            "compile graph takes 100 ms a step, none 200: graph is taken",
            "compile inductor takes 50 ms a step, graph 100: inductor is taken",
        ],
    )
    assert tuned(long.replace(epochs=1000), {**times, "inductor": 0.099})[0] == "graph"
    assert tuned(long, times)[0] == "graph"
    assert tuned(RECIPE.replace(epochs=1000), times)[0] == "inductor"  # of a processor nothing is recorded
    assert tuned(RECIPE.replace(time_budget=60.0), times) == ("none", [])


def test_a_compiler_that_is_not_here_is_said(tuned):
    times = {"none": 0.2, "inductor": RuntimeError("No working C++ compiler found\nin …")}
    assert tuned(RECIPE.replace(epochs=1000), times) == (
        "none",
        ["compile inductor does not work here (RuntimeError: No working C++ compiler found); none stays"],
    )
