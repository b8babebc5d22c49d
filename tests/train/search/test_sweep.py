"""Searches for a better recipe: stopped, killed, shared by processes."""

import dataclasses
import shutil
import sqlite3
import statistics

import numpy as np
import optuna
import pytest

from hubel.base.errors import SettingError
from hubel.base.model_file import WholenessWarning
from hubel.data import Splits
from hubel.train import Choice, Range, Recipe, Run, Started, default_space, parse_space, sweep, train
from hubel.train.search import sweep as sweeping
from hubel.train.search.study import StudyError
from tests.train.several import Forked
from tests.train.sweeper import BASE, SPACE, SPLITS, search
from tests.work import HANG


def sweeper(directory, trials, log):
    return Forked(["-m", "tests.train.sweeper", directory, trials], {}, log)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("search") / "sweep"
    return directory, search(directory, 7)


def test_each_trial_is_a_run_and_the_first_is_the_recipe_itself(found):
    _, result = found
    assert [trial.number for trial in result.trials] == list(range(7))
    assert all(Run.open(trial.directory).metrics[-1].evaluated == "validation" for trial in result.trials)
    first = Run.open(result.trials[0].directory).recipe
    assert first == BASE.replace(threads=first.threads, augmentation=first.augmentation)
    for trial in result.trials:
        assert 0.0001 <= trial.settings["learning_rate"] <= 0.1
        assert trial.settings["optimizer"] in ("adam", "sgd")
        assert 16 <= trial.settings["batch_size"] <= 64
    done = [trial for trial in result.trials if trial.outcome == "done"]
    assert result.best.accuracy == max(trial.accuracy for trial in done)
    assert all(trial.epochs == 4 for trial in done)


def test_the_best_recipe_trains_as_the_best_trial_did(found, tmp_path):
    directory, result = found
    recipe = Recipe.from_toml((directory / "best.toml").read_text())
    assert recipe == BASE.replace(**result.best.settings)
    run = train(Run.open(result.best.directory).network, SPLITS, recipe, tmp_path / "run")
    assert run.metrics[-1].evaluation_accuracy == result.best.accuracy


def test_the_same_call_goes_on_and_the_same_search_finds_the_same(found, tmp_path):
    directory, result = found
    assert search(directory, 7) == result
    again = search(tmp_path / "sweep", 3)
    assert [trial.settings for trial in again.trials] == [trial.settings for trial in result.trials[:3]]
    more = search(tmp_path / "sweep", 4)
    assert len(more.trials) == 4
    assert more.trials[:3] == again.trials


def test_another_search_in_the_same_folder_is_refused(found):
    directory, _ = found
    network = Run.open(directory / "trial-0000").network
    with pytest.raises(ValueError, match="begun with another recipe and space"):
        sweep(network, SPLITS, BASE.replace(seed=1), directory, trials=9)


def test_without_a_validation_part_images_are_held_out_and_the_test_part_is_not_looked_at(found, tmp_path):
    network = Run.open(found[0] / "trial-0000").network
    few = Splits(SPLITS.train.take(np.arange(100)), test=SPLITS.validation)
    result = sweep(network, few, BASE.replace(epochs=1), tmp_path / "sweep", trials=1)
    run = Run.open(result.best.directory)
    assert run.settings["data"]["examples"] == {"training": 79, "validation": 21}
    assert run.metrics[-1].evaluated == "validation"
    one = Splits(SPLITS.train.take(np.zeros(9, np.int64)))
    with pytest.raises(ValueError, match=r"expected a validation part .* too few pictures"):
        sweep(network, one, BASE, tmp_path / "other")


def test_a_killed_search_goes_on_with_the_very_trial(tmp_path):
    directory = tmp_path / "sweep"
    process = sweeper(directory, 4, tmp_path / "log")
    process.until_said("ended 1\nepoch 1\n")
    process.kill()
    process.wait(HANG)
    settings = Run.open(directory / "trial-0002").recipe
    events = []
    result = search(directory, 4, progress=events.append)
    assert [trial.outcome for trial in result.trials if trial.outcome == "running"] == []
    assert len(result.trials) == 4
    assert Run.open(directory / "trial-0002").recipe == settings
    started = next(event for event in events if isinstance(event, Started))
    assert started.directory.name == "trial-0002"
    assert started.step > 0
    rows = Run.open(directory / "trial-0002").metrics
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1))


def test_two_processes_share_one_search(tmp_path):
    directory = tmp_path / "sweep"
    processes = [sweeper(directory, 6, tmp_path / f"log{number}") for number in range(2)]
    assert [process.wait(HANG) for process in processes] == [0, 0]
    said = [process.said() for process in processes]
    ended = sorted(int(line.split()[1]) for text in said for line in text.splitlines() if line.startswith("ended"))
    assert ended == list(range(6))
    result = search(directory, 6)
    assert {trial.outcome for trial in result.trials} <= {"done", "pruned"}
    assert len({tuple(trial.settings.values()) for trial in result.trials}) == 6


def test_a_trial_that_ends_while_another_process_looks_is_left_alone(tmp_path, monkeypatch):
    directory = tmp_path / "sweep"
    search(directory, 1)
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{directory / 'study.db'}")
    other = study.ask()
    other.set_user_attr("place", study.trials[0].user_attrs["place"])
    hold = sweeping._Search._hold

    def late(self, number, held):
        if study.trials[1].state == optuna.trial.TrialState.RUNNING:
            study.tell(other, 0.5)
        return hold(self, number, held)

    monkeypatch.setattr(sweeping._Search, "_hold", late)
    result = search(directory, 3)
    assert [trial.outcome for trial in result.trials] in (["done"] * 3, ["done", "done", "pruned"])
    assert result.trials[1].accuracy == 0.5
    assert not result.trials[1].directory.exists()


def test_what_is_worse_is_given_up(found):
    pruned = [trial for trial in found[1].trials if trial.outcome == "pruned"]
    assert pruned
    for trial in pruned:
        others = [
            Run.open(other.directory).metrics[trial.epochs - 1].evaluation_accuracy
            for other in found[1].trials[: trial.number]
            if other.outcome == "done"
        ]
        assert trial.epochs < 4
        assert trial.accuracy < statistics.median(others)


def test_what_diverges_is_told_and_the_search_goes_on(found, tmp_path):
    network = Run.open(found[0] / "trial-0000").network
    space = {"learning_rate": Choice((0.01, 1e5)), "optimizer": Choice(("sgd",))}
    result = sweep(network, SPLITS, BASE.replace(optimizer="sgd", epochs=1), tmp_path / "s", space=space, trials=5)
    bad = [trial for trial in result.trials if trial.settings["learning_rate"] == 1e5]
    assert bad
    assert all(trial.outcome == "pruned" and "the loss" in trial.why for trial in bad)
    assert result.best.settings["learning_rate"] == 0.01


def test_a_space_is_read_from_words():
    space = parse_space(
        ["learning_rate=1e-3:0.1:log", "optimizer=sgd,muon", "batch_size=16:64", "momentum=0.5:0.9"], BASE
    )
    assert space == {
        "learning_rate": Range(0.001, 0.1, log=True),
        "optimizer": Choice(("sgd", "muon")),
        "batch_size": Range(16, 64),
        "momentum": Range(0.5, 0.9),
    }
    assert parse_space([f"{name}={values}" for name, values in space.items()], BASE) == space
    usual = default_space(BASE)
    assert parse_space([f"{name}={values}" for name, values in usual.items()], BASE) == usual
    assert all(dataclasses.is_dataclass(values) for values in SPACE.values())


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("learning_rate", "NAME=LOW:HIGH"),
        ("learning_rat=1:2", "did you mean 'learning_rate'"),
        ("learning_rate=0.1:0.01", "LOW below HIGH"),
        ("learning_rate=0.1:0.2:lin", "LOW:HIGH:log"),
        ("learning_rate=0:0.2:log", "begins above 0"),
        ("optimizer=sgd,adm", "did you mean 'adam'"),
        ("batch_size=1.5:3", "whole number"),
    ],
)
def test_a_mistaken_space_says_what_would_be_right(word, words):
    with pytest.raises(ValueError, match=words):
        parse_space([word], BASE)


def test_a_database_that_cannot_be_used_is_told_without_its_password(tmp_path):
    with pytest.raises(OSError, match=r"sqlite:///.*nowhere.*cannot be used") as caught:
        search(tmp_path / "sweep", 1, f"sqlite:///{tmp_path}/nowhere/study.db")
    assert "Traceback" not in str(caught.value)


def test_a_database_that_was_damaged_is_named(found, tmp_path):
    directory, _ = found
    shutil.copytree(directory, tmp_path / "sweep")
    with sqlite3.connect(tmp_path / "sweep" / "study.db") as database:
        database.execute("UPDATE trial_params SET distribution_json = 'no JSON'")
    with pytest.raises(
        StudyError, match=r"study.db: holds what no search wrote \(JSONDecodeError: .*take another folder"
    ):
        search(tmp_path / "sweep", 1)


@pytest.mark.parametrize(
    "change",
    [
        "trial_values SET value = 0.99",
        "trial_params SET param_value = 0.05 WHERE param_name = 'learning_rate'",
        "trial_intermediate_values SET intermediate_value = 0.99",
        "trials SET state = 'PRUNED' WHERE state = 'COMPLETE'",
        "trial_user_attributes SET value_json = '\"0\"' WHERE key = 'sha256'",
    ],
)
def test_a_changed_number_of_a_trial_is_named(change, found, tmp_path, monkeypatch):
    directory, result = found
    shutil.copytree(directory, tmp_path / "sweep")
    with sqlite3.connect(tmp_path / "sweep" / "study.db") as database:
        database.execute(f"UPDATE {change}")
    with pytest.raises(StudyError, match=r"study.db: damaged: trial \d is not what it ended with"):
        search(tmp_path / "sweep", 7)
    monkeypatch.setenv("HUBEL_IGNORE_DAMAGE", "1")
    with pytest.warns(WholenessWarning, match="used all the same"):
        assert len(search(tmp_path / "sweep", 7).trials) == len(result.trials)


def test_trials_of_an_older_version_are_said_to_have_no_digest(found, tmp_path):
    directory, _ = found
    shutil.copytree(directory, tmp_path / "sweep")
    with sqlite3.connect(tmp_path / "sweep" / "study.db") as database:
        database.execute("DELETE FROM trial_user_attributes WHERE key = 'sha256' AND trial_id < 3")
    with pytest.warns(WholenessWarning, match="nothing vouches for trials 0, 1, of an older version"):
        search(tmp_path / "sweep", 7)


@pytest.mark.parametrize("storage", ["a=b", "0", "/dev/null"])
def test_a_storage_that_is_no_address_is_refused(storage, splits, network, recipe, tmp_path):
    parts = Splits(splits.train, validation=splits.test)
    with pytest.raises(SettingError, match="expected storage as SQLAlchemy writes it"):
        sweep(network, parts, recipe, tmp_path / "sweep", trials=1, storage=storage)
