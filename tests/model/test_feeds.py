"""Batches from generators, `Sequence` objects and DataLoaders."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from hubel.model.utils import Sequence
from tests.model.small import COUNT, compiled, pictures

X, Y = pictures()


def generator(size: int = 8, turns: int | None = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _ in itertools.count() if turns is None else range(turns):
        for at in range(0, COUNT, size):
            yield X[at : at + size], Y[at : at + size]


class Numbered(Sequence):
    def __init__(self) -> None:
        super().__init__(workers=2)
        self.asked: list[int] = []
        self.ended = 0

    def __len__(self) -> int:
        return math.ceil(COUNT / 8)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(index)
        return X[index * 8 : index * 8 + 8], Y[index * 8 : index * 8 + 8]

    def on_epoch_end(self) -> None:
        self.ended += 1


def test_every_source_of_the_same_batches_gives_the_same_figures() -> None:
    expected = compiled().fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history
    without_end = compiled().fit(generator(turns=None), steps_per_epoch=4, epochs=3, verbose=0).history
    numbered = compiled().fit(Numbered(), epochs=3, shuffle=False, verbose=0).history
    loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=8)
    loaded = compiled().fit(loader, epochs=3, verbose=0).history
    for found in (without_end, numbered, loaded):
        assert found["loss"] == pytest.approx(expected["loss"], abs=1e-6)


def test_a_sequence_is_asked_in_a_new_order_and_told_of_the_end() -> None:
    torch.manual_seed(0)
    source = Numbered()
    compiled().fit(source, epochs=3, verbose=0)
    epochs = [source.asked[at : at + 4] for at in (0, 4, 8)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert source.ended == 3


def test_evaluate_and_predict_take_them_too() -> None:
    model = compiled()
    expected = model.evaluate(X, Y)
    assert model.evaluate(generator()) == pytest.approx(expected, abs=1e-5)
    assert model.evaluate(Numbered()) == pytest.approx(expected, abs=1e-5)
    assert model.evaluate(generator(turns=None), steps=4) == pytest.approx(expected, abs=1e-5)
    assert model.predict(Numbered()) == pytest.approx(model.predict(X), abs=1e-6)
    assert model.predict(batch for batch, _ in generator()) == pytest.approx(model.predict(X), abs=1e-6)
    history = compiled().fit(X, Y, epochs=2, verbose=0, validation_data=Numbered()).history
    assert len(history["val_loss"]) == 2


def test_weights_come_with_the_batches() -> None:
    weights = np.linspace(0, 2, COUNT)
    threes = ((X[at : at + 8], Y[at : at + 8], weights[at : at + 8]) for at in range(0, COUNT, 8))
    expected = compiled().fit(X, Y, 8, sample_weight=weights, shuffle=False, verbose=0).history
    assert compiled().fit(threes, verbose=0).history["loss"] == pytest.approx(expected["loss"], abs=1e-6)


def test_data_that_ends_too_early_is_told() -> None:
    with pytest.warns(UserWarning, match="before epoch 2 of 3"):
        assert compiled().fit(generator(), epochs=3, verbose=0).epoch == [0]
    with pytest.warns(UserWarning, match="after 4 of an epoch's 9 steps"):
        compiled().fit(generator(), steps_per_epoch=9, verbose=0)
    with pytest.raises(ValueError, match="expected arrays with validation_split"):
        compiled().fit(generator(), validation_split=0.2)
    with pytest.raises(ValueError, match="inside what the generator gives"):
        compiled().fit(generator(), Y)
    used = generator()
    list(used)
    with pytest.raises(ValueError, match="expected examples to measure on, received none"):
        compiled().evaluate(used)
