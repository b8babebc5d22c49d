"""Tables of images: what their labels mean."""

import json
from pathlib import Path

import pytest
from PIL import Image

from hubel.data import load
from tests.data.sources.tables import LABELS, labels, names, table


@pytest.mark.parametrize("nothing", ["", "NaN", "nan", "null", "<NA>", "n/a", "  "])
def test_rows_without_a_label_are_left_out(folder: Path, nothing: str) -> None:
    splits = load(table(folder, "image,label", names(), [*LABELS[:4], nothing, nothing]))
    assert labels(splits.train) == LABELS[:4]
    assert splits.notes[1] == "left out: 2 rows without a label"
    with pytest.raises(ValueError, match="found 6 rows without a label"):
        load(table(folder, "image,label", names(), [nothing] * 6))


def test_numbers_that_gaps_made_fractions_are_whole(folder: Path) -> None:
    splits = load(table(folder, "image,label", names(), ["1.0", "0.0", "", "1.0", "0.0", "2.0"]))
    assert splits.train.classes == ("0", "1", "2")


def test_one_column_a_class(folder: Path) -> None:
    heads = "image,MEL,NV,BCC"
    splits = load(table(folder, heads, names(), ["1.0", "0.0"] * 3, ["0.0", "1.0"] * 3, ["0.0"] * 6))
    assert labels(splits.train) == ["MEL", "NV"] * 3
    assert splits.notes == ("columns: images from image, classes are the columns MEL, NV, BCC",)
    with pytest.raises(ValueError, match=r"MEL, NV, BCC say of every image which of several labels it has"):
        load(table(folder, heads, names(), ["1"] * 6, ["1", "0"] * 3, ["0"] * 6))


OTHER_KINDS = {
    "spaces": (["haze", "haze clear", "clear", "haze", "clear", "clear"], r"several labels in a cell \('haze clear'\)"),
    "bars": (["cat", "cat|dog", "dog", "cat", "dog", "dog"], r"several labels in a cell \('cat\|dog'\)"),
    "semicolons, each label once": (["x;y", "z", "z"] * 2, r"several labels in a cell \('x;y'\)"),
    "semicolons": (["x;y", "x", "y", "x;y", "x", "y"], r"several labels in a cell \('x;y'\)"),
    "fractions": (
        ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"],
        r"6 different numbers from 0\.1 to 0\.6; say what they are: --task regression",
    ),
    "a list of Python's": (["\"['x', 'y']\"", "['x']", "['y']"] * 2, r"several labels in a cell"),
    "a list of JSON's": (['"[""x"", ""y""]"', '"[""x""]"', '"[""y""]"'] * 2, r"several labels in a cell"),
    "and": (["x and y", "x", "y"] * 2, r"several labels in a cell \('x and y'\)"),
    "percent": (["10%", "20 %", "5%"] * 2, r"10%, 20 %, 5%, which are no names; .* --task regression"),
    "prices": (["$5", "$6", "$7.50"] * 2, r"\$5, \$6, \$7\.50, which are no names"),
    "days": (["2024-01-05", "2024-01-06", "2025-01-05"] * 2, r"2024-01-05, .* which are no names"),
    "negative": (["-1", "0", "1", "-1", "0", "1"], r"3 different numbers from -1 to 1"),
}


@pytest.mark.parametrize("how", OTHER_KINDS)
def test_lists_and_numbers_are_asked_about(folder: Path, how: str) -> None:
    given, message = OTHER_KINDS[how]
    path = table(folder, "image,label", names(), given)
    with pytest.raises(ValueError, match=rf"label holds {message}.*--label-kind class takes every different value"):
        load(path)
    assert len(load(path, label_kind="class").train.classes) == len(set(given))


def test_ages_are_numbers_and_digits_are_classes(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    ages = [str(18 + 2 * number) for number in range(40)]
    with pytest.raises(ValueError, match="40 different numbers from 18 to 96"):
        load(table(tmp_path, "image,age", ["0.png"] * 40, ages))
    classes = [str(number) for number in range(40)]
    assert len(load(table(tmp_path, "image,label", ["0.png"] * 40, classes)).train.classes) == 40


def test_whole_numbers_are_classes_where_their_head_says_so(folder: Path) -> None:
    ratings = ["1", "2", "3"] * 2
    with pytest.raises(ValueError, match=r"rating holds 3 different numbers from 1 to 3; .*--task regression"):
        load(table(folder, "image,rating", names(), ratings))
    with pytest.raises(ValueError, match=r"of tips holds 6 different numbers"):
        load(table(folder, "image,of tips", names(), names("{}")))
    said = "emotion holds 3 different numbers from 1 to 3, each taken for a class; --task regression learns numbers"
    assert load(table(folder, "image,emotion", names(), ratings)).notes[1] == said
    assert len(load(table(folder, "image,label", names(), ratings)).notes) == 1


def test_several_labels_of_a_plural_head_are_asked_about_though_one_stands_once(folder: Path) -> None:
    cells = ["haze", "haze cloud rain", "cloud", "haze", "cloud", "haze"]
    with pytest.raises(ValueError, match=r"tags holds several labels in a cell \('haze cloud rain'\)"):
        load(table(folder, "image,tags", names(), cells))
    assert len(load(table(folder, "image,kind of sky", names(), cells)).train.classes) == 3


def test_commas_between_thousands_are_told_from_points(folder: Path) -> None:
    def read(*cells: str) -> list[float]:
        path = table(folder, "image,price", names()[: len(cells)], [f'"{cell}"' for cell in cells])
        texts = [json.loads(label) for label in labels(load(path, label_kind="numbers").train)]
        return [text["price"] for text in texts]

    assert read("1,234.5", "2,000") == [1234.5, 2000]
    assert read("1,234,567", "1,000") == [1234567, 1000]
    assert read("1,5", "1,234") == [1.5, 1.234]
    with pytest.raises(ValueError, match=r"price holds '1,234', which may be 1234 or 1\.234; write numbers"):
        read("1,234", "12")


def test_labels_that_may_say_nothing_are_told(folder: Path) -> None:
    splits = load(table(folder, "image,label", names(), ["a", "None", "?", "b", "#N/A", "unknown"]))
    assert splits.notes[1] == "left out: 1 row without a label"
    assert splits.notes[2].startswith("taken for classes: None (1), ? (1), unknown (1); where these say that nothing")


@pytest.mark.parametrize("text", ["golden retriever", "New York", "a, b and c", "b/w"])
def test_a_class_may_have_several_words(folder: Path, text: str) -> None:
    quoted = [f'"{text}"' if label == "a" else label for label in LABELS]
    assert set(load(table(folder, "image,label", names(), quoted)).train.classes) == {text, "b"}


def test_classes_that_differ_only_in_case_are_told(folder: Path) -> None:
    splits = load(table(folder, "image,label", names(), ["red", "RED", "blue", "Blue", "red", "green"]))
    assert len(splits.train.classes) == 5
    told = "classes that differ only in letters' case or spaces: Blue and blue, RED and red"
    assert splits.notes[1] == told


def test_a_label_that_stands_once_in_a_list_is_asked_about_too(folder: Path) -> None:
    path = table(folder, "image,label", names(), ["red", "red;violet", "red", "green", "red", "green"])
    with pytest.raises(ValueError, match=r"several labels in a cell \('red;violet'\)"):
        load(path)
