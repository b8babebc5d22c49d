"""`hubel sweep`, typed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from hubel.cli import main
from tests.train.quadrants import PLAIN, quadrants


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    train, test = quadrants(400, 0), quadrants(100, 1)
    np.savez("quads.npz", x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)
    return "quads.npz"


def test_a_search_prints_a_table_and_a_recipe_to_train_with(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["sweep", PLAIN, data, "--trials", "3", "--epochs", "1", "--search", "learning_rate=0.001:0.1:log"]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert "searching learning_rate 0.001:0.1:log" in out
    assert [words.split()[1] for words in out.splitlines() if words.startswith("trial ")][:3] == ["0", "1", "2"]
    assert "hubel train" in out
    assert main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["trials"]) == 3
    assert found["sweep"] == "sweeps/network-quads"
    status = main(["train", PLAIN, data, "--recipe", found["recipe"], "--run", "again", "--no-report", "--json"])
    assert status == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert recipe["learning_rate"] == found["best"]["settings"]["learning_rate"]
    assert recipe["epochs"] == 1


def test_data_alone_chooses_a_network_and_the_last_line_trains_it(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", data, "--trials", "1", "--epochs", "1", "--task", "classification"]) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert line.startswith(f"next:  hubel train {data} --task classification --recipe ")
    assert main([*shlex.split(line.removeprefix("next:  hubel ")), "--no-report"]) == 0
    assert main(["sweep", "lenet5"]) == 2
    assert "expected DATA, or NET and DATA, such as: hubel sweep mnist" in capsys.readouterr().err


def test_the_test_images_do_not_choose(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", PLAIN, data, "--trials", "1", "--epochs", "1", "--sweep", "here", "--validation", "0.2"]) == 0
    settings = Path("here/trial-0000/run.toml").read_text()
    assert "validation = 80" in settings
    assert "training = 320" in settings
    assert "test = " not in settings.partition("[data.examples]")[2].partition("[")[0]


def test_mistakes_say_what_would_be_right(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", PLAIN, data, "--search", "learning_rat=1:2"]) == 2
    assert "did you mean 'learning_rate'" in capsys.readouterr().err
