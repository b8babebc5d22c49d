"""Runs that were stopped are models so far; and runs that are given more epochs say what their schedule does."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from hubel.base.files import sha256_of
from hubel.base.model_file import WholenessWarning
from hubel.data import Splits
from hubel.report import write_report
from hubel.serve.served import all_served
from hubel.serve.settings import Settings
from hubel.tasks.model import facts
from hubel.train import EpochMetrics, Notice, Run, RunError, evaluate, load_model, resume, train, where_it_stands
from hubel.train.recipe.schedule import WHOLE, rate
from tests.train.quadrants import quadrants


def stopped(splits, network, recipe, directory, epochs=1):
    """A run that is stopped when so many epochs are over."""

    def leave(event):
        if isinstance(event, EpochMetrics) and event.epoch == epochs:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, splits, recipe, directory, progress=leave)
    return Run.open(directory)


def notices(events):
    return [event.message for event in events if isinstance(event, Notice)]


def test_a_run_that_was_stopped_has_the_model_of_its_newest_checkpoint(splits, network, recipe, tmp_path):
    run = stopped(splits, network, recipe.replace(epochs=5, ema=0.9), tmp_path / "run")
    model = run.model()
    assert not run.is_finished
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert evaluate(model, splits.test).accuracy == run.metrics[-1].evaluation_accuracy
    assert dict(facts(model))["training"].endswith(", stopped at step 20 of 100")
    assert model.summary["stopped"] == {"step": 20, "steps": 100, "epoch": 1.0, "epochs": 5.0}
    assert where_it_stands(model.summary) == (
        "training was stopped at epoch 1 of 5 (step 20 of 100); this is its model so far"
    )
    page = write_report(run, dataset=splits.test).read_text()
    assert "Training was stopped at epoch 1 of 5" in page
    file = run.model_file()
    assert file.name == "model-step-20.safetensors"
    served = all_served(Settings((("flags", str(run.directory)),), engine="pytorch"))["flags"]
    assert served.current.sha256 == sha256_of(file)
    own, read = model.module.state_dict(), load_model(file).module.state_dict()
    assert all(torch.equal(own[name], read[name]) for name in own)
    anew = train(network, splits, recipe.replace(weights=str(file), epochs=1), tmp_path / "anew")
    assert where_it_stands(anew.model().summary) == ""
    assert not run.is_finished


def test_the_model_so_far_of_a_patient_run_is_the_best(splits, network, recipe, tmp_path):
    parts = Splits(train=splits.train, validation=splits.test)
    patient = recipe.replace(patience=9, epochs=60, learning_rate=0.05, schedule="constant")
    run = stopped(parts, network, patient, tmp_path / "run", epochs=6)
    losses = [row.evaluation_loss for row in run.metrics]
    assert losses.index(min(losses)) < 5
    assert evaluate(run.model(), splits.test).loss == pytest.approx(min(losses), rel=1e-5)
    (run.directory / "checkpoints" / "best.json").write_text("{}")
    with pytest.warns(WholenessWarning, match=r"best\.json: .*; the last weights are used in place of the best"):
        last = run.model()
    assert last.summary["validation"]["loss"] == losses[-1]
    assert evaluate(last, splits.test).loss == pytest.approx(losses[-1], rel=1e-5)


def test_the_model_so_far_is_the_best_that_was_measured_where_the_recipe_keeps_it(splits, network, recipe, tmp_path):
    turned = replace(splits.test.targets, values=3 - splits.test.labels)  # what is learnt is wrong there
    parts = Splits(train=splits.train, validation=replace(splits.test, targets=turned))
    slow = recipe.replace(keep="best", epochs=9, learning_rate=5e-4, schedule="constant", warmup=0, ema=0.0)
    run = stopped(parts, network, slow, tmp_path / "run", epochs=4)
    right = [row.evaluation_accuracy for row in run.metrics]
    assert right[-1] < 0.98 * max(right)
    assert evaluate(run.model(), parts.validation).accuracy == max(right)


def test_a_damaged_newest_checkpoint_is_named_where_the_one_before_is_opened(splits, network, recipe, tmp_path):
    run = stopped(splits, network, recipe.replace(epochs=3), tmp_path / "run", epochs=2)
    newest = max((run.directory / "checkpoints").glob("step-*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(WholenessWarning, match=f"{newest.name}: .*; the checkpoint before is used"):
        assert run.model().summary["steps"] < int(newest.stem.removeprefix("step-"))


def test_a_run_that_was_stopped_before_its_first_checkpoint_has_no_model(splits, network, recipe, tmp_path):
    run = stopped(splits, network, recipe, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(RunError, match="stopped before its first checkpoint, so there is no model yet; go on with"):
        run.model()


def test_a_finished_run_goes_on_with_a_warm_restart(splits, network, recipe, tmp_path):
    train(network, splits, recipe, tmp_path / "run")
    before = Run.open(tmp_path / "run")
    first, events = before.metrics, []
    assert resume(tmp_path / "run", splits, epochs=2) == before
    run = resume(tmp_path / "run", splits, epochs=5, progress=events.append)
    assert notices(events) == [
        "5 epochs instead of 2, from step 40 on: the schedule was at its end, so that the learning rate rises to 0.03 "
        "again"
    ]
    assert [row.step for row in run.metrics] == [20, 40, 60, 80, 100]
    assert run.metrics[:2] == first
    rates = [row.learning_rate for row in run.metrics]
    assert rates[1] < 0.001 < rates[2]
    assert rates[-1] < 0.001
    assert run.settings["changes"] == [{"step": 40, "epochs": 5.0, "time_budget": 0.0, "schedule_done": 0.0}]
    assert run.is_finished
    assert run.model().summary["steps"] == 100
    with pytest.raises(RunError, match=r"expected more epochs than the 5 that are done, received 3"):
        resume(tmp_path / "run", splits, epochs=3)


def test_what_is_left_of_a_schedule_is_laid_over_what_is_left_without_a_jump(splits, network, recipe, tmp_path):
    run = stopped(splits, network, recipe.replace(epochs=4), tmp_path / "run", epochs=2)
    events = []
    run = resume(tmp_path / "run", splits, epochs=10, progress=events.append)
    assert notices(events)[0].endswith(
        "what is left of the learning rate's schedule is laid over the steps that are left"
    )
    assert run.leg == (40, 0.5)
    own = recipe.replace(epochs=4)
    at_the_stop = rate(own, 39, 80, WHOLE)
    rates = [rate(run.recipe, step, 200, run.leg) for step in range(40, 200)]
    assert rates[0] == pytest.approx(at_the_stop, rel=0.02)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-5
    assert [row.learning_rate for row in run.metrics][2:] == [rates[step] for step in range(19, 160, 20)]


def test_a_run_given_more_epochs_resumes_to_the_same_bits(splits, network, recipe, tmp_path):
    lines = {}
    for name in ("once", "twice"):
        stopped(splits, network, recipe, tmp_path / name)
        if name == "twice":

            def leave(event):
                if isinstance(event, EpochMetrics) and event.epoch == 3:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                resume(tmp_path / name, splits, epochs=4, progress=leave)
            assert not Run.open(tmp_path / name).is_finished
        lines[name] = resume(tmp_path / name, splits, epochs=4).model().module.state_dict()
    assert all(torch.equal(lines["once"][key], lines["twice"][key]) for key in lines["once"])


def test_an_extended_run_that_is_stopped_again_is_not_finished(splits, network, recipe, tmp_path):
    train(network, splits, recipe, tmp_path / "run")

    def leave(event):
        if isinstance(event, EpochMetrics):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resume(tmp_path / "run", splits, epochs=5, progress=leave)
    run = Run.open(tmp_path / "run")
    assert not run.is_finished
    assert where_it_stands(run.model().summary).startswith("training was stopped at epoch 3 of 5")
    assert run.model_file().name == "model-step-60.safetensors"
    assert resume(tmp_path / "run", splits).is_finished


def test_an_epoch_that_was_ended_half_way_is_gone_on_with(splits, network, recipe, tmp_path):
    train(network, splits, recipe.replace(epochs=1.5), tmp_path / "run")
    run = resume(tmp_path / "run", splits, epochs=3)
    assert [(row.epoch, row.step) for row in run.metrics] == [(1, 20), (2, 40), (3, 60)]
    assert all(0 < row.loss < 3 for row in run.metrics)
    assert run.model().summary["steps"] == 60


def test_patience_that_is_over_says_that_more_epochs_would_end_at_once(splits, network, recipe, tmp_path):
    parts = Splits(train=splits.train, validation=splits.test)
    patient = recipe.replace(patience=1, epochs=60, learning_rate=0.05, schedule="constant")
    train(network, parts, patient, tmp_path / "run")
    with pytest.raises(RunError, match=r"its patience is over, since no epoch after \d+ was better.*--weights"):
        resume(tmp_path / "run", parts, epochs=90)


def test_without_its_data_a_run_still_has_its_model(network, recipe, tmp_path):
    data = quadrants(64, 0)
    np.savez(tmp_path / "data.npz", x_train=data.images, y_train=data.labels)
    source = {"source": str(tmp_path / "data.npz")}
    run = train(network, Splits(data), recipe.replace(epochs=1), tmp_path / "run", source=source)
    (tmp_path / "data.npz").unlink()
    assert len(run.model().task.answer(run.model(), data.images[0]).data()["top"]) == 3
    assert "could not be read where they lay" in write_report(run).read_text()


def test_a_run_that_is_trained_now_is_not_said_to_be_stopped(splits, network, recipe, tmp_path):
    told = []

    def ask(event):
        run = Run.open(tmp_path / "run") if (tmp_path / "run" / "run.toml").exists() else None
        if isinstance(event, Notice) and not told:
            with pytest.raises(RunError, match="goes on and has not come to its first checkpoint"):
                run.model()
            told.append("none yet")
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            told.append(where_it_stands(run.model().summary))
            told.append(where_it_stands(load_model(run.model_file()).summary))

    given = replace(splits, notes=("a note",))
    train(network, given, recipe.replace(epochs=3, checkpoint_seconds=0.0), tmp_path / "run", progress=ask)
    assert told[0] == "none yet"
    assert told[1].startswith("training goes on, and was at epoch ")
    assert told[2].startswith("training was stopped at epoch ")  # which stays true of a file
    assert where_it_stands(Run.open(tmp_path / "run").model().summary) == ""
