"""What a training can be asked for while it is under way: a checkpoint of this moment, to wait, a single step."""

import threading
import time
from functools import partial

import pytest
import torch

from hubel.base.wishes import GO_ON, PAUSE, PAUSED, STEP, is_look_wanted, put_wish, want_look, wish
from hubel.train import Progress, Run, resume, train
from tests.tasks.killed import bits, trained
from tests.tasks.little import LITTLE
from tests.work import HANG


def until(condition):
    end = time.monotonic() + HANG
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


@pytest.fixture(autouse=True)
def told_of_each_step(monkeypatch):
    monkeypatch.setattr("hubel.train.loop.trainer._EVENT_SECONDS", 0.0)


def paused(folder, step=""):
    """The step at which it waits, this one or any."""
    said = until(lambda: wish(folder).startswith(f"{PAUSED} at step {step}") and wish(folder))
    return int(said.split()[3])


def waited(begin, folder):
    """A training that is paused, makes two steps, and goes on to its end. begin: trains, and is given who listens."""
    told = []

    def pause(event):
        if isinstance(event, Progress) and not told:
            told.append(event)
            put_wish(folder, PAUSE)

    there = threading.Thread(target=begin, kwargs={"progress": pause}, daemon=True)
    there.start()
    at = paused(folder)
    for _ in range(2):
        put_wish(folder, STEP)
        at = paused(folder, f"{at + 1} ")
    assert "loss" in wish(folder)
    assert Run.open(folder).model().summary["stopped"]["step"] == at
    put_wish(folder, GO_ON)
    there.join(HANG)
    assert not wish(folder)


def test_a_training_waits_makes_single_steps_and_goes_on_to_the_same_bits(network, splits, recipe, tmp_path):
    whole, folder = train(network, splits, recipe, tmp_path / "whole"), tmp_path / "run"
    waited(partial(train, network, splits, recipe, folder), folder)
    ends = (run.model().module.state_dict().values() for run in (whole, Run.open(folder)))
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_games_stand_still_meanwhile(tmp_path):
    little = LITTLE["play"](tmp_path)
    trained(little, tmp_path / "whole")
    waited(partial(trained, little, tmp_path / "run"), tmp_path / "run")
    assert bits(tmp_path / "run") == bits(tmp_path / "whole")


def test_who_wants_to_look_gets_a_checkpoint_of_this_moment(network, splits, recipe, tmp_path):
    steps, saved = [], []

    def look(event):
        if not isinstance(event, Progress):
            return
        steps.append(event.step)
        if len(steps) == 3:
            want_look(tmp_path / "run", True)
        if len(steps) == 4:
            assert not is_look_wanted(tmp_path / "run")
            saved.append(Run.open(tmp_path / "run").model().summary["stopped"]["step"])

    train(network, splits, recipe, tmp_path / "run", progress=look)
    assert saved == steps[2:3]


def test_what_an_ended_sitting_was_asked_is_not_asked_of_the_next(network, splits, recipe, tmp_path):
    train(network, splits, recipe, tmp_path / "run")
    put_wish(tmp_path / "run", PAUSE)
    resume(tmp_path / "run", splits, epochs=3)
    assert not wish(tmp_path / "run")
