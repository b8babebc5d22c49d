import pytest

from hubel.base.names import did_you_mean, hint, listing, nearest, shortened


def test_lists_end_somewhere() -> None:
    assert listing("abc") == "a, b, c"
    assert listing(range(1500), 3) == "0, 1, 2 … (1,500)"
    assert listing([]) == ""


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("conv", "Conv2D"),
        ("MAXPOOL", "maxpool"),
        ("zzz", ""),
        ("", ""),
        ("maxpool" * 100_000, ""),
        ("maxpol", "maxpool"),
    ],
)
def test_the_name_that_was_meant(word: str, near: str) -> None:
    assert nearest(word, ["Conv2D", "maxpool", "Dense"]) == near


def test_only_what_is_alike_is_asked_after() -> None:
    assert did_you_mean("alpa", ["alpha", "beta"]) == "; did you mean 'alpha'?"
    assert did_you_mean("x", ["alpha", "beta"]) == ""


def test_a_hint_says_what_there_is() -> None:
    assert hint("alpa", ["alpha", "beta"]) == "; did you mean 'alpha'?"
    assert hint("x", ["alpha", "beta"]) == "; there are alpha, beta"
    assert hint("x", []) == ""


def test_long_texts_are_cut() -> None:
    assert [shortened(text, 4) for text in ("", "abcd", "abcde")] == ["", "abcd", "abc…"]
