"""Data that is not there: the words say what would be, for what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubel.base.errors import DataError
from hubel.tasks import load


@pytest.mark.parametrize(
    ("word", "meant"),
    [("atari:Pong", "ale:Pong"), ("Gymnasium:CarRacing-v3", "gym:CarRacing-v3"), ("atari:", "ale:NAME")],
)
def test_a_game_by_a_word_that_none_goes_by_is_told_its_own(word: str, meant: str) -> None:
    with pytest.raises(DataError, match="expected a game as minatar:NAME, ale:NAME") as told:
        load(word)
    assert f"did you mean {meant!r}?" in str(told.value)


def test_of_pictures_that_are_alike_neither_classes_nor_sounds_are_asked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected images \(.*\.webp\), found none") as told:
        load(tmp_path, task="synthesis")
    assert ".mp3" not in str(told.value)
    with pytest.raises(DataError, match=r"\.mp3.* in one folder for each class, found none"):
        load(tmp_path)
