"""What is taken for what, dense and by coordinates: the same counts."""

import numpy as np
import pytest
import torch

from hubel.tasks import confusion
from hubel.tasks.classification.confusion import Confusion, count_pairs


@pytest.mark.parametrize("classes", [4, 1000, 1001])
def test_counts_are_those_of_every_pair(classes):
    random = np.random.default_rng(0)
    true, called = (torch.from_numpy(random.integers(0, min(classes, 9), 500)) for _ in range(2))
    found = confusion(true, called, classes)
    expected = np.zeros((classes, classes), int)
    np.add.at(expected, (true.numpy(), called.numpy()), 1)
    assert len(found) == classes
    assert found[2] == tuple(expected[2])
    assert found[-1] == tuple(expected[-1])
    assert found[1:3] == tuple(map(tuple, expected[1:3]))
    assert found == tuple(map(tuple, expected))
    assert found != expected[:-1].tolist()
    assert [total.tolist() for total in found.totals()] == [
        expected.sum(1).tolist(), expected.sum(0).tolist(), expected.diagonal().tolist()
    ]  # fmt: skip
    assert found.cell(2, 1) == expected[2, 1]
    assert found.among(np.array([3, 0])).tolist() == expected[np.ix_([3, 0], [3, 0])].tolist()
    count, one, other = found.wrong()[0]
    assert count == expected[one, other] == (expected - np.diag(expected.diagonal())).max()


@pytest.mark.parametrize("classes", [3, 1001])
def test_counts_add_up_over_parts(classes):
    true, called = torch.tensor([0, 2, 2, 1, 0]), torch.tensor([0, 1, 1, 1, 2])
    parts = [count_pairs(true[part], called[part], classes) for part in (slice(0, 2), slice(2, 2), slice(2, 5))]
    assert Confusion(parts[0] + parts[1] + parts[2]) == confusion(true, called, classes)
    assert parts[0].is_sparse == (classes > 1000)


def test_plain_values_are_rows_or_the_pairs_that_came():
    true, called = torch.tensor([2, 0, 2]), torch.tensor([1, 0, 1])
    assert confusion(true, called, 3).data() == [[1, 0, 0], [0, 0, 0], [0, 2, 0]]
    many = confusion(true, called, 20_000)
    assert many.data() == {"classes": 20_000, "cells": [[0, 0, 1], [2, 1, 2]]}
    with pytest.raises(ValueError, match=r"at most 1,000 classes.*received 20,000"):
        many.dense()
