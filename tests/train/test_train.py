import csv
import math
import re
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import safetensors
import torch

import hubel.cli
from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.base.model_file import WholenessWarning
from hubel.data import Preprocessing, Splits
from hubel.tasks import task_of
from hubel.train import (
    EpochMetrics,
    Finished,
    NotEnoughMemoryError,
    NotFiniteError,
    Notice,
    Progress,
    Recipe,
    Run,
    RunError,
    Started,
    evaluate,
    resume,
    train,
)
from hubel.train._fitting import recipe_for
from hubel.train.loop.machine.autotune import autotune
from hubel.train.loop.ways.supervised import Supervised
from tests.work import clock


def test_a_network_learns_and_the_run_holds_all_that_made_it(splits, network, recipe, tmp_path):
    events = []
    run = train(network, splits, recipe, tmp_path / "run", progress=events.append)
    model = run.model()
    figures = evaluate(model, splits.test)
    assert figures.accuracy > 0.95
    assert figures.accuracy == run.metrics[-1].evaluation_accuracy == model.summary["test"]["accuracy"]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert [event.epoch for event in events if isinstance(event, EpochMetrics)] == [1, 2]
    again = Run.open(tmp_path / "run")
    assert again == run
    assert again.recipe == recipe
    assert again.network_text == str(network)
    assert again.settings["environment"]["torch"] == torch.__version__
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [20, 40]
    with safetensors.safe_open(tmp_path / "run" / "model.safetensors", "np") as file:
        assert "conv1.weight" in file.keys()  # noqa: SIM118
    assert not list((tmp_path / "run").rglob("*.partial"))


def test_the_same_seed_gives_the_same_file_and_another_seed_another(splits, network, recipe, tmp_path):
    files = []
    for name, each in {"a": recipe, "b": recipe, "c": recipe.replace(seed=1)}.items():
        train(network, splits, each, tmp_path / name)
        files.append((tmp_path / name / "model.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 1e-4},
        {"optimizer": "adamw", "weight_decay": 0.05, "schedule": "cosine"},
        {"optimizer": "muon", "learning_rate": 0.02, "momentum": 0.95},
        {"ema": 0.9, "clip_norm": 1.0, "balance": "weights"},
        {"precision": "bfloat16", "memory_format": "channels-first", "initializer": "he", "schedule": "constant"},
    ],
    ids=lambda changes: next(iter(changes.values())),
)
def test_every_optimizer_schedule_and_extra_learns(changes, splits, network, recipe, tmp_path):
    run = train(network, splits, recipe.replace(epochs=3, **changes), tmp_path / "run")
    assert evaluate(run.model(), splits.test).accuracy > 0.9


def test_without_a_recipe_one_is_chosen_and_written_with_nothing_left_open(splits, network, tmp_path):
    small = Splits(train=splits.train.take(np.arange(64)))
    run = train(network, small, None, tmp_path / "run")
    assert "auto" not in run.recipe.to_dict().values()
    assert run.recipe.threads >= 1
    assert run.metrics[-1].evaluated == "validation"


def test_without_parts_a_share_is_held_out_and_found_again(splits, network, recipe, tmp_path):
    alone, told = Splits(train=splits.train.take(np.arange(100))), []
    run = train(network, alone, recipe.replace(epochs=1), tmp_path / "run", progress=told.append)
    assert run.settings["data"]["examples"] == {"training": 79, "validation": 21}
    assert run.settings["data"]["held_out"] == {
        "share": 0.2,
        "images": 21,
        "of": 100,
        "kept": {},
        "each": "a class",
        "noun": "training images",
        "less": {},
        "more": {},
    }
    notices = [event.message for event in told if isinstance(event, Notice)]
    assert notices == [
        "21 of 100 training images are held out for validation (20% a class); --validation 0 trains on all"
    ]
    parted = run.parted(alone)
    assert evaluate(run.model(), parted.validation).accuracy == run.metrics[-1].evaluation_accuracy
    assert not {image.tobytes() for image in parted.train.images} & {
        image.tobytes() for image in parted.validation.images
    }


def test_whether_a_share_is_held_out_can_be_said(splits, network, recipe, tmp_path):
    alone, recipe = Splits(train=splits.train.take(np.arange(100))), recipe.replace(epochs=1)
    run = train(network, alone, recipe, tmp_path / "none", validation=0)
    assert math.isnan(run.metrics[-1].evaluation_accuracy)
    assert "held_out" not in run.settings["data"]
    run = train(network, alone, recipe, tmp_path / "half", validation=0.5)
    assert run.settings["data"]["examples"] == {"training": 49, "validation": 51}
    with pytest.raises(ValueError, match=r"a share from 0 to below 1 .*received 1\.5"):
        train(network, alone, recipe, tmp_path / "much", validation=1.5)
    own = Splits(train=splits.train, validation=splits.test)
    with pytest.raises(ValueError, match=r"there is a validation part of 200 images, received validation 0\.2"):
        train(network, own, recipe, tmp_path / "both", validation=0.2)


def test_patience_has_images_held_out_beside_a_test_part_or_is_refused(splits, network, recipe, tmp_path):
    patient = recipe.replace(patience=2, epochs=2)
    events = []
    worse = patient.replace(epochs=6, learning_rate=0.1, warmup=0)  # too high, from a start that is as good as any
    run = train(network, splits, worse, tmp_path / "worse", progress=events.append)
    best = min(run.metrics, key=lambda row: row.evaluation_loss).epoch
    assert best < run.metrics[-1].epoch
    assert events[-1].reason.endswith(f", and the weights are those of epoch {best}")
    run = train(network, splits, patient, tmp_path / "run")
    assert run.metrics[-1].evaluated == "validation"
    assert run.settings["data"]["examples"] == {"training": 512, "validation": 128, "test": 200}
    with pytest.raises(ValueError, match=r"expected a validation part, by which patience = 2 .*received none"):
        train(network, splits, patient, tmp_path / "refused", validation=0)


def test_a_validation_that_was_better_before_is_told_where_nothing_keeps_the_best(
    splits, network, recipe, tmp_path, capsys
):
    turned = replace(splits.test.targets, values=3 - splits.test.labels)  # what is learnt is wrong there
    slow = recipe.replace(epochs=4, learning_rate=5e-4, schedule="constant", warmup=0, ema=0.0)
    events, parts = [], Splits(train=splits.train, validation=replace(splits.test, targets=turned))
    run = train(network, parts, slow, tmp_path / "run", progress=events.append)
    right = [row.evaluation_accuracy for row in run.metrics]
    best = right.index(max(right))
    assert right[-1] < right[best] - 0.02
    told = f"was best after epoch {best + 1} ({right[best]:.2%}, then {right[-1]:.2%}): --patience keeps the best"
    assert events[-1].reason == f"all epochs are done; validation accuracy {told}"
    assert evaluate(run.model(), parts.validation).accuracy == right[-1]
    kept = train(network, parts, slow.replace(keep="best"), tmp_path / "kept", progress=events.append)
    assert [row.evaluation_accuracy for row in kept.metrics] == right
    assert events[-1].reason.endswith(f"was best after epoch {best + 1} ({right[best]:.2%}, then {right[-1]:.2%}), "
                                      "whose weights the model has")  # fmt: skip
    model = kept.model()
    assert evaluate(model, parts.validation).accuracy == model.summary["validation"]["accuracy"] == right[best]
    assert (kept.kept, run.kept) == (kept.metrics[best], run.metrics[-1])
    for done, told in ((run, f"{right[-1]:.2%} of"), (kept, f"{right[best]:.2%} of")):
        assert hubel.cli.main(["train", "--resume", str(done.directory)]) == 0
        words = " ".join(capsys.readouterr().out.split())
        assert f"{told} the validation images right" in words
        assert (f"right, after epoch {best + 1}, whose weights the model has" in words) == (done is kept)


def test_the_last_weights_are_the_model_where_they_are_as_good_as_the_best(splits, network, recipe, tmp_path):
    parts = Splits(train=splits.train, validation=splits.test)
    run = train(network, parts, recipe.replace(keep="best", epochs=3), tmp_path / "run")
    right = [row.evaluation_accuracy for row in run.metrics]
    assert max(right) - right[-1] < 0.02 * max(right)
    assert evaluate(run.model(), splits.test).accuracy == right[-1]
    unmeasured = train(network, Splits(splits.train), recipe.replace(keep="best", epochs=1), tmp_path / "alone")
    assert unmeasured.is_finished


def test_a_time_budget_holds_all_from_its_beginning_on(splits, network, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "perf_counter", clock(0.01))  # it is read after every step, which takes 0.01 s by it
    told, took = {}, {}
    for name, gone in (("at once", 0.0), ("late", 1.0), ("over", 9.0)):
        events, start = [], time.perf_counter()
        budget = recipe.replace(time_budget=2.0)
        run = train(network, splits, budget, tmp_path / name, progress=events.append, began=start - gone)
        took[name] = time.perf_counter() - start + gone
        told[name] = run, [event.message for event in events if isinstance(event, Notice)], events[-1].reason
    assert took["at once"] < 2.1
    assert took["late"] < 2.1
    run, notices, reason = told["at once"]
    assert run.is_finished
    assert 20 < run.metrics[-1].step < 200
    assert any(note.startswith("of 2 s in all, 0.") and "epochs, with measuring," in note for note in notices)
    assert reason.startswith(("all epochs are done", "the 2 s are over, at epoch"))
    assert told["late"][0].metrics[-1].step < run.metrics[-1].step
    run, notices, _ = told["over"]
    assert run.metrics[-1].step == 1
    assert any("no more than one step is trained" in note for note in notices)


def test_training_that_is_slower_than_it_was_measured_keeps_to_its_budget(
    splits, network, recipe, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "hubel.train.loop.machine.autotune._that_fits", lambda recipe, *_: recipe.replace(epochs=1000.0)
    )
    monkeypatch.setattr(time, "perf_counter", clock(0.01))
    events = []
    run = train(network, splits, recipe.replace(time_budget=1.0), tmp_path / "run", progress=events.append)
    assert 1 < run.metrics[-1].step < 100
    assert re.fullmatch(r"the 1 s are over, at epoch \d[\d.]* of 1000", events[-1].reason)
    assert run.is_finished
    assert evaluate(run.model(), splits.test).accuracy == run.metrics[-1].evaluation_accuracy
    one_step = recipe.replace(time_budget=2.0, batch_size=640)  # an epoch, at whose end the clock is looked at too
    run = train(network, splits, one_step, tmp_path / "one", progress=events.append)
    assert 1 < len(run.metrics) < 100
    assert events[-1].reason.startswith("the 2 s are over, at epoch")


def test_a_time_that_ends_while_an_epoch_is_told_of_is_measured_at_its_end_all_the_same(
    splits, network, recipe, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "hubel.train.loop.machine.autotune._that_fits",
        lambda recipe, *_: recipe.replace(epochs=20.0, measure_every=7),
    )
    real, gone = time.perf_counter, [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: real() + gone[0])

    def late(event):
        if isinstance(event, EpochMetrics) and event.epoch == 2:  # which was not due
            gone[0] = 1e6

    run = train(network, splits, recipe.replace(time_budget=1000.0), tmp_path / "run", progress=late)
    assert [bool(row.evaluated) for row in run.metrics] == [False, False, True]
    assert run.metrics[2].step == run.metrics[1].step + 1
    assert run.model().summary["test"]["accuracy"] == evaluate(run.model(), splits.test).accuracy


def test_epochs_and_a_time_are_not_both_taken(splits, network):
    with pytest.raises(SettingError, match=r"expected epochs or a time, received both, 2 epochs and 8 s"):
        recipe_for(network, splits.train, {"epochs": 2.0, "time_budget": 8.0})


def test_settings_in_the_place_of_a_recipe_are_refused(splits):
    with pytest.raises(SettingError, match=r"expected a hubel.train.Recipe, received dict"):
        hubel.train(splits, recipe={"epochs": 3})


def test_measuring_takes_a_small_share_of_a_time_budget_and_is_done_at_the_end(
    splits, network, recipe, tmp_path, monkeypatch
):
    every_third = recipe.replace(epochs=7.5, measure_every=3)
    run = train(network, splits, every_third, tmp_path / "third")
    assert [row.epoch for row in run.metrics if row.evaluated] == [3, 6, 8]
    assert all(math.isnan(row.evaluation_loss) for row in run.metrics if not row.evaluated)
    assert evaluate(run.model(), splits.test).accuracy == run.metrics[-1].evaluation_accuracy
    shown = str(run)
    assert "test accuracy" in shown
    assert "nan" not in shown
    with pytest.raises(SettingError, match="measure_every 0 or 1 with patience"):
        every_third.replace(patience=2)

    def fits(budget, measuring, showing=0.0, **changes):
        monkeypatch.setattr("hubel.train.loop.machine.autotune._Probe.seconds", lambda *_: [[0.1 * 32 / 320] * 3])
        monkeypatch.setattr("hubel.train.loop.machine.autotune._Probe.seconds_to_measure", lambda *_: measuring)
        monkeypatch.setattr("hubel.train.loop.machine.autotune._Probe.seconds_to_show", lambda *_: showing)
        monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
        asked = recipe.replace(time_budget=budget, batch_size=32, **{"measure_every": 0, **changes})
        data = splits.train.take(np.arange(320))
        made = autotune(asked, Supervised, network, task_of(data), data, Preprocessing.for_dataset(data), (0.0, data))
        return made.measure_every, round(made.epochs, 2)

    assert fits(100, 0.002) == (1, round(100 / 0.152, 2))
    assert fits(100, 0.5) == (67, round(100 / (0.15 + 0.5 / 67), 2))  # ten times, 5 s in all
    assert fits(100, 0.5, measure_every=1) == (1, round(100 / 0.65, 2))
    assert fits(100, 0.5, patience=3) == (1, round(100 / 0.65, 2))
    assert fits(100, 0.002, showing=0.3) == (1, round(100 / 0.452, 2))  # what ends each epoch of some tasks
    assert fits(100, 40.0)[1] == round(60 / 0.15, 2)  # once, at the end


def test_patience_ends_training_and_keeps_the_best(splits, network, recipe, tmp_path):
    parts = Splits(train=splits.train, validation=splits.test)
    patient = recipe.replace(patience=2, epochs=60, learning_rate=0.05, schedule="constant")
    run = train(network, parts, patient, tmp_path / "run")
    losses = [row.evaluation_loss for row in run.metrics]
    assert len(losses) < 60
    assert losses.index(min(losses)) == len(losses) - 3
    assert evaluate(run.model(), parts.validation).loss == pytest.approx(min(losses), rel=1e-5)

    def damage(event):
        (tmp_path / "damaged" / "checkpoints" / "best.json").unlink(missing_ok=True)

    with pytest.warns(WholenessWarning, match="the last weights are used in place of the best epoch's"):
        run = train(network, parts, patient, tmp_path / "damaged", progress=damage)
    assert run.model().summary["validation"]["loss"] == run.metrics[-1].evaluation_loss > min(losses)
    assert evaluate(run.model(), parts.validation).loss == pytest.approx(run.metrics[-1].evaluation_loss, rel=1e-5)


@pytest.mark.parametrize("rate", [1e6, 1e3])
def test_a_loss_that_runs_away_stops_names_the_layer_and_keeps_the_last_good_model(splits, rate, tmp_path):
    network = parse("8x8x1: conv 4 3x3 same relu, flatten, dense 4 softmax")
    wild = Recipe(optimizer="sgd", learning_rate=rate, epochs=2, batch_size=32, threads=1, precision="float32")
    with pytest.raises(NotFiniteError, match=r"epoch 1, step \d+ of 40.*learning rate") as caught:
        train(network, splits, wild, tmp_path / "run")
    assert "conv1" in str(caught.value) or "dense1" in str(caught.value)
    run = Run.open(tmp_path / "run")
    assert not run.is_finished
    assert run.failure == str(caught.value)
    with pytest.raises(RunError, match="there is no model"):
        run.model()
    with pytest.raises(RunError, match=r"would fail again.*with another recipe"):
        resume(tmp_path / "run", splits)


@pytest.mark.filterwarnings("ignore::hubel.base.model_file.WholenessWarning")
def test_the_model_of_the_last_good_checkpoint_is_kept(splits, network, recipe, tmp_path):
    def leave(event):
        if isinstance(event, EpochMetrics):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, splits, recipe, tmp_path / "run", progress=leave)
    settings = tmp_path / "run" / "run.toml"
    text = settings.read_text().replace("learning_rate = 0.03", "learning_rate = 1e6")
    settings.write_text(text.rpartition("# SHA-256")[0])
    with pytest.raises(NotFiniteError, match="the model of step 20 is kept"):
        resume(tmp_path / "run", splits)
    run = Run.open(tmp_path / "run")
    assert evaluate(run.model(), splits.test).accuracy == run.metrics[-1].evaluation_accuracy > 0.5
    assert not run.is_finished
    assert "at epoch 2, step 2" in run.failure
    assert run.model().summary["failure"] == run.failure
    with pytest.raises(RunError, match=r"failed and would fail again.*Start another run.*--weights .*model\.safetens"):
        resume(tmp_path / "run", splits)
    kept = str(tmp_path / "run" / "model.safetensors")
    anew = train(network, splits, recipe.replace(weights=kept, epochs=1), tmp_path / "anew")
    assert anew.is_finished
    assert anew.failure is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8x8x1: flatten, dense 5 softmax", ["4 outputs", "5", "dense 4 softmax"]),
        ("9x9x1: flatten, dense 4 softmax", ["8×8×1", "9×9×1"]),
        ("8x8x1: conv 4 3x3", ["4 outputs", "6×6×4"]),
    ],
)
def test_a_network_that_does_not_fit_the_data_is_refused_before_anything_is_written(text, words, splits, tmp_path):
    with pytest.raises(ValueError) as caught:
        train(parse(text), splits, None, tmp_path / "run")
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_batch_that_does_not_fit_is_refused_with_one_that_does(splits, recipe, tmp_path):
    network = parse("8x8x1: upsample 64, conv 32 3x3 same relu, globalavgpool, dense 4 softmax")
    huge = Splits(train=splits.train.take(np.zeros(2**17, np.int64)))
    with pytest.raises(NotEnoughMemoryError, match=r"GiB more than is free.*batch_size = (\d+) would fit") as caught:
        train(network, huge, recipe.replace(batch_size=2**17), tmp_path / "run")
    fitting = int(str(caught.value).split("batch_size = ")[1].split()[0])
    assert 1 <= fitting < 2**17
    assert fitting.bit_count() == 1
    assert not (tmp_path / "run" / "run.toml").exists()


def test_a_folder_with_a_run_is_not_written_over(splits, network, recipe, tmp_path):
    train(network, splits, recipe, tmp_path / "run")
    with pytest.raises(RunError, match=r"there is a run already.*--resume"):
        train(network, splits, recipe, tmp_path / "run")


def test_a_finished_run_is_resumed_to_itself(splits, network, recipe, tmp_path):
    run = train(network, splits, recipe, tmp_path / "run")
    before = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    assert resume(tmp_path / "run", splits) == run
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == before


def test_other_data_is_refused_on_resume(splits, network, recipe, tmp_path):
    train(network, splits, recipe, tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    with pytest.raises(RunError, match="fingerprint"):
        resume(tmp_path / "run", Splits(train=splits.test))


def test_no_run_is_an_error_that_says_so(tmp_path):
    with pytest.raises(RunError, match=r"without run\.toml"):
        Run.open(tmp_path)
    (tmp_path / "run.toml").write_text("format = 1\n")
    with pytest.raises(RunError, match="cannot be read"):
        Run.open(tmp_path)


def test_progress_is_told_ten_times_a_second(splits, network, recipe, tmp_path, monkeypatch):
    now, told = clock(0.02), []
    monkeypatch.setattr(time, "perf_counter", now)

    def listen(event):
        if isinstance(event, Progress):
            told.append((now(), event))

    train(network, splits, recipe, tmp_path / "run", progress=listen)
    moments, events = zip(*told, strict=True)
    assert len(events) > 4
    assert all(0.09 < later - earlier < 0.3 for earlier, later in pairwise(moments))  # the longest: an epoch's end
    for event in events:
        assert 0 <= event.accuracy <= 1
        assert event.images_per_second > 0
        assert 1 <= event.epoch <= event.epochs == 2
        assert event.step <= event.steps == 40
