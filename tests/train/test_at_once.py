"""Trainings in threads of one process: each as if it were alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.data import Dataset, Splits
from hubel.nn import build, own_randomness
from hubel.nn.threads import usual_threads
from hubel.train import Recipe, train

NETWORK = parse("8x8x1: conv 4 3x3 same, norm, relu, dropout 0.5, flatten, dropout 0.5, dense 4")


def trained(folder, number):
    """The weights of a training of its own seed, data and number of threads."""
    pixels = np.random.default_rng(number).integers(0, 255, (96, 8, 8, 1), dtype=np.uint8)
    splits = Splits(train=Dataset(pixels, np.arange(96) % 4, tuple("abcd"), name=f"set {number}"))
    recipe = Recipe(epochs=2, seed=number, threads=1 + number % 2, batch_size=16, device="cpu", precision="float32")
    return train(NETWORK, splits, recipe, folder / str(number)).model().module.state_dict()


def test_four_at_one_time_end_as_one_after_the_other(tmp_path):
    alone, threads = [trained(tmp_path / "alone", number) for number in range(4)], torch.get_num_threads()
    with ThreadPoolExecutor(5) as pool:
        others = pool.submit(lambda: [build(NETWORK) for _ in range(50)])  # which draws random weights
        beside = list(pool.map(lambda number: trained(tmp_path / "beside", number), range(4)))
        others.result()
    for one, other in zip(alone, beside, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == threads == usual_threads()


def test_what_is_drawn_aside_is_not_seen():
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    with own_randomness(1):
        first = torch.rand(3)
    assert torch.equal(torch.rand(3), wanted)
    with own_randomness(1), pytest.raises(RuntimeError), own_randomness(2):
        raise RuntimeError
    with own_randomness(1):
        assert torch.equal(torch.rand(3), first)
