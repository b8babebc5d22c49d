"""Tables of images: which columns are what, where the files are, and what is said of it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data import Dataset, Splits, load

LABELS = ["a", "b", "a", "b", "a", "b"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images, 0.png to 5.png, each of its own grey."""
    for number in range(6):
        Image.new("L", (8, 8), 10 * number).save(tmp_path / f"{number}.png")
    return tmp_path


def table(folder: Path, heads: str, *columns: list[str], name: str = "list.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [heads] if heads else []
    path.write_text("\n".join([*lines, *(",".join(row) for row in zip(*columns, strict=True))]) + "\n")
    return path


def names(pattern: str = "{}.png") -> list[str]:
    return [pattern.format(number) for number in range(6)]


def numbers(part: Dataset | None) -> list[int]:
    return [] if part is None else [int(image[0, 0, 0]) // 10 for image in part.images]


def labels(part: Dataset) -> list[str]:
    return [part.classes[label] for label in part.labels]


def whole(splits: Splits) -> None:
    assert numbers(splits.train) == [0, 1, 2, 3, 4, 5]
    assert labels(splits.train) == LABELS


HEADS = [
    ("path,label", "images from path, labels from label"),
    ("filename,species", "images from filename, labels from species"),
    ("image_id,tag", "images from image_id, labels from tag"),
    ("img,label_name", "images from img, labels from label_name"),
    ("File Name,Class Name", "images from File Name, labels from Class Name"),
    ("x,what", "images from x, labels from what"),
    ("photo,breed", "images from photo, labels from breed"),
    ("ImagePath,Diagnosis", "images from ImagePath, labels from Diagnosis"),
    ("id,y", "images from id, labels from y"),
    ("image,dx", "images from image, labels from dx"),
    ("FNAME,CATEGORY", "images from FNAME, labels from CATEGORY"),
]


@pytest.mark.parametrize(("heads", "said"), HEADS)
def test_columns_are_found_by_heads_and_content(folder: Path, heads: str, said: str) -> None:
    splits = load(table(folder, heads, names(), LABELS))
    whole(splits)
    assert splits.notes == (f"columns: {said}",)


def test_columns_in_any_order_and_those_that_are_not_used(folder: Path) -> None:
    path = table(folder, "id,width,species,file,class_id", names("{}"), ["8"] * 6, LABELS, names(), ["0", "1"] * 3)
    splits = load(path)
    whole(splits)
    assert splits.notes == ("columns: images from file, labels from species, not used: id, width, class_id",)
    path = table(folder, "", names(), LABELS)
    whole(load(path))


def test_columns_can_be_named(folder: Path) -> None:
    path = table(folder, "a,b,c,d", names(), LABELS, ["x"] * 6, names("{}.jpg"))
    with pytest.raises(ValueError, match=r"expected a column of labels, found b, c, d beside .*--label-column NAME"):
        load(path)
    whole(load(path, label_column="b"))
    whole(load(path, label_column="B", image_column="a"))
    with pytest.raises(ValueError, match="expected a column 'e', found a, b, c, d"):
        load(path, label_column="e")
    long = table(folder, "file,species,weight", names("{}.jpg"), LABELS, ["1"] * 6)
    with pytest.raises(ValueError, match=r"expected a column 'specie', .*; did you mean 'species'\?"):
        load(long, label_column="specie")


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


WHERE = {
    "bare names in a folder beside": ("photos/{}.png", "{}.png"),
    "without an ending": ("{}.png", "{}"),
    "without an ending, in a folder": ("photos/{}.png", "photos/{}"),
    "backslashes": ("photos/{}.png", "photos\\{}.png"),
    "another base": ("photos/{}.png", "/content/drive/photos/{}.png"),
    "another base, Windows": ("photos/{}.png", "C:\\data\\photos\\{}.png"),
    "a leading dot": ("photos/{}.png", "./photos/{}.png"),
    "another ending": ("photos/{}.png", "photos/{}.jpg"),
    "other letters' case": ("photos/{}.png", "Photos/{}.PNG"),
    "deep": ("data/raw/photos/{}.png", "photos/{}.png"),
}


@pytest.mark.parametrize("how", WHERE)
def test_images_are_found(folder: Path, tmp_path: Path, how: str) -> None:
    there, written = WHERE[how]
    base = tmp_path / "set"
    for number in range(6):
        path = base / there.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").rename(path)
    splits = load(table(base, "image,label", names(written), LABELS))
    whole(splits)
    if how not in ("backslashes", "a leading dot"):
        assert splits.notes[1].startswith(f"6 images found by name, such as {written.format(0)} at ")


def test_two_images_of_one_name_are_told_by_their_folders(tmp_path: Path) -> None:
    for number in range(6):
        path = tmp_path / "set" / LABELS[number] / f"{number // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 * number).save(path)
    there = [f"/other/{label}/{number // 2}.png" for number, label in enumerate(LABELS)]
    splits = load(table(tmp_path / "set", "image,label", there, LABELS))
    assert sorted(zip(numbers(splits.train), labels(splits.train), strict=True)) == [*enumerate(LABELS)]
    base = tmp_path / "set"
    either = f"6 images stand in several places, of which none is taken: 0.png may be {base}/a/0.png or {base}/b/0.png"
    with pytest.raises(ValueError, match=re.escape(either)):
        load(table(base, "image,label", [f"{n // 2}.png" for n in range(6)], LABELS))
    written = ["a/0.png", "b/0.png", "a/1.png", "b/1.png", "a/2.png", "2.png"]
    splits = load(table(base, "image,label", written, LABELS), bad_images="skip")
    assert len(splits.train) == 5
    assert splits.notes[1].startswith("1 image stands in several places, of which none is taken: 2.png may be ")


def test_images_lie_in_a_folder_that_can_be_named(folder: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    path = table(lists, "image,label", names(), LABELS)
    with pytest.raises(ValueError, match=rf"6 of 6 images are not there, such as '0\.png'; looked in {lists} and"):
        load(path)
    whole(load(path, image_folder=str(folder)))
    with pytest.raises(ValueError, match="expected --image-folder as a folder"):
        load(path, image_folder="nowhere")


def test_a_few_that_are_missing_are_named(folder: Path) -> None:
    path = table(folder, "image,label", [*names()[:5], "gone.png"], LABELS)
    with pytest.raises(ValueError, match=r"gone\.png: cannot be opened"):
        load(path)
    splits = load(path, bad_images="skip")
    assert len(splits.train) == 5
    assert splits.notes[1].startswith("1 image is not there (gone.png), looked in ")


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


def test_a_table_that_is_no_utf8_is_said(folder: Path) -> None:
    path = folder / "list.csv"
    path.write_bytes("".join(f"{n}.png,caf\xe9{n % 2}\n" for n in range(6)).encode("latin-1"))
    splits = load(path)
    assert splits.train.classes == ("caf\xe90", "caf\xe91")
    assert splits.notes[-1].startswith("read as Windows-1252, since line 1 is no UTF-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "expected rows such as .* found none in place 1"),
        ("{", "is not JSON"),
        ("[]", "expected rows such as"),
        ("5", "is not JSON"),
    ],
)
def test_json_that_holds_no_rows_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "list.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(folder / "list.json")


@pytest.mark.parametrize(("ending", "remedy"), [("xlsx", "save the table as CSV"), ("h5", "as .npz"), ("7z", "unpack")])
def test_formats_that_are_not_read_are_refused_with_a_remedy(tmp_path: Path, ending: str, remedy: str) -> None:
    (tmp_path / f"set.{ending}").write_bytes(b"x")
    with pytest.raises(ValueError, match=remedy):
        load(tmp_path / f"set.{ending}")


@pytest.mark.parametrize("text", ["golden retriever", "New York", "a, b and c", "b/w"])
def test_a_class_may_have_several_words(folder: Path, text: str) -> None:
    quoted = [f'"{text}"' if label == "a" else label for label in LABELS]
    assert set(load(table(folder, "image,label", names(), quoted)).train.classes) == {text, "b"}


ARRAYS = {
    "x_valid": ("x_train", "y_train", "x_valid", "y_valid", "validation"),
    "x_dev": ("x_train", "y_train", "x_dev", "y_dev", "validation"),
    "X_val": ("X_train", "Y_train", "X_val", "Y_val", "validation"),
    "dev_images": ("train_images", "train_labels", "dev_images", "dev_labels", "validation"),
    "images_test": ("images", "labels", "images_test", "labels_test", "test"),
    "xtest": ("xtrain", "ytrain", "xtest", "ytest", "test"),
    "test_x": ("train_x", "train_y", "test_x", "test_y", "test"),
    "testData": ("trainData", "trainTarget", "testData", "testTarget", "test"),
    "holdout": ("data", "target", "data_holdout", "target_holdout", "validation"),
    "test_set_x": ("train_set_x", "train_set_y", "test_set_x", "test_set_y", "test"),
}


@pytest.mark.parametrize("how", ARRAYS)
def test_parts_of_arrays_are_known_by_their_words(tmp_path: Path, how: str) -> None:
    x, y, other_x, other_y, part = ARRAYS[how]
    images = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    kinds = np.arange(6) % 2
    arrays = {x: images, y: kinds, other_x: images[:2], other_y: kinds[:2], "mean": np.zeros(3)}
    np.savez(tmp_path / "set.npz", **arrays)
    splits = load(tmp_path / "set.npz")
    assert {name: len(own) for name, own in splits.parts().items()} == {"train": 6, part: 2}
    assert splits.notes[1] == "not used: mean"


def test_an_array_without_its_labels_is_not_passed_over(tmp_path: Path) -> None:
    images = np.zeros((6, 4, 4), np.uint8)
    path = tmp_path / "set.npz"
    np.savez(path, x_train=images, y_train=np.zeros(6, int), x_dev=images[:4])
    assert load(path).notes == ("left out: x_dev, 4 images of the validation part without labels",)
    np.savez(path, x_train=images)
    with pytest.raises(ValueError, match="x_train is the images of train, and their labels are missing"):
        load(path)


ROWS: dict[str, tuple[np.ndarray, tuple[list[int], list[int], list[int]]]] = {
    "split": (np.array(["train"] * 4 + ["val", "test"]), ([0, 1, 2, 3], [4], [5])),
    "is_valid": (np.arange(6) > 3, ([0, 1, 2, 3], [4, 5], [])),
    "fold": (np.array([2, 2, 3, 3, 1, 1]), ([0, 1, 2, 3], [4, 5], [])),
}


@pytest.mark.parametrize("name", ROWS)
def test_an_array_may_say_the_part_of_each_image(tmp_path: Path, name: str) -> None:
    values, expected = ROWS[name]
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.full((1, 4, 4), 10, np.uint8)
    path = tmp_path / "set.npz"
    np.savez(path, images=images, labels=np.arange(6) % 2, class_names=np.array(["a", "b"]), **{name: values})
    splits = load(path)
    assert (numbers(splits.train), numbers(splits.validation), numbers(splits.test)) == expected
    assert splits.train.classes == ("a", "b")
    assert name in splits.notes[0]
    assert numbers(load(path, parts="none").train) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("nothing", ["", "nan", float("nan")])
def test_images_without_a_label_are_left_out_of_arrays(tmp_path: Path, nothing: object) -> None:
    labels = np.array([nothing, "1", "0"] if isinstance(nothing, str) else [nothing, 1, 0])
    np.savez(tmp_path / "set.npz", images=np.zeros((3, 4, 4), np.uint8), labels=labels)
    splits = load(tmp_path / "set.npz")
    assert (splits.train.classes, splits.train.labels.tolist()) == (("0", "1"), [1, 0])
    assert splits.notes == ("left out: 1 image without a label",)


TEXTS = {
    "UTF-16, as spreadsheets write it": "file\tspecies\n" + "".join(f"{n}.png\t{LABELS[n]}\n" for n in range(6)),
    "a line that says the separator": "sep=;\nfile;species\n" + "".join(f"{n}.png;{LABELS[n]}\n" for n in range(6)),
    "spaces": "".join(f"{n}.png {LABELS[n]}\n" for n in range(6)),
    "an index without a head": ",file,species\n" + "".join(f"{n},{n}.png,{LABELS[n]}\n" for n in range(6)),
    "numbers of images": "id,label\n" + "".join(f"{n},{LABELS[n]}\n" for n in range(6)),
    "lines that end as on Windows": "file,label\r\n" + "".join(f"{n}.png,{LABELS[n]}\r\n" for n in range(6)),
    "bars": "file|label\n" + "".join(f"{n}.png|{LABELS[n]}\n" for n in range(6)),
    "a head that NumPy wrote": "# file,label\n" + "".join(f"{n}.png,{LABELS[n]}\n" for n in range(6)),
    "a comment": "# of today\nfile,label\n" + "".join(f"{n}.png,{LABELS[n]}\n" for n in range(6)),
    "heads that say nothing": "a,b\n" + "".join(f"{n},{LABELS[n]}\n" for n in range(6)),
    "lines of JSON": "".join(f'{{"file": "{n}.png", "label": "{LABELS[n]}"}}\n' for n in range(6)),
    "a list in JSON": "[" + ",".join(f'{{"any": "{n}.png", "b": "{LABELS[n]}"}}' for n in range(6)) + "]",
    "quotes": "file,label\n" + "".join(f'"{n}.png","{LABELS[n]}"\n' for n in range(6)),
}


@pytest.mark.parametrize("how", TEXTS)
def test_tables_as_programs_write_them(folder: Path, how: str) -> None:
    ending = {"spaces": "txt", "lines of JSON": "jsonl", "a list in JSON": "json"}.get(how, "csv")
    path = folder / f"list.{ending}"
    path.write_bytes(TEXTS[how].encode("utf-16" if how.startswith("UTF-16") else "utf-8"))
    whole(load(path))


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


def test_classes_that_differ_only_in_case_are_told(folder: Path) -> None:
    splits = load(table(folder, "image,label", names(), ["red", "RED", "blue", "Blue", "red", "green"]))
    assert len(splits.train.classes) == 5
    told = "classes that differ only in letters' case or spaces: Blue and blue, RED and red"
    assert splits.notes[1] == told


@pytest.mark.parametrize("head", ["image,label\n", ""])
def test_more_cells_than_columns_are_refused_with_the_line(folder: Path, head: str) -> None:
    path = folder / "more.csv"
    lines = [f"{name},cat" for name in names()]
    lines[3] += ",dog"
    path.write_text(head + "\n".join(lines))
    line = 5 if head else 4
    with pytest.raises(ValueError, match=rf"line {line}: expected 2 cells, .*received 3 .*stands in quotes"):
        load(path)
    path.write_text(head + "\n".join(f"{name},{'ab'[n % 2]}," for n, name in enumerate(names())))
    assert load(path).train.classes == ("a", "b")


def test_a_label_that_stands_once_in_a_list_is_asked_about_too(folder: Path) -> None:
    path = table(folder, "image,label", names(), ["red", "red;violet", "red", "green", "red", "green"])
    with pytest.raises(ValueError, match=r"several labels in a cell \('red;violet'\)"):
        load(path)


def test_a_column_that_counts_the_rows_is_no_label(folder: Path) -> None:
    path = folder / "counted.csv"
    path.write_text("\n".join(f"{n},{name},{'ab'[n % 2]}" for n, name in enumerate(names())))
    assert load(path).train.classes == ("a", "b")
