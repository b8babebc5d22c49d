"""Captions: figures against worked values, how sentences are read, what is refused in words."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hubel.base.errors import DataError
from hubel.data.captions.words import Words, sentence_of, words_of
from hubel.tasks import load
from hubel.tasks.caption.metrics import bleu, cider
from tests.tasks.caption_shapes import draw


def test_bleu_is_the_mean_of_clipped_shares_less_what_is_too_short() -> None:
    said, wanted = [["a", "b", "c", "d", "e"]], [[["a", "b", "c", "d", "f", "g"]]]
    shares = (4 / 5, 3 / 4, 2 / 3, 1 / 2)
    assert bleu(said, wanted) == pytest.approx(math.prod(shares) ** 0.25 * math.exp(1 - 6 / 5))
    assert bleu([["the", "the", "the", "the"]], [[["the", "cat", "is", "on", "the", "mat"]]]) == 0


def test_cider_is_ten_for_the_same_words_and_none_for_others() -> None:
    wanted = [[["a", "red", "cat", "sits"]], [["a", "blue", "dog", "runs"]]]
    assert cider([["a", "red", "cat", "sits"], ["a", "blue", "dog", "runs"]], wanted) == pytest.approx([10, 10])
    assert cider([["one", "two", "three", "four"]] * 2, wanted) == [0, 0]
    # "a" stands in both and weighs nothing; one word of three is right, no longer n-gram, and two words are missing
    half = cider([["red"], ["a"]], wanted)
    assert half == pytest.approx([10 / 4 / math.sqrt(3) * math.exp(-9 / 72), 0])


def test_words_are_cut_by_blanks_or_by_characters() -> None:
    assert words_of("Um cão, à esquerda: o guarda-chuva!") == ["um", "cão", "à", "esquerda", "o", "guarda-chuva"]
    assert words_of("两只猫 on top") == ["两", "只", "猫", "on", "top"]
    assert sentence_of(["两", "只", "猫", "on", "top"]) == "两只猫 on top"
    assert Words.of([["a", "b"], ["a"]], 2).words == ("a",)


def test_pictures_are_held_out_with_all_their_sentences_and_words_come_from_training(tmp_path: Path) -> None:
    source = draw(tmp_path / "told", 20)
    (source / "captions.csv").write_text(
        (source / "captions.csv").read_text() + '0.png," ... "\n1.png,' + "x" * 10_000 + "\n", encoding="utf-8"
    )
    splits = load(source, validation=0.25)
    notes = " ".join(splits.notes)
    assert splits.validation is not None
    assert len(splits.train) + len(splits.validation) == 20
    assert "1 caption without a word" in notes
    assert "1 word of more than 40 letters" in notes
    assert not set(splits.train.paths) & set(splits.validation.paths)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["image,caption", "0.png,a cat", "1.png,a cat"], "one for all 2 pictures, 'a cat'"),
        (["image,caption", "none.png,a cat", "no.png,a dog"], "none.png"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_words(tmp_path: Path, lines: list[str], why: str) -> None:
    source = draw(tmp_path / "told", 2)
    (source / "captions.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match=why):
        load(source).train.targets.check_training()
