"""Runs in the studio: what their files say, and trainings as processes of their own."""

import base64
import io
import json
import os
import signal
import sys
import time

import httpx
import pytest
from PIL import Image

from hubel.base.errors import SettingError
from hubel.base.wishes import put_wish, wish
from hubel.base.words import json_text
from hubel.studio.answers import answered
from hubel.studio.runs import Runs
from hubel.studio.runs.trainings import Trainings
from tests.studio.conftest import TOKEN, studio
from tests.tasks.killed import trained
from tests.tasks.little import LITTLE
from tests.work import HANG

RUN = """
network = "8x8x1: flatten, dense 2 softmax"
[recipe]
epochs = 3
optimizer = "adam"
learning_rate = 0.01
[data]
name = "squares"
"""
METRICS = """epoch,step,loss,accuracy,evaluated,evaluation_loss,evaluation_accuracy,images_per_second,seconds
1,4,0.7,0.5,test,0.6,0.75,100,0.5
2,8,nan,0.6,test,0.5,0.8,100,1.0
"""
# stands for a training: says so, and ends with its own words where it is asked to
PRETENDED = """#!/bin/sh
trap 'echo saved; exit 0' TERM
echo "training with $*"
while :; do sleep 0.05; done
"""


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "runs" / "first"
    run.mkdir(parents=True)
    (run / "run.toml").write_text(RUN)
    (run / "metrics.csv").write_text(METRICS)
    return tmp_path / "runs"


@pytest.fixture
def pretended(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text(PRETENDED)
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def asked(runs, question, **values):
    return answered(question, values, runs.questions)


def until(condition):
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_is_told_from_its_files(folder):
    found = asked(Runs(folder), "run", name="first")
    assert (found["state"], found["network"], found["epochs"]) == ("stopped", "8x8x1: flatten, dense 2 softmax", 3)
    assert found["figures"] == ["loss", "accuracy"]
    assert [row["evaluation_accuracy"] for row in found["rows"]] == [0.75, 0.8]
    assert found["rows"][1]["loss"] is None
    (folder / "first/failure.toml").write_text('message = "loss is not finite"')
    assert asked(Runs(folder), "runs")["runs"][0]["state"] == "failed"


def test_a_damaged_run_is_named_and_hides_no_other(folder):
    (folder / "second").mkdir()
    (folder / "second/run.toml").write_text("= nothing")
    states = {run["name"]: run["state"] for run in asked(Runs(folder), "runs")["runs"]}
    assert states == {"first": "stopped", "second": "unreadable"}


def test_no_folder_is_no_runs(tmp_path):
    assert asked(Runs(tmp_path / "none"), "runs")["runs"] == []


@pytest.mark.parametrize(
    "name", ["../first", "first/../first", "/etc", "", ".", "..", "a\0b", ".studio", "-x", "first\n"]
)
@pytest.mark.parametrize("question", ["run", "stop", "resume", "model", "wish", "examples", "looked"])
def test_names_are_no_paths(folder, question, name):
    assert "name" in asked(Runs(folder), question, name=name)["error"]


def test_words_are_no_options(folder, pretended):
    for values in (
        {"text": "--resume", "data": "mnist"},
        {"text": "mlp", "data": "-o"},
    ):
        assert "no option" in asked(Runs(folder), "train", **values)["error"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"epochs": "-1"}, "epochs: expected a number above 0, received -1"),
        ({"epochs": "--x"}, "epochs: expected a number above 0, received --x"),
        ({"settings": ["learning_rate=abc"]}, "learning rate: expected a number above 0, received abc"),
        ({"epochs": "nan"}, "epochs: expected a number above 0, received nan"),
        ({"settings": ["batch_size=0"]}, "batch size: expected a whole number above 0, received 0"),
        ({"settings": ["batch_size=2.5"]}, "batch size: expected a whole number above 0, received 2.5"),
        ({"settings": ["seed=-1"]}, "seed: expected a whole number of at least 0, received -1"),
        ({"settings": ["augmentation=flap"]}, "augmentation: expected 'none' or some of shift NUMBER"),
        ({"text": "8x8x1: conv 4 9x9"}, "conv1: Conv2D expected an input of at least 9×9"),
        ({"text": "8x8x1: cnov 4"}, "did you mean 'conv'"),
        ({"data": "/nowhere/at all"}, "the data: expected a path, or one of mnist"),
        ({"data": "nichtda"}, "received 'nichtda', which is neither"),
        ({"data": "cifar1o"}, "did you mean 'cifar10'"),
        ({"data": "minatar:brakeout"}, "did you mean 'minatar:breakout'"),
    ],
)
def test_what_can_be_told_at_once_begins_no_training(folder, pretended, values, told):
    assert told in asked(Runs(folder), "train", **{"text": "mlp", "data": "mnist", **values})["error"]
    assert not (folder / ".studio").exists()


@pytest.mark.parametrize("settings", [[], ["seed=0", "batch_size=64", "augmentation=shift 1, flip", "learning_rate="]])
@pytest.mark.parametrize(
    "data", ["mnist", "builtin:cifar10", "minatar:breakout", "ale:Pong", "hf:a/b", "{0..3}.tar", ""]
)
def test_what_may_be_right_is_begun(folder, monkeypatch, data, settings):
    begun = []
    monkeypatch.setattr(Trainings, "begin", lambda self, name, words: begun.append(words[-1]))
    assert "error" not in asked(Runs(folder), "train", text="mlp", data=data, settings=settings)
    assert begun == [data or "mnist"]


def test_what_cannot_be_read_is_left_out_where_that_is_asked_for(folder, pretended):
    runs = Runs(folder)
    name = asked(runs, "train", text="mlp", data="mnist", skip=1)["name"]
    until(lambda: "--bad-images=skip -- mlp mnist" in asked(runs, "run", name=name)["said"])
    asked(runs, "stop", name=name)
    until(lambda: asked(runs, "run", name=name)["state"] == "refused")


def test_a_training_that_did_not_begin_stays_in_the_list_with_its_reason(folder):
    (folder / ".studio").mkdir()
    for name, said in (("none", "hubel: nowhere: no such file"), ("gone", "training 3 parameters")):
        (folder / f".studio/{name}.json").write_text('{"pid": 4194305, "words": []}')
        (folder / f".studio/{name}.log").write_text(said)
    told = {run["name"]: run["state"] for run in asked(Runs(folder), "runs")["runs"]}
    assert told == {"first": "stopped", "none": "refused"}  # and not a run that somebody has deleted
    assert asked(Runs(folder), "run", name="none")["said"] == "hubel: nowhere: no such file"
    assert "expected a training that did not begin" in asked(Runs(folder), "forget", name="first")["error"]
    assert asked(Runs(folder), "forget", name="none") == {"name": "none"}
    assert [run["name"] for run in asked(Runs(folder), "runs")["runs"]] == ["first"]
    assert not (folder / ".studio/none.log").exists()


def test_a_training_is_found_again_and_stopped(folder, pretended):
    """A process of its own: another studio sees it, and stops it."""
    own, other = Runs(folder), Runs(folder)
    name = asked(own, "train", text="mlp", data="mnist", epochs="2", settings=["seed=3"])["name"]
    until(lambda: "training with" in asked(other, "run", name=name)["said"])
    assert asked(other, "run", name=name)["state"] == "starting"
    assert "--epochs=2 --set=seed=3 -- mlp mnist" in asked(other, "run", name=name)["said"]
    assert asked(other, "run", name=name)["given"] == ["epochs", "seed"]
    assert name in [run["name"] for run in asked(other, "runs")["runs"]]
    assert "under way" in asked(other, "train", text="mlp", data="mnist", name=name)["error"]
    assert "expected one of pause, step" in asked(other, "wish", name=name, wish="paused")["error"]
    assert asked(other, "stop", name=name) == {"name": name}
    until(lambda: asked(own, "run", name=name)["state"] == "refused")
    assert "saved" in asked(other, "run", name=name)["said"]
    assert "no training of it under way" in asked(other, "stop", name=name)["error"]


def test_what_never_began_is_not_gone_on_with(folder, pretended):
    assert "expected a run's folder, found none" in asked(Runs(folder), "resume", name="nowhere")["error"]
    runs = Runs(folder)
    name = asked(runs, "train", text="mlp", data="mnist")["name"]
    asked(runs, "stop", name=name)
    until(lambda: asked(runs, "run", name=name)["state"] == "refused")
    assert "did not begin" in asked(runs, "resume", name=name)["error"]


def test_a_run_that_is_there_is_not_written_over(folder, pretended):
    assert "is a run already" in asked(Runs(folder), "train", text="mlp", data="mnist", name="first")["error"]


def test_a_number_that_is_another_process_s_by_now_is_left_alone(folder):
    (folder / ".studio").mkdir()
    (folder / ".studio/first.json").write_text(json.dumps({"pid": os.getpid()}))
    trainings = Trainings(folder)
    assert not trainings.is_running("first")
    with pytest.raises(SettingError):
        trainings.stop("first")
    assert signal.getsignal(signal.SIGTERM) is not None  # nothing came


def test_questions_about_runs_bear_the_token(folder):
    with studio(runs=folder) as address, httpx.Client(base_url=address, timeout=HANG) as client:
        assert client.post("/ask/runs", json={}).status_code == 401
        found = client.post("/ask/runs", json={}, headers={"Authorization": f"Bearer {TOKEN}"})
        assert found.json()["runs"][0]["name"] == "first"


@pytest.mark.parametrize("process", [10**30, 2**31, -1, 0, "x", None, [], 1.5])
def test_odd_notes_of_a_training_are_of_none(folder, process):
    runs = Runs(folder)
    (folder / ".studio").mkdir()
    (folder / ".studio" / "first.json").write_text(json.dumps({"pid": process}))
    assert asked(runs, "run", name="first")["state"] == "stopped"
    assert "no training" in asked(runs, "stop", name="first")["error"]


ODD = {
    "a long field": ("metrics.csv", "epoch\n" + "x" * 200_000 + "\n", "field"),
    "a number without end": ("run.toml", "[recipe]\nepochs = " + "9" * 5000, "thousands of digits"),
    "a date": ("run.toml", "[recipe]\nlearning_rate = 1979-05-27T07:32:00Z", ""),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_files_of_a_run_are_told(folder, odd):
    name, text, words = ODD[odd]
    (folder / "first" / name).write_text(text)
    found = json.loads(json_text(asked(Runs(folder), "runs")))["runs"][0]
    assert words in found.get("told", "")
    assert ("told" in found) == bool(words)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path)])
@pytest.mark.parametrize("name", ["metrics.csv", "failure.toml", "../.studio/first.log", "../.studio/first.json"])
def test_what_is_no_file_is_neither_waited_for_nor_a_fault(folder, name, make):
    (folder / ".studio").mkdir()
    place = folder / "first" / name
    place.unlink(missing_ok=True)
    make(place)
    told = asked(Runs(folder), "runs")["runs"][0]
    assert name not in ("metrics.csv", "failure.toml") or told["state"] in ("unreadable", "stopped")


def test_no_more_is_read_of_what_a_training_says_than_its_end(folder):
    (folder / ".studio").mkdir()
    (folder / ".studio" / "first.log").symlink_to("/dev/zero")
    assert asked(Runs(folder), "run", name="first")["said"] == ""


def test_a_folder_of_runs_that_is_a_file_is_told(tmp_path):
    (tmp_path / "runs").write_text("")
    assert "Not a directory" in asked(Runs(tmp_path / "runs"), "runs")["error"]


def test_what_does_not_train_is_asked_for_nothing(folder):
    assert "no training of it under way" in asked(Runs(folder), "wish", name="first", wish="pause")["error"]
    assert not (folder / "first/asked.txt").exists()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"look": "cat"}, "expected one of predict, cam, saliency"),
        ({"look": "style"}, "style is of an image"),
        ({"look": "style", "picture": "?"}, "expected a second image for style"),
        ({"look": "cam", "picture": "?", "style": "?"}, "and none for others"),
        ({"look": "cam"}, "cam is of an image"),
        ({"look": "cam", "picture": "?"}, "expected an image file in base64"),
        ({"look": "filters", "name": "none"}, "expected a run's folder, found none"),
        ({"look": "filters"}, "first"),  # there is no model in it
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_words(folder, values, told):
    found = asked(Runs(folder), "looked", **{"name": "first", **values})
    assert told in found["error"]
    assert "Traceback" not in found["error"]


def test_a_pause_before_the_first_step_is_not_forgotten(folder, monkeypatch):
    """A training that begins clears what an earlier sitting was asked."""
    monkeypatch.setattr(Trainings, "is_running", lambda self, name: True)
    runs, run = Runs(folder), folder / "first"
    assert asked(runs, "wish", name="first", wish="pause") == {"name": "first"}
    put_wish(run, "")
    assert asked(runs, "run", name="first")["stands"] == "it waits at its next step"
    assert wish(run) == "pause"
    put_wish(run, "paused at step 3 of 8")
    assert asked(runs, "run", name="first")["state"] == "paused"
    put_wish(run, "")  # it goes on
    assert asked(runs, "run", name="first")["stands"] == ""
    asked(runs, "wish", name="first", wish="pause")
    asked(runs, "wish", name="first", wish="go on")
    put_wish(run, "")
    asked(runs, "run", name="first")
    assert wish(run) == ""


# what a task beyond classification answers with, of an image or of nothing
ANSWERS = {
    "segmentation": ("image/png", ["mask", "outline", "overlay"]),
    "multilabel": ("", []),
    "speech": ("audio/wav", [""]),
    "synthesis": ("image/png", [""]),
}


@pytest.mark.parametrize("task", ANSWERS)
def test_other_tasks_show_what_they_have(tmp_path, task):
    trained(LITTLE[task](tmp_path / "data"), tmp_path / "runs/first")
    runs, (kind, pictures) = Runs(tmp_path / "runs"), ANSWERS[task]
    makes = task in ("speech", "synthesis")
    picture = io.BytesIO()
    Image.new("L", (24, 24), 180).save(picture, "png")
    given = "" if makes else base64.b64encode(picture.getvalue()).decode()
    found = asked(runs, "looked", name="first", look="predict", picture=given)
    assert "made" in found, found
    assert [what for what, _ in found["made"]] == pictures, found
    assert {file.partition(";")[0] for _, file in found["made"]} == ({f"data:{kind}"} if pictures else set())
    if makes:
        assert "written" not in found["said"]
        assert asked(runs, "examples", name="first") == {"samples": []}
    else:
        assert "mask" not in found["answer"]
        shares = [each["share"] for each in found["answer"].get("classes", ())]
        assert sum(shares) == pytest.approx(1.0 if task == "segmentation" else 0.0)
        assert task != "multilabel" or found["answer"]["top"], found
    model = asked(runs, "model", name="first")
    assert "a page runs models that classify, and this one is for" in model["reason"]
    assert model["sees"] is not makes
    assert model["paths"]
