"""Tables of images: which rows are of which part, and which of none."""

import re
from pathlib import Path

import pytest

from hubel.data import load
from tests.data.sources.tables import LABELS, names, numbers, table, whole

TRAIN = [0, 1, 2, 3]
PARTS: dict[str, tuple[str, list[list[str]], tuple[list[int], list[int], list[int]]]] = {
    "is_valid as words": ("is_valid", [["False"] * 4 + ["True"] * 2], (TRAIN, [4, 5], [])),
    "is_valid as numbers": ("is_valid", [["0"] * 4 + ["1"] * 2], (TRAIN, [4, 5], [])),
    "isValidation": ("isValidation", [["no"] * 4 + ["yes"] * 2], (TRAIN, [4, 5], [])),
    "is_test": ("is_test", [["0"] * 4 + ["1"] * 2], (TRAIN, [], [4, 5])),
    "test": ("test", [["f"] * 4 + ["t"] * 2], (TRAIN, [], [4, 5])),
    "is_train, as in CUB-200": ("is_training_image", [["1"] * 4 + ["0"] * 2], (TRAIN, [], [4, 5])),
    "two flags": ("is_val,is_test", [["0"] * 4 + ["1", "0"], ["0"] * 5 + ["1"]], (TRAIN, [4], [5])),
    "split": ("split", [["train"] * 4 + ["val", "test"]], (TRAIN, [4], [5])),
    "phase": ("phase", [["Training"] * 4 + ["Validation", "Testing"]], (TRAIN, [4], [5])),
    "Usage, as FER-2013": ("Usage", [["Training"] * 4 + ["PublicTest", "PrivateTest"]], (TRAIN, [], [4, 5])),
    "dataset": ("dataset", [["train_set"] * 4 + ["dev_set", "test_set"]], (TRAIN, [4], [5])),
    "partition": ("partition", [["trn"] * 4 + ["vali", "tst"]], (TRAIN, [4], [5])),
    "subset": ("subset", [["TRAIN"] * 4 + ["HOLDOUT", "TEST"]], (TRAIN, [4], [5])),
    "mode": ("mode", [["train"] * 4 + ["eval"] * 2], (TRAIN, [4, 5], [])),
    "any head": ("q7", [["train"] * 4 + ["test"] * 2], (TRAIN, [], [4, 5])),
    "fold": ("fold", [["1", "1", "2", "2", "3", "3"]], ([2, 3, 4, 5], [0, 1], [])),
    "cv": ("cv", [["0", "1", "1", "2", "2", "3"]], ([1, 2, 3, 4, 5], [0], [])),
    "CV_group": ("CV_group", [["1", "1", "2", "2", "3", "3"]], ([2, 3, 4, 5], [0, 1], [])),
    "cross-validation": ("cross-validation", [["1", "1", "2", "2", "3", "3"]], ([2, 3, 4, 5], [0, 1], [])),
    "kfold from 0": ("kfold", [["4", "2", "2", "3", "0", "0"]], (TRAIN, [4, 5], [])),
}


@pytest.mark.parametrize("how", PARTS)
def test_parts_are_found_by_heads_and_content(folder: Path, how: str) -> None:
    heads, columns, expected = PARTS[how]
    splits = load(table(folder, f"image,label,{heads}", names(), LABELS, *columns))
    assert (numbers(splits.train), numbers(splits.validation), numbers(splits.test)) == expected
    for head in heads.split(","):
        assert head in splits.notes[0]
    assert "not used" not in splits.notes[0]


def test_parts_without_heads(folder: Path) -> None:
    splits = load(table(folder, "", names(), LABELS, ["train"] * 4 + ["val"] * 2))
    assert (numbers(splits.train), numbers(splits.validation)) == (TRAIN, [4, 5])


SPLITS = {  # what a column holds beside the words of parts is never trained on
    "nothing": ("split", ["train", "train", "val", "val", "", ""], "split is empty (2)"),
    "extra": ("split", ["train", "train", "val", "val", "extra", "extra"], "split is extra (2); --parts train=extra,"),
    "a slip": ("subset", ["train", "train", "val", "val", "trian", "vla"], "subset is trian (1), vla (1); --parts"),
    "NaN": ("partition", ["Train", "Train", "VALID", "VALID", "NaN", "NaN"], "partition is NaN (2)"),
    "FER": ("Usage", ["Training", "Training", "PublicValid", "Validation", "Private", "?"], "Usage is ? (1), Private"),
    "a head that says nothing": ("q7", ["train", "train", "val", "val", "extra", "-"], "q7 is - (1), extra (1); "),
    "flags": ("is_valid", ["no", "no", "yes", "yes", "maybe", "?"], "is_valid is ? (1), maybe (1)"),
}


@pytest.mark.parametrize("how", SPLITS)
def test_rows_of_no_part_are_left_out(folder: Path, how: str) -> None:
    head, cells, said = SPLITS[how]
    splits = load(table(folder, f"image,label,{head}", names(), LABELS, cells))
    assert (numbers(splits.train), numbers(splits.validation), splits.test) == ([0, 1], [2, 3], None)
    assert splits.notes[1].startswith(f"left out: 2 rows of no part: {said}")
    assert "not used" not in splits.notes[0]


def test_folds_that_are_not_said_are_left_out(folder: Path) -> None:
    splits = load(table(folder, "image,label,fold", names(), LABELS, ["1", "1", "2", "2", "", "nan"]))
    assert (numbers(splits.train), numbers(splits.validation)) == ([2, 3], [0, 1])
    assert splits.notes[1] == "left out: 2 rows of no part: fold is empty (1), nan (1)"


def test_a_flag_that_a_program_left_empty_is_no(folder: Path) -> None:
    splits = load(table(folder, "image,label,is_test", names(), LABELS, ["nan"] * 3 + ["", "1.0", "1.0"]))
    assert (numbers(splits.train), numbers(splits.test)) == (TRAIN, [4, 5])


ASKED = {
    "numbers": ("set", ["0", "0", "0", "0", "1", "2"], "set holds 0 (4), 1 (1), 2 (1), none of which is called train"),
    "letters": ("subset", ["A", "A", "A", "A", "B", "B"], "say which is: --parts train=A,…, or --parts none to"),
    "abbreviations": (
        "split",
        ["tr", "tr", "tr", "tr", "te", "te"],
        "split holds te (2), tr (4), none of which is called train, val or test; say which is: --parts train=tr,",
    ),
    "a head of all parts": ("train_val_test", ["0", "0", "0", "0", "1", "2"], "train_val_test holds 0 (4), 1 (1), 2"),
    "its letters": ("tvt", ["tr", "tr", "tr", "tr", "va", "te"], "tvt holds te (1), tr (4), va (1), none of which"),
    "marks": ("train", ["x", "x", "x", "x", "", ""], "train holds empty (2), x (4), none of which is called train"),
    "a word of one part, any head": ("stage", ["fit"] * 4 + ["tune", "test"], "tune (1), of which test may name parts"),
    "training and another": ("mode", ["train"] * 4 + ["inference"] * 2, "of which train may name parts; say which is"),
    "rows in order, or held out": ("valid", ["1"] * 5 + ["0"], "valid is yes in 5 of 6 rows, which may be those for"),
    "a test part alone": ("split", ["", "", "", "", "test", "test"], "split holds test (2), and of no part empty (4)"),
    "mostly unknown": ("split", ["train", "a", "b", "c", "d", "e"], "split holds train (1), and of no part a (1), b"),
}


@pytest.mark.parametrize("how", ASKED)
def test_a_split_of_unknown_words_is_asked_about(folder: Path, how: str) -> None:
    head, cells, said = ASKED[how]
    path = table(folder, f"image,label,{head}", names(), LABELS, cells)
    with pytest.raises(ValueError, match=re.escape(said)):
        load(path)
    splits = load(path, parts="none")
    whole(splits)
    assert splits.notes[0].endswith(f"not used: {head}")


def test_parts_of_a_table_can_be_named_by_their_values(folder: Path) -> None:
    path = table(folder, "image,label,set", names(), LABELS, ["0", "0", "0", "1", "2", "9"])
    splits = load(path, parts="train=0,val=1,test=2")
    assert (numbers(splits.train), numbers(splits.validation), numbers(splits.test)) == ([0, 1, 2], [3], [4])
    assert splits.notes[1].startswith("left out: 1 row of no part: set is 9 (1)")
    path = table(folder, "image,label,split", names(), LABELS, ["train", "train", "extra", "extra", "test", ""])
    splits = load(path, parts="train=extra")
    assert (numbers(splits.train), numbers(splits.test)) == ([0, 1, 2, 3], [4])
    with pytest.raises(ValueError, match="expected a column that holds nowhere, found none"):
        load(path, parts="train=nowhere")
