"""On a GPU: what tests on a processor can only stand in for. `make test-gpu` runs these alone."""

import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.data import Batches, Splits
from hubel.tasks import predict
from hubel.train import NotEnoughMemoryError, Run, Supervised, resume, train
from hubel.train.loop.ways.adversarial import Adversarial
from hubel.train.run.checkpoint import CheckpointStore
from tests.tasks.killed import RECIPE as KILLED
from tests.tasks.killed import trained
from tests.tasks.little import LITTLE
from tests.train.quadrants import NETWORK, RECIPE, quadrants

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype"),
]
SPLITS = Splits(quadrants(640, 0), None, quadrants(200, 1))
CUDA = RECIPE.replace(device="cuda", epochs=3, ema=0.9)


def weights(run):
    return CheckpointStore(run.directory / "checkpoints").load_latest()[0].tensors


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, as it compiles
@pytest.mark.parametrize("compile", ["none", "graph", "inductor"])
def test_it_learns_and_two_equal_runs_give_the_same_bits(compile, tmp_path):
    runs = [
        train(parse(NETWORK), SPLITS, CUDA.replace(compile=compile), tmp_path / name, validation=0.0) for name in "ab"
    ]
    assert runs[0].metrics[-1].evaluation["accuracy"] > 0.9
    assert same(*(weights(run) for run in runs))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "muon"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_recorded_step_does_what_the_step_does(optimizer, precision, tmp_path):
    recipe = CUDA.replace(optimizer=optimizer, precision=precision, clip_norm=1.0, augmentation="shift 1, mixup 0.2")
    runs = [
        train(parse(NETWORK), SPLITS, recipe.replace(compile=compile), tmp_path / compile, validation=0.0)
        for compile in ("none", "graph")
    ]
    assert same(*(weights(run) for run in runs))


@pytest.mark.parametrize("task", LITTLE)
def test_recorded_steps_of_every_task_do_what_its_steps_do(task, tmp_path, monkeypatch):
    little = LITTLE[task](tmp_path / "data")
    for compile in ("none", "graph"):
        monkeypatch.setattr("tests.tasks.killed.RECIPE", KILLED.replace(device="cuda", compile=compile))
        trained(little, tmp_path / compile)
    assert same(*(weights(Run.open(tmp_path / compile)) for compile in ("none", "graph")))


@pytest.mark.parametrize("task", LITTLE)
def test_nothing_in_a_step_waits_for_the_card(task, tmp_path, monkeypatch):
    little, steps = LITTLE[task](tmp_path / "data"), []

    def unwaiting(function):
        def step(*given, **named):
            steps.append(function.__name__)
            torch.cuda.set_sync_debug_mode("error")
            try:
                return function(*given, **named)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return step

    for owner, name in ((Supervised, "_change"), (Adversarial, "_change"), (Batches, "_take")):
        monkeypatch.setattr(owner, name, unwaiting(getattr(owner, name)))
    monkeypatch.setattr("tests.tasks.killed.RECIPE", KILLED.replace(epochs=1, device="cuda"))
    trained(little, tmp_path / "run")
    assert {"_change", "_take"} <= set(steps)


@pytest.mark.parametrize("compile", ["none", "graph"])
def test_a_stopped_run_goes_on_to_the_same_bits(compile, tmp_path):
    recipe = CUDA.replace(compile=compile)
    whole = train(parse(NETWORK), SPLITS, recipe, tmp_path / "whole", validation=0.0)

    def leave(event):
        if getattr(event, "epoch", 0) == 2 and hasattr(event, "evaluated"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parse(NETWORK), SPLITS, recipe, tmp_path / "left", progress=leave, validation=0.0)
    assert same(weights(resume(tmp_path / "left", SPLITS)), weights(whole))


def test_the_rule_and_what_it_was_made_with_are_written_down(tmp_path):
    recipe = CUDA.replace(compile="auto", precision="auto", memory_format="auto", device="auto")
    run = train(parse(NETWORK), SPLITS, recipe, tmp_path / "run", validation=0.0)
    assert (run.recipe.device, run.recipe.compile) == ("cuda", "graph")
    assert run.settings["environment"]["tf32"]


def test_a_model_says_the_same_as_on_a_processor(tmp_path):
    run = train(parse(NETWORK), SPLITS, CUDA, tmp_path / "run", validation=0.0)
    model = Run.open(run.directory).model()
    images = np.ascontiguousarray(SPLITS.test.images)
    here = predict(model, images)
    model.module.cuda()
    there = predict(model, images)
    assert there.device.type == "cpu"
    assert torch.allclose(here, there, atol=2e-3)  # convolutions on a GPU round to TF32


def test_what_does_not_fit_is_said_with_a_batch_that_would(tmp_path):
    network = parse("8x8x1: conv 4096 3x3 same relu, conv 4096 3x3 same relu, flatten, dense 4 softmax")
    data = Splits(quadrants(300_000, 0), None, None)
    with pytest.raises(NotEnoughMemoryError, match="would fit"):
        train(network, data, CUDA.replace(batch_size=262_144), tmp_path / "run", validation=0.0)
