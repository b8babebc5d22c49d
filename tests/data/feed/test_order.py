import subprocess
import sys

import torch
from hypothesis import given
from hypothesis import strategies as st

from hubel.data import Order, batch

FIXED = [1, 8, 9, 3, 6, 5, 0, 7, 4, 2]


@given(seed=st.integers(-(2**70), 2**70), size=st.integers(0, 200), epoch=st.integers(0, 2**40))
def test_every_epoch_is_a_permutation(seed: int, size: int, epoch: int) -> None:
    order = Order(seed, size).epoch(epoch)
    assert order.dtype == torch.int64
    assert order.sort().values.tolist() == list(range(size))


def test_the_order_is_the_same_on_every_machine_for_good() -> None:
    assert Order(0, 10).epoch(0).tolist() == FIXED
    code = "from hubel.data import Order; print(Order(0, 10).epoch(0).tolist())"
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert other.stdout.strip() == str(FIXED)


def test_seed_and_epoch_each_change_the_order() -> None:
    orders = [Order(seed, 1000).epoch(epoch) for seed in range(3) for epoch in range(3)]
    for first in range(9):
        for second in range(first):
            agreeing = int((orders[first] == orders[second]).sum())
            assert agreeing < 10, (first, second)


def test_every_example_comes_at_every_place() -> None:
    places = torch.stack([Order(7, 8).epoch(epoch) for epoch in range(4000)])
    for place in range(8):
        counts = torch.bincount(places[:, place], minlength=8)
        assert counts.min() > 400, (place, counts)  # 500 expected
        assert counts.max() < 600, (place, counts)


def test_a_batch_is_what_lies_at_the_indices() -> None:
    images = torch.arange(5 * 2 * 2 * 1, dtype=torch.uint8).reshape(5, 2, 2, 1)
    labels = torch.tensor([4, 3, 2, 1, 0])
    taken, names = batch(images, labels, torch.tensor([3, 3, 0]))
    assert names.tolist() == [1, 1, 4]
    assert taken[:, 0, 0, 0].tolist() == [12, 12, 0]
