"""Tables of images: which columns are what, where the files are, and what is said of it."""

import re
from pathlib import Path

import pytest
from PIL import Image

from hubel.data import load
from tests.data.sources.tables import LABELS, labels, names, numbers, table, whole

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


def test_a_column_that_counts_the_rows_is_no_label(folder: Path) -> None:
    path = folder / "counted.csv"
    path.write_text("\n".join(f"{n},{name},{'ab'[n % 2]}" for n, name in enumerate(names())))
    assert load(path).train.classes == ("a", "b")
