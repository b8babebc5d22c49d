"""Folders whose parts and classes somebody names."""

from pathlib import Path

import pytest

from hubel.data import load
from tests.data.sources.folders import TRAIN_TEST, TRAIN_VAL, make, parts


def test_parts_can_be_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "one/a", "one/b", "two/a", "two/b", "three/a")
    splits = load(folder, parts="train=one,test=two")
    assert parts(splits) == TRAIN_TEST
    assert "left out: three (2), of no part" in splits.notes[-1]
    inside = make(tmp_path / "inside", "a/x", "a/y", "b/x", "b/y")
    assert parts(load(inside, parts="train=x,val=y")) == TRAIN_VAL
    toys = make(tmp_path / "toys", "train/steam", "train/diesel", "bus", "test")
    assert parts(load(toys, parts="none")) == {"train": {"bus": 2, "test": 2, "train": 4}}
    two = make(tmp_path / "two", "train", "test")
    assert parts(load(two, parts="none")) == {"train": {"test": 2, "train": 2}}
    for wrong in ("some", "train", "traim=one", "train="):
        with pytest.raises(ValueError, match="expected parts as auto, none, or train=FOLDER"):
            load(folder, parts=wrong)
    with pytest.raises(ValueError, match=r"expected a folder 'four', found one, three, two"):
        load(folder, parts="train=one,test=four")


PATTERNS = {
    "{label}_{number}": ("cat_001.png", "dog_001.png", "great_dane_12.png", {"cat": 1, "dog": 1, "great_dane": 1}),
    "{label}.{number}": ("cat.0.png", "cat.1.png", "dog.12.png", {"cat": 2, "dog": 1}),
    "{label}-*": ("cat-a b.png", "cat-x.png", "dog-.png", {"cat": 2, "dog": 1}),
    "*_{label}": ("001_cat.png", "2_dog.png", "x_y_dog.png", {"cat": 1, "dog": 2}),
    "{label} ({number})": ("cat (1).png", "cat (2).png", "dog (3).png", {"cat": 2, "dog": 1}),
    "{label}{number}": ("cat1.png", "cat20.png", "dog3.png", {"cat": 2, "dog": 1}),
    "{number}_{label}_*": ("0_cat_a.png", "12_dog_b.png", "3_dog_c.png", {"cat": 1, "dog": 2}),
    "{label}/*/*": ("cat/may/1.png", "dog/may/1.png", "dog/june/1.png", {"cat": 1, "dog": 2}),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_names_can_say_the_class(tmp_path: Path, pattern: str) -> None:
    *tree, expected = PATTERNS[pattern]
    splits = load(make(tmp_path / "set", *map(str, tree)), labels=pattern)
    assert parts(splits) == {"train": expected}
    assert splits.notes[0].startswith(f"classes by file names, {pattern}: cat (")


def test_names_say_the_class_in_each_part_and_what_fits_not_is_left_out(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "train/cat_1.png", "train/dog_1.png", "test1/cat_2.png", "test1/x.png")
    splits = load(folder, labels="{label}_{number}")
    assert parts(splits) == {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1}}
    assert "test1 is test" in splits.notes[1]
    assert splits.notes[2].startswith("left out: 1 image whose names do not fit {label}_{number} (")
    with pytest.raises(ValueError, match=r"expected file names such as '\{label\}-\{number\}', found cat_2\.png"):
        load(folder, labels="{label}-{number}")
    with pytest.raises(ValueError, match=r"expected labels as a pattern with \{label\} in it"):
        load(folder, labels="cat_*")


def test_what_is_said_for_nothing_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "a", "b")
    with pytest.raises(ValueError, match=r"is a folder, for which --label-column x means nothing"):
        load(folder, label_column="x")
    with pytest.raises(ValueError, match=r"mnist: is no folder and no table, for which --parts none means nothing"):
        load("mnist", parts="none")
    with pytest.raises(ValueError, match=r"received 'part'.*parts"):
        load(folder, part="none")


def test_folders_of_years_can_be_read_by_their_inner_folders(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "2019/a", "2019/b", "2020/a", "2020/b")
    assert parts(load(folder, labels="*/{label}/*")) == {"train": {"a": 4, "b": 4}}
    assert parts(load(folder, parts="none")) == {"train": {"2019": 4, "2020": 4}}
    assert parts(load(folder, parts="train=2019,test=2020")) == TRAIN_TEST


def test_what_is_asked_of_folders_in_parts_can_be_answered(tmp_path: Path) -> None:
    years = make(tmp_path / "years", "1/train/a", "1/train/b", "2/train/a", "2/train/b", "2/test/a", "2/test/b")
    inner = load(years, labels="*/{label}/*")
    assert parts(inner) == {"train": {"a": 4, "b": 4}, "test": {"a": 2, "b": 2}}
    assert inner.notes[1] == "parts by folder: train is train, test is test"
    assert parts(load(years, labels="*/{label}/*", parts="none")) == {"train": {"a": 6, "b": 6}}
    outer = load(years, parts="train=train,test=test")
    assert parts(outer) == {"train": {"1": 4, "2": 4}, "test": {"2": 4}}
    assert "the folders in them are not told apart (a, b)" in outer.notes[1]
