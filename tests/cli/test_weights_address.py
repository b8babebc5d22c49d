"""Weights from an address: asked for once, with a line of how far it is where someone looks."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hubel import zoo
from hubel.arch import parse
from hubel.base.download import Download
from hubel.cli import main
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks import save_model
from hubel.train import Run
from hubel.view.words.terminal import with_progress
from hubel.zoo._weights import IMAGENET

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
    with_progress("reading", lambda show: show)("reading files", 5, 10)  # so soon nothing is said
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes that for a terminal
    with_progress("reading", lambda show: show("reading files", 5, 10))


def test_imagenet_means_weights_of_that_network(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(IMAGENET, "tiny", address)
    monkeypatch.setattr("hubel.train._fitting.named", lambda network, given: dataclasses.replace(network, name="tiny"))
    images, labels = np.zeros((32, 8, 8), np.uint8), np.arange(32) % 2
    np.savez(tmp_path / "few.npz", x_train=images, y_train=labels)
    train = ["train", TEXT, str(tmp_path / "few.npz"), "--weights", "imagenet", "--epochs", "1", "--no-report"]
    assert main([*train, "--run", str(tmp_path / "run")]) == 0
    assert (tmp_path / "cache" / "weights").is_dir()
    assert Run.open(tmp_path / "run").recipe.weights == address
    monkeypatch.setitem(IMAGENET, "tiny", "http://127.0.0.1:9/away-12345678.pth")
    assert main([*train, "--run", str(tmp_path / "none")]) == 2
    told = capsys.readouterr().err
    assert "http://127.0.0.1:9/away-12345678.pth" in told
    assert str(tmp_path / "cache" / "weights" / "12345678-away-12345678.pth") in told
    assert not (tmp_path / "none").exists()


def test_networks_without_weights_are_told_which_have_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "few.npz", x_train=np.zeros((8, 8, 8), np.uint8), y_train=np.arange(8) % 2)
    assert main(["train", TEXT, str(tmp_path / "few.npz"), "--weights", "imagenet"]) == 2
    assert "no weights trained on ImageNet are known for network; there are some for alexnet_owt, vgg11" in (
        capsys.readouterr().err
    )


def test_every_address_is_of_a_network_and_carries_its_digest() -> None:
    assert set(IMAGENET) <= set(zoo.names())
    for name, found in IMAGENET.items():
        assert Download(found, f"sha256:{found[-12:-4]}").name == found.rpartition("/")[2]
        assert zoo.imagenet_weights(name.upper()) == found
