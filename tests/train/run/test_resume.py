"""Runs that are stopped in every way and go on to the same bits. Real processes, real signals."""

import json
import random
import signal
import time

import pytest
import torch

from hubel.train import CheckpointError, Run, RunError, Started, resume, train
from hubel.train.run.checkpoint import CheckpointStore
from tests.train.several import WORKER, Forked
from tests.work import HANG


@pytest.fixture(scope="module")
def eager(recipe):
    """Saves after every step, with all that has a state: moving average, momenta, dropout, running means."""
    return recipe.replace(epochs=5, ema=0.95, checkpoint_seconds=0)


@pytest.fixture(scope="module")
def clean(splits, network, eager, tmp_path_factory):
    """The same run, never stopped."""
    directory = tmp_path_factory.mktemp("clean") / "run"
    train(network, splits, eager, directory)
    return directory


def bits(directory):
    """The model's file and every tensor and number of the last checkpoint, without the times."""
    checkpoint, _ = CheckpointStore(directory / "checkpoints").load_latest()
    about = {**checkpoint.about, "seconds": 0}
    about["history"] = [{**dict(row), "seconds": 0, "images_per_second": 0} for row in about["history"]]
    tensors = {name: tensor.numpy().tobytes() for name, tensor in checkpoint.tensors.items()}
    return (directory / "model.safetensors").read_bytes(), tensors, about


def worker(directory, *, epochs=5):
    process = Forked([*WORKER, directory, epochs], {}, directory.with_name("log"))
    process.until_said("started")
    return process


@pytest.mark.parametrize("stops", [[19], [20], [7, 20, 99]], ids=str)
def test_an_exception_anywhere_loses_nothing(stops, splits, network, eager, clean, tmp_path, monkeypatch):
    directory = tmp_path / "run"
    save = CheckpointStore.save

    def stopping(self, step, tensors, about):
        save(self, step, tensors, about)
        if step in stops:
            raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointStore, "save", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(network, splits, eager, directory)
    for _ in stops[1:]:
        with pytest.raises(KeyboardInterrupt):
            resume(directory, splits)
    resume(directory, splits)
    assert bits(directory) == bits(clean)


def test_kill_9_at_any_moment_resumes_to_the_same_bits(splits, clean, tmp_path):
    directory = tmp_path / "run"
    random.seed(0)
    for _ in range(2):
        process = worker(directory)
        time.sleep(random.uniform(0, 0.4))
        process.kill()
        process.wait(HANG)
    resume(directory, splits)
    assert bits(directory) == bits(clean)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(number, splits, clean, tmp_path):
    directory = tmp_path / "run"
    process = worker(directory)
    process.send_signal(number)
    process.wait(HANG)
    assert f"go on with: hubel train --resume {directory}" in process.said()
    assert not (directory / "model.safetensors").exists()
    resume(directory, splits)
    assert bits(directory) == bits(clean)


def test_two_processes_cannot_write_to_one_run(splits, tmp_path):
    directory = tmp_path / "run"
    process = worker(directory, epochs=10_000)
    try:
        with pytest.raises(RunError, match="another process is writing"):
            resume(directory, splits)
    finally:
        process.kill()
        process.wait(HANG)


def unfinished(clean, tmp_path):
    directory = tmp_path / "run"
    (directory / "checkpoints").mkdir(parents=True)
    for path in [clean / "run.toml", *(clean / "checkpoints").iterdir()]:
        (directory / path.relative_to(clean)).write_bytes(path.read_bytes())
    return directory


@pytest.mark.parametrize("kind", ["safetensors", "json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_used(kind, damage, splits, clean, tmp_path):
    directory = unfinished(clean, tmp_path)
    path = max((directory / "checkpoints").glob(f"step-*.{kind}"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": bytes(content), "cut": bytes(content[:-1]), "empty": b"", "gone": b""}[damage])
    if damage == "gone":
        path.unlink()
    events = []
    resume(directory, splits, progress=events.append)
    started = next(event for event in events if isinstance(event, Started))
    assert started.step == 99
    if (kind, damage) != ("json", "gone"):  # without its manifest there is no checkpoint to complain of
        assert "step-00000100" in started.problems[0]
    assert bits(directory) == bits(clean)


def test_every_flipped_bit_of_a_checkpoint_is_noticed(clean, tmp_path):
    directory = unfinished(clean, tmp_path)
    store = CheckpointStore(directory / "checkpoints")
    random.seed(0)
    for path in (directory / "checkpoints").glob("step-00000100.*"):
        content = path.read_bytes()
        for place in random.sample(range(len(content) * 8), 150):
            damaged = bytearray(content)
            damaged[place // 8] ^= 1 << place % 8
            path.write_bytes(damaged)
            _, problems = store.load_latest()
            assert len(problems) == 1, place
        path.write_bytes(content)


def test_when_all_checkpoints_are_damaged_nothing_is_made_up(splits, clean, tmp_path):
    directory = unfinished(clean, tmp_path)
    for path in (directory / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no checkpoint is whole.*step-00000100.*step-00000099"):
        resume(directory, splits)


def test_only_the_last_checkpoints_are_kept(clean):
    names = sorted(path.name for path in (clean / "checkpoints").iterdir())
    assert names == [f"step-{step:08d}.{kind}" for step in (99, 100) for kind in ("json", "safetensors")]
    assert json.loads((clean / "checkpoints" / "step-00000100.json").read_text())["about"]["step"] == 100


def test_the_run_opened_while_unfinished_has_the_newest_checkpoints_model(clean, tmp_path):
    run = Run.open(unfinished(clean, tmp_path))
    assert not run.is_finished
    own, last = run.model().module.state_dict(), Run.open(clean).model().module.state_dict()
    assert all(torch.equal(own[name], last[name]) for name in last)
    assert run.model().summary["stopped"]["step"] == 100
