"""Classes of unequal size: balanced in the loss or by sampling."""

import numpy as np
import pytest

from hubel.arch import parse
from hubel.data import BalancedOrder, Batches, Dataset, Splits
from hubel.train import evaluate, resume, train
from tests.train.quadrants import PLAIN, RECIPE, quadrants


def uneven(counts, seed=0):
    whole = quadrants(4 * max(counts) * 4, seed)
    chosen = [np.flatnonzero(whole.labels == label)[:count] for label, count in enumerate(counts)]
    return whole.take(np.concatenate(chosen))


@pytest.mark.parametrize(("power", "shares"), [(1.0, [25, 25, 25, 25]), (0.0, [90, 5, 4, 1]), (0.5, None)])
def test_each_epoch_has_the_classes_in_their_shares(power, shares):
    labels = uneven([90, 5, 4, 1]).labels
    order = BalancedOrder(3, labels, power)
    drawn = [np.bincount(labels[order.epoch(number)], minlength=4).tolist() for number in range(5)]
    assert all(each == drawn[0] for each in drawn)
    if shares is not None:
        assert drawn[0] == shares
    else:
        roots = np.sqrt([90, 5, 4, 1])
        assert np.abs(np.array(drawn[0]) - 100 * roots / roots.sum()).max() < 1


def test_no_example_comes_twice_before_all_of_its_class_have_come():
    labels = uneven([40, 7, 3, 0]).labels
    order = BalancedOrder(1, labels)
    seen = np.concatenate([order.epoch(number).numpy() for number in range(30)])
    times = np.bincount(seen, minlength=len(labels))
    for label in range(3):
        own = times[labels == label]
        assert own.max() - own.min() <= 1


def test_an_order_is_a_function_of_seed_epoch_and_labels():
    labels = uneven([40, 7, 3, 2]).labels
    first, again, other = BalancedOrder(1, labels), BalancedOrder(1, labels.copy()), BalancedOrder(2, labels)
    assert first.epoch(7).tolist() == again.epoch(7).tolist() != other.epoch(7).tolist()
    assert first.epoch(7).tolist() != first.epoch(8).tolist()


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_epoch_of_one(world):
    data = uneven([40, 7, 3, 2])
    order = BalancedOrder(1, data.labels)
    alone = [batch.targets.tolist() for batch in Batches(data, 8, 1, order=order).epoch(3)]
    shared = [
        [batch.targets.tolist() for batch in Batches(data, 8, 1, order=order, rank=rank, world=world).epoch(3)]
        for rank in range(world)
    ]
    assert [[label for part in parts for label in part] for parts in zip(*shared, strict=True)] == alone


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_rare_classes_are_found_where_they_would_be_missed(balance, tmp_path):
    splits = Splits(uneven([600, 8, 8, 8]), test=quadrants(400, 1))
    recipe = RECIPE.replace(epochs=3, learning_rate=0.01, label_smoothing=0.0)
    recalls = {}
    for how in ("none", balance):
        model = train(parse(PLAIN), splits, recipe.replace(balance=how), tmp_path / how).model()
        recalls[how] = min(each.recall for each in evaluate(model, splits.test).per_class)
    assert recalls[balance] > recalls["none"] + 0.2, recalls


def test_balanced_sampling_resumes_to_the_same_bits(tmp_path):
    splits = Splits(uneven([100, 30, 20, 10]))
    recipe = RECIPE.replace(balance="sampling", balance_power=0.7, checkpoint_seconds=0)
    train(parse(PLAIN), splits, recipe, tmp_path / "clean")
    files = [tmp_path / name / "model.safetensors" for name in ("clean", "stopped")]

    def leave(event):
        if getattr(event, "epoch", 0) == 1 and hasattr(event, "evaluated"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parse(PLAIN), splits, recipe, tmp_path / "stopped", progress=leave)
    resume(tmp_path / "stopped", splits)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_one_class_alone_needs_no_balance():
    data = Dataset(np.zeros((5, 8, 8, 1), np.uint8), np.zeros(5, np.int64), ("a", "b"))
    assert sorted(BalancedOrder(0, data.labels).epoch(0).tolist()) == [0, 1, 2, 3, 4]
