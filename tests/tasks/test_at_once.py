"""One model in many hands: threads and forked processes that ask it at one time, and copies."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.nn import build, drawing, evaluation_mode
from hubel.nn.modules import carrying, teaching, writer_of
from hubel.nn.modules.captioning import silence
from hubel.nn.modules.own import own_hook
from hubel.tasks import LoadedModel, load_model, predict, save_model
from tests.work import HANG

IMAGES = np.random.default_rng(0).integers(0, 255, (8, 8, 8, 1), dtype=np.uint8)


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    network = parse("8x8x1: conv 4 3x3 same, norm, relu, dropout 0.5, flatten, dropout 0.5, dense 3 softmax")
    torch.manual_seed(0)
    preprocessing = Preprocessing(8, 8, 1, mean=(0.5,), std=(0.2,))
    path = save_model(tmp_path / "m.safetensors", network, build(network), preprocessing=preprocessing, classes="abc")
    return load_model(path)


def modes(model: LoadedModel) -> list[bool]:
    return [part.training for part in model.module.modules()]


def test_eight_threads_ask_a_model_in_training_mode(model: LoadedModel) -> None:
    wanted = predict(model, IMAGES)
    model.module.train()
    next(part for part in model.module.modules() if isinstance(part, torch.nn.BatchNorm2d)).eval()  # a frozen one
    before, state = modes(model), copy.deepcopy(model.module.state_dict())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: predict(model, IMAGES), range(160)))
    assert all(torch.equal(each, wanted) for each in found)
    assert modes(model) == before
    assert all(torch.equal(value, state[name]) for name, value in model.module.state_dict().items())


def test_the_last_one_out_puts_the_mode_back(model: LoadedModel) -> None:
    model.module.train()
    first, second = evaluation_mode(model.module), evaluation_mode(model.module)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not any(modes(model))
    second.__exit__(None, None, None)
    assert all(modes(model))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_answer_as_the_model_does(model: LoadedModel, copied: Any) -> None:
    other = copied(model)
    assert torch.equal(predict(other, IMAGES), predict(model, IMAGES))
    assert (other.classes, other.preprocessing, str(other.network)) == (
        model.classes,
        model.preprocessing,
        str(model.network),
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forked processes")
@pytest.mark.filterwarnings("ignore:.*multi-threaded")
def test_a_forked_process_answers_whatever_its_parent_computed_or_held(model: LoadedModel) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        wanted = predict(model, IMAGES)
        torch.rand(2**20).exp()  # on all threads, of which a child has one
        held = threading.Thread(target=_fork_and_wait, args=(model, wanted, found := []))
        with drawing:  # which a child's only thread would wait for, too
            held.start()
            held.join()
    finally:
        torch.set_num_threads(threads)
    assert found == [0, 0]


def _fork_and_wait(model: LoadedModel, wanted: torch.Tensor, found: list[int]) -> None:
    torch.rand(2**20).exp()
    child = os.fork()
    if not child:
        signal.alarm(HANG // 10)
        torch.rand(2**20).exp()
        build(model.network)
        os._exit(0 if torch.equal(predict(model, IMAGES), wanted) else 3)
    found.append(os.waitpid(child, 0)[1])
    torch.rand(2**20).exp()  # the parent computes on
    found.append(int(not torch.equal(predict(model, IMAGES), wanted)))


@contextlib.contextmanager
def hooked(module: Any) -> Iterator[None]:
    heard: list[object] = []
    handle = module.register_forward_hook(own_hook(lambda *given: heard.append(given)))
    yield
    handle.remove()
    assert len(heard) == 1  # what this thread asked


@pytest.mark.parametrize(
    ("text", "inputs", "within"),
    [
        ("5x3: lstm 4, dense 2", torch.ones(2, 3, 5), carrying),
        ("9x3: conv1d 4 3 causal", torch.ones(2, 3, 9), carrying),
        ("8x8x3: flatten, dense 4, caption 5 4 6", torch.ones(2, 3, 8, 8), lambda module: silence(writer_of(module))),
        (
            "8x8x3: flatten, dense 4, caption 5 4 6",
            torch.ones(2, 3, 8, 8),
            lambda module: teaching(module, torch.ones(2, 1, 5, dtype=torch.int64)),
        ),
        ("8x8x3: flatten, dense 4", torch.ones(2, 3, 8, 8), hooked),
    ],
)
def test_what_one_thread_has_a_network_do_another_does_not_hear(text: str, inputs: Any, within: Any) -> None:
    torch.manual_seed(0)
    module = build(parse(text)).eval()
    with torch.inference_mode(), ThreadPoolExecutor(1) as pool:
        wanted = module(inputs)
        with within(module):
            module(inputs)  # what goes on has begun
            other = pool.submit(module, inputs).result()
            torch.testing.assert_close(other.detach(), wanted)  # that thread records gradients: other kernels
        assert torch.equal(module(inputs), wanted)
