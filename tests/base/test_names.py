import pytest

from hubel.base.names import did_you_mean, hint, listing, near_path, nearest, shortened


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


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("resnet51", "resnet50"),
        ("resnet40", "resnet44"),
        ("vgg15", "vgg16"),
        ("ResNet-19", "resnet18"),
        ("vgg16_b", "vgg16_bn"),
    ],
)
def test_of_names_that_differ_by_a_number_the_nearest_number(word: str, near: str) -> None:
    known = ["vgg13", "vgg16", "vgg16_bn", "vgg19", *(f"resnet{number}" for number in (18, 32, 44, 50, 56, 110, 152))]
    assert nearest(word, known) == near


def test_what_lies_where_a_path_leads_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert near_path("photoz") == "; did you mean 'photos'?"
    assert near_path(f"{tmp_path}/phots/") == f"; did you mean {str(tmp_path / 'photos')!r}?"
    assert near_path("nothing/photos") == near_path("zzz") == ""


def test_only_what_is_alike_is_asked_after() -> None:
    assert did_you_mean("alpa", ["alpha", "beta"]) == "; did you mean 'alpha'?"
    assert did_you_mean("x", ["alpha", "beta"]) == ""


def test_a_hint_says_what_there_is() -> None:
    assert hint("alpa", ["alpha", "beta"]) == "; did you mean 'alpha'?"
    assert hint("x", ["alpha", "beta"]) == "; there are alpha, beta"
    assert hint("x", []) == ""


def test_long_texts_are_cut() -> None:
    assert [shortened(text, 4) for text in ("", "abcd", "abcde")] == ["", "abcd", "abc…"]
