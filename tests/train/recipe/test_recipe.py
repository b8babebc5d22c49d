import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubel.arch import parse
from hubel.train import Recipe, choose
from hubel.train.recipe.schedule import rate

recipes = st.builds(
    Recipe,
    epochs=st.floats(0.1, 100),
    batch_size=st.integers(1, 4096),
    optimizer=st.sampled_from(["adam", "adamw", "sgd", "muon"]),
    learning_rate=st.floats(1e-6, 10),
    schedule=st.sampled_from(["one-cycle", "cosine", "constant"]),
    warmup=st.floats(0, 1),
    label_smoothing=st.floats(0, 0.5),
    seed=st.integers(0, 2**63 - 1),
)


@given(recipes)
def test_toml_there_and_back_is_the_same_recipe(recipe):
    assert Recipe.from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rat": 0.1}, ["learning_rat", "did you mean 'learning_rate'"]),
        ({"zzz": 1}, ["zzz", "there are epochs"]),
        ({"optimizer": "adm"}, ["adam, adamw, sgd, muon", "did you mean 'adam'"]),
        ({"batch_size": 1.5}, ["batch_size as a whole number", "1.5"]),
        ({"batch_size": True}, ["batch_size as a whole number"]),
        ({"learning_rate": math.nan}, ["learning_rate"]),
        ({"learning_rate": "fast"}, ["learning_rate as a number", "'fast'"]),
        ({"label_smoothing": 1.0}, ["label_smoothing from 0 to 0.99"]),
        ({"batch_size": 0}, ["batch_size from 1"]),
        ({"epochs": 0}, ["epochs"]),
    ],
)
def test_a_wrong_setting_is_refused_with_what_would_be_right(settings, words):
    with pytest.raises(ValueError) as caught:
        Recipe.from_dict(settings)
    for word in words:
        assert word in str(caught.value)


def test_words_in_other_letters():
    recipe = Recipe.from_dict({"optimizer": "AdamW", "schedule": "Cosine"})
    assert (recipe.optimizer, recipe.schedule) == ("adamw", "cosine")


def test_whole_numbers_are_good_for_fractions():
    assert Recipe.from_toml("epochs = 3").epochs == 3.0


@given(recipes, st.integers(1, 500))
def test_the_rate_never_exceeds_its_peak_and_is_never_negative(recipe, steps):
    rates = [rate(recipe, step, steps) for step in range(steps)]
    assert all(0 <= each <= recipe.learning_rate * (1 + 1e-9) for each in rates)


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing():
    recipe = Recipe(learning_rate=1.0, warmup=0.25)
    rates = [rate(recipe, step, 1000) for step in range(1000)]
    assert rates.index(max(rates)) in range(245, 256)
    assert rates[0] < 0.05
    assert rates[-1] < 1e-5


def test_rules_give_normalised_networks_larger_steps_and_deep_plain_ones_smaller(splits):
    plain = choose(parse("8x8x1: flatten, dense 4 softmax"), splits.train)
    normed = choose(parse("8x8x1: conv 4 3x3, norm, relu, flatten, dense 4 softmax"), splits.train)
    deep = choose(parse("8x8x1: 9 * (conv 4 3x3 same relu), flatten, dense 4 softmax"), splits.train)
    assert deep.learning_rate < plain.learning_rate < normed.learning_rate
    assert len(splits.train) // plain.batch_size >= 20
