"""A service on a real socket, in a thread of the tests' own process."""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.serve.run import bound_socket, server_of
from hubel.serve.settings import Settings
from hubel.tasks import save_model
from tests.work import HANG

CLASSES = ("cat", "dog", "hen")


def written_model(path, seed=0, preprocessing=None):
    """A model of three classes for 8×8 colour pictures, with weights of this seed."""
    torch.manual_seed(seed)
    network = parse("8x8x3: conv 4 3x3 same relu, flatten, dense 3 softmax")
    kind = preprocessing or Preprocessing(8, 8, 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))
    return save_model(path, network, build(network), preprocessing=kind, classes=CLASSES)


def picture(kind="PNG", size=(8, 8), seed=0):
    """A picture's file."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@contextmanager
def serving(settings):
    """The address of a service with these settings, which is stopped afterwards."""
    with bound_socket("127.0.0.1", 0) as bound:
        server = server_of(settings)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(HANG)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    return written_model(tmp_path_factory.mktemp("served") / "animals.safetensors")


@pytest.fixture(scope="session")
def address(model_file):
    """A service of one model called animals, with the usual settings."""
    with serving(Settings((("animals", str(model_file)),))) as found:
        yield found


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=HANG) as found:
        yield found
