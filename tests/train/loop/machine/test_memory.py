"""Memory that runs out while a run trains: what is said, what is kept, how it goes on. Real limits, real processes."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hubel.arch import parse
from hubel.data import Splits
from hubel.train import NotEnoughMemoryError, Notice, Recipe, Run, resume, train
from hubel.train.loop.machine.memory import check_memory, evaluated_at_once, out_of_memory
from tests.train.quadrants import PLAIN, RECIPE, quadrants
from tests.work import HANG

ROOT = Path(__file__).parents[4]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits a process's memory as Linux does")


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A run whose process was left too little memory after its first epoch, and what it said."""
    directory = tmp_path_factory.mktemp("short") / "run"
    command = [sys.executable, "-m", "tests.train.short_of_memory", directory]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    return directory, done


def test_memory_that_runs_out_is_told_with_what_would_fit(short):
    directory, done = short
    assert done.returncode == 3, done.stderr
    said = done.stdout
    assert re.search(
        r"memory ran out on cpu with 128 images at a time: [\d.]+ (MiB|GiB) more were needed at once", said
    )
    assert "the checkpoint of step 2 is kept" in said
    fitting = int(re.search(r"(\d+) at a time would fit", said)[1])
    assert 1 <= fitting <= 64
    assert f"hubel train --resume {directory} --micro-batch {fitting} goes on with the same batches of 128" in said
    assert "Traceback" not in done.stderr


def test_the_run_goes_on_in_parts_under_the_same_limit_and_says_so(short):
    directory, done = short
    fitting = re.search(r"(\d+) at a time would fit", done.stdout)[1]
    command = [sys.executable, "-m", "tests.train.short_of_memory", directory, fitting]
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert again.returncode == 0, again.stdout + again.stderr
    run = Run.open(directory)
    assert run.is_finished
    assert [row.step for row in run.metrics] == [2, 4]
    assert run.settings["changes"] == [{"step": 2, "micro_batch": int(fitting)}]


def test_steps_in_parts_are_the_same_steps_up_to_the_order_of_addition(tmp_path):
    splits, network = Splits(quadrants(640, 0), test=quadrants(200, 1)), parse(PLAIN)
    mixed = RECIPE.replace(augmentation="mixup 0.2", optimizer="sgd", learning_rate=0.05)
    models = []
    for micro_batch in (0, 5, 32, 100):
        run = train(network, splits, mixed.replace(micro_batch=micro_batch), tmp_path / str(micro_batch))
        models.append((run.model().module.state_dict(), run.metrics[-1].loss))
    for state, loss in models[1:]:
        assert loss == pytest.approx(models[0][1], rel=1e-4)
        for name, tensor in models[0][0].items():
            torch.testing.assert_close(state[name], tensor, rtol=1e-3, atol=1e-4)
    assert all(torch.equal(models[2][0][name], tensor) for name, tensor in models[0][0].items())  # 32 is all of it


def test_resuming_with_other_parts_changes_nothing_else(splits, network, recipe: Recipe, tmp_path):
    def leave(event):
        if not isinstance(event, Notice) and getattr(event, "epoch", 0) == 1 and hasattr(event, "evaluated"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, splits, recipe, tmp_path / "run", progress=leave)
    run = resume(tmp_path / "run", splits, micro_batch=8)
    assert Run.open(run.directory).recipe == recipe.replace(micro_batch=8)
    assert run.metrics[-1].evaluation_accuracy > 0.9


def test_the_classes_of_imagenet_21k_take_no_square_of_memory(tmp_path):
    command = [sys.executable, "-m", "tests.train.many_classes", tmp_path / "run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["images"] == 7_000
    assert found["found"] == 1_000
    assert found["told"] == 1.0
    assert found["row"] >= 1
    assert found["per_class"] == 21_841
    assert found["losses"][0] == pytest.approx(found["losses"][1], rel=1e-5)
    assert 1_000 < found["data"] <= 7_000
    assert "one image in 2 of noise 1" in (tmp_path / "run/report.html").read_text()


@pytest.fixture
def gpu_of_2_gib(monkeypatch):
    """What PyTorch says of a GPU: 2 GiB, of which half a GiB is PyTorch's own and not in use."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (3 * 2**29, 2**31))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device=None: 2**29)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device=None: 0)


def test_what_a_gpu_has_free_is_what_a_step_may_take(gpu_of_2_gib):
    wide, recipe = (
        parse("64x64x3: conv 64 3x3 same relu, globalavgpool, dense 4 softmax"),
        RECIPE.replace(device="cuda"),
    )
    check_memory(wide, recipe.replace(batch_size=64))
    with pytest.raises(NotEnoughMemoryError, match=r"free on cuda \(2\.0 GiB\)") as refused:
        check_memory(wide, recipe.replace(batch_size=4096))
    fitting = int(re.search(r"batch_size = (\d+) would fit", str(refused.value))[1])
    check_memory(wide, recipe.replace(batch_size=fitting))
    with pytest.raises(NotEnoughMemoryError):
        check_memory(wide, recipe.replace(batch_size=2 * fitting))


def test_memory_in_pieces_is_told_with_the_setting_that_joins_them(gpu_of_2_gib, splits, network, recipe, tmp_path):
    run = train(network, splits, recipe.replace(epochs=1), tmp_path / "run")
    on_gpu = dataclasses.replace(run, recipe=recipe.replace(device="cuda"))
    message = (
        "CUDA out of memory. Tried to allocate 300.00 MiB. GPU 0 has a total capacity of 2.00 GiB of which 1.50 GiB is "
        "free. Of the allocated memory 0 bytes is allocated by PyTorch, and {} is reserved by PyTorch but unallocated."
    )
    said = str(out_of_memory(message.format("512.00 MiB"), on_gpu, 20, 1))
    assert (
        "memory ran out on cuda with 32 images at a time: 300 MiB more were needed at once and 2.0 GiB are free" in said
    )
    assert "512.00 MiB of them are PyTorch's own; with PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True" in said
    assert "16 at a time would fit" in said
    assert "expandable" not in str(out_of_memory(message.format("12.00 MiB"), on_gpu, 20, 1))


def test_no_more_images_are_measured_at_once_than_there_is_memory_for():
    wide = parse("64x64x3: conv 64 3x3 same relu, globalavgpool, dense 4 softmax")
    few, many = (evaluated_at_once(wide, RECIPE.replace(batch_size=size), 1) for size in (16, 256))
    assert 16 <= few < many == 256
    assert evaluated_at_once(wide, RECIPE.replace(batch_size=256, micro_batch=8), 1) == 8
    assert evaluated_at_once(wide, RECIPE.replace(batch_size=256), 16) == few
