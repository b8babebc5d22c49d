"""Weights from an address: asked for once, with a line of how far it is where someone looks."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks import save_model
from hubel.view.terminal import with_progress

TEXT = "8x8x1: flatten, dense 2 softmax"


class Quiet(http.server.SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    network, served = parse(TEXT), tmp_path / "served"
    preprocessing = Preprocessing(8, 8, 1, (0.0,), (1.0,))
    file = save_model(served / "m", network, build(network), preprocessing=preprocessing, classes=("0", "1"))
    name = f"m-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}.safetensors"
    file.rename(served / name)
    Quiet.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{found.server_address[1]}/{name}"
        found.shutdown()
        thread.join()


def test_training_goes_on_from_an_address(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = np.zeros((32, 8, 8), np.uint8), np.arange(32) % 2
    np.savez(tmp_path / "few.npz", x_train=images, y_train=labels)
    train = ["train", TEXT, str(tmp_path / "few.npz"), "--weights", address, "--epochs", "1", "--no-report"]
    assert main([*train, "--run", str(tmp_path / "run")]) == 0
    assert main([*train, "--run", str(tmp_path / "again")]) == 0
    assert len(Quiet.asked) == 1
    assert main([*train, "--weights", address + "x", "--run", str(tmp_path / "none")]) == 2
    assert "404" in capsys.readouterr().err


def test_progress_is_for_those_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_progress("reading", lambda show: show) is None
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes that for a terminal
    show = with_progress("reading", lambda show: show)
    assert show is not None
    show("reading files", 5, 10)
