"""Output that nobody reads, that finds no room, or whose letters the receiver does not have."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from hubel.cli import main

posix = pytest.mark.skipif(os.name != "posix", reason="needs a shell's redirections")
full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
HUBEL = [sys.executable, "-m", "hubel"]


def shell(line, **environment):
    return subprocess.run(
        ["bash", "-c", line.replace("hubel", f"{sys.executable} -m hubel")],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "images.npz"
    random = np.random.default_rng(0)
    np.savez(path, images=random.integers(0, 255, (64, 8, 8, 1), dtype=np.uint8), labels=np.arange(64) % 2)
    return path


def train(images, run):
    return f"hubel train '8x8x1: flatten, dense 2 softmax' {images} --run {run} --epochs 2 --no-report"


@posix
@pytest.mark.parametrize(
    ("where", "status", "said"),
    [
        ("| true", 0, b""),
        pytest.param("> /dev/full", 0, b"hubel: standard output could not be written (No space left", marks=full),
        pytest.param("--json > /dev/full", 2, b"hubel: standard output could not be written (No space", marks=full),
        (">&- 2>&-", 0, b""),
    ],
)
def test_training_goes_on_and_saves_where_nobody_hears_of_it(images, tmp_path, where, status, said):
    ran = shell(f"set -o pipefail; {train(images, tmp_path / 'run')} {where}")
    assert ran.returncode == status, ran.stderr
    assert said in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert (tmp_path / "run" / "model.safetensors").exists()


@posix
@pytest.mark.parametrize(
    ("where", "status", "said"),
    [
        ("| true", 0, b""),
        pytest.param("> /dev/full", 2, b"hubel: standard output could not be written (No space left", marks=full),
        (">&-", 2, b"hubel: standard output could not be written (it is closed)"),
        (">&- 2>&-", 2, b""),
    ],
)
@pytest.mark.parametrize("command", ["explain lenet5", "explain lenet5 --json"])
def test_a_command_whose_answer_is_lost_says_so_unless_its_reader_left(command, where, status, said):
    ran = shell(f"set -o pipefail; hubel {command} {where}")
    assert (ran.returncode, ran.stderr[: len(said)]) == (status, said)
    assert b"Traceback" not in ran.stderr
    assert said or not ran.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437"])
def test_letters_that_the_receiver_lacks_are_replaced_by_such_as_look_alike(encoding):
    ran = subprocess.run([*HUBEL, "explain", "lenet5", "conv1"], capture_output=True, env=_encoded(encoding))
    assert (ran.returncode, ran.stderr) == (0, b"")
    shown = ran.stdout.decode(encoding)
    assert ("5*5*1" if encoding == "ascii" else "5·5·1") in shown
    assert ("28x28x6" if encoding in ("ascii", "cp437") else "28×28×6") in shown


def test_json_says_the_same_in_every_encoding(tmp_path):
    name = tmp_path / "bär→🦊.txt"
    name.write_text("8x8x1: flatten, dense 2", encoding="utf-8")
    answers = []
    for encoding in ("utf-8", "ascii", "cp1252"):
        ran = subprocess.run([*HUBEL, "explain", str(name), "--json"], capture_output=True, env=_encoded(encoding))
        assert ran.returncode == 0, ran.stderr
        answers.append(json.loads(ran.stdout.decode(encoding)))
    assert answers[0] == answers[1] == answers[2]
    assert "bär→🦊" in json.dumps(answers[0], ensure_ascii=False)


def test_a_mistake_is_told_in_every_encoding():
    ran = subprocess.run([*HUBEL, "explain", "8x8x1: кот 3"], capture_output=True, env=_encoded("ascii"))
    assert ran.returncode == 2
    assert b"hubel: column 8" in ran.stderr
    assert b"Traceback" not in ran.stderr


def _encoded(encoding):
    return {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}


@posix
def test_a_terminal_that_is_closed_stops_training_with_all_saved(images, tmp_path):
    run = tmp_path / "run"
    words = train(images, run).replace("--epochs 2", "--epochs 1000000 --set checkpoint_seconds=0")
    process = subprocess.Popen(["bash", "-c", f"exec {words.replace('hubel', f'{sys.executable} -m hubel', 1)}"])
    try:
        while not list(run.glob("checkpoints/*.json")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=60) == 128 + signal.SIGHUP
    finally:
        process.kill()
    assert not list(run.glob("checkpoints/partial"))


def test_a_terminal_breaks_no_word_of_a_message(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    said = []
    for terminal in (False, True):
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal)
        main(["explain", "7x7x1: conv 1 3x3/3", "--strict"])
        with contextlib.suppress(SystemExit):
            main(["train", "lenet5", "mnist", "--patiens", "3", "--and", "more", "words", "than", "a", "line", "holds"])
        said.append(capsys.readouterr().err)
    assert max(map(len, said[0].splitlines())) > 60
    assert max(map(len, said[1].splitlines())) <= 60
    assert said[0].split() == said[1].split()


@pytest.mark.parametrize(
    ("command", "file", "kept"),
    [
        ("convolve {0} --kernel sharpen -o {0}", "a.png", None),
        ("explain {0} -o {0}", "net.txt", "8x8x3: conv 4 3, flatten, dense 2"),
        ("draw {0} -o {0}", "net.svg", "8x8x3: conv 4 3, flatten, dense 2"),
        ("code {0}:net -o {0}", "net.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))\n"),
    ],
)
def test_what_is_read_is_not_written_over(command, file, kept, tmp_path, capsys):
    read = tmp_path / file
    if kept is None:
        Image.new("RGB", (8, 8), "red").save(read)
    else:
        read.write_text(kept)
    content, link = read.read_bytes(), tmp_path / f"link{read.suffix}"
    link.symlink_to(read)
    for place in (read, link):
        words = [*command.format(read).split()[:-1], str(place)]
        assert main(words) == 2
        assert f"received {place}, which is read here and is not replaced" in capsys.readouterr().err
        assert read.read_bytes() == content
