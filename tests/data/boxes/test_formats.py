"""One set of boxes in every format: what is read is the same, and what the data is says the task."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data.boxes.targets import AREA, CLASS, Boxes
from hubel.tasks import load
from tests.data.boxes import scenes

TABLES = {
    "filename,width,height,class,xmin,ymin,xmax,ymax": lambda image, name, x, y, u, v: (
        image,
        64,
        48,
        name,
        x,
        y,
        u,
        v,
    ),
    "image_path,x1,y1,x2,y2,label": lambda image, name, x, y, u, v: (f"images/{image}", x, y, u, v, name),
    "": lambda image, name, x, y, u, v: (f"images/{image}", x, y, u, v, name),
    "image_id,x,y,w,h,category": lambda image, name, x, y, u, v: (image[:-4], x, y, u - x, v - y, name),
    "image,box,label": lambda image, name, *edges: (image, list(edges), name),
    "image,width,height,bbox,label": lambda image, name, x, y, u, v: (image, 64, 48, [x, y, u - x, v - y], name),
    "ImageID,LabelName,XMin,XMax,YMin,YMax": lambda image, name, x, y, u, v: (
        image[:-4],
        name,
        x / 64,
        u / 64,
        y / 48,
        v / 48,
    ),
    "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height": lambda image, name, x, y, u, v: (  # noqa: E501
        name,
        x,
        y,
        u - x,
        v - y,
        image,
        64,
        48,
    ),
    "file,x_center,y_center,w,h,class": lambda image, name, x, y, u, v: (
        image,
        (x + u) / 2,
        (y + v) / 2,
        u - x,
        v - y,
        name,
    ),
}


def read(root: Path) -> Boxes:
    splits = load(root, size=(48, 64))
    assert splits.train.targets.task == "detection"
    assert not splits.rejected
    return splits.train.targets


def same(found: Boxes, names=scenes.NAMES) -> None:
    """The boxes are those of the scenes, class by class."""
    for rows, wanted in zip(found.rows, scenes.wanted(), strict=True):
        own = rows[1:][rows[1:, CLASS] >= 0]
        assert [found.classes[int(kind)] for kind in own[:, CLASS]] == [names[kind] for kind, *_ in wanted]
        np.testing.assert_allclose(own[:, :4] * [64, 48, 64, 48], [edges for _, *edges in wanted], atol=1e-3)
        np.testing.assert_allclose(own[:, AREA], [(u - x) * (v - y) for _, x, y, u, v in wanted], rtol=1e-3)


def test_coco_keeps_the_numbers_of_its_classes_in_their_order(tmp_path):
    found = read(scenes.coco(tmp_path / "set"))
    assert (found.classes, found.ids) == (("bar", "disc"), (3, 7))
    same(found)


def test_yolo_has_names_from_a_list_or_none(tmp_path):
    root = scenes.yolo(tmp_path / "set")
    found = read(root)
    assert (found.classes, found.ids) == (scenes.NAMES, (0, 1))
    same(found)
    (root / "classes.txt").unlink()
    same(read(root), ("0", "1"))


@pytest.mark.parametrize(
    "text",
    [
        "path: .\ntrain: images\nnc: 2\nnames: ['disc', 'bar']\n",
        'train: images  # here\nnames:\n  0: disc\n  1: "bar"\n',
        "names:\n- disc\n- bar\ntrain: ../images\nval: ../images\n",
        "names: {0: disc, 1: bar}\ntrain: images\n",
        "names: [disc, bar]\ntrain: images\n",
    ],
)
def test_yolo_reads_data_yaml(tmp_path, text):
    root = scenes.yolo(tmp_path / "set")
    (root / "classes.txt").unlink()
    (root / "data.yaml").write_text(text)
    found = read(root)
    assert (found.classes, found.ids) == (scenes.NAMES, (0, 1))
    same(found)
    same(read(root / "data.yaml"))


def test_voc_numbers_its_classes_by_their_names(tmp_path):
    found = read(scenes.voc(tmp_path / "set"))
    assert (found.classes, found.ids) == (("bar", "disc"), (0, 1))
    same(found)


@pytest.mark.parametrize("titles", TABLES)
def test_tables_under_customary_headers(tmp_path, titles):
    root = scenes.table(tmp_path / "set", titles, TABLES[titles])
    same(read(root))
    same(read(root / "boxes.csv"))


def test_a_table_without_titles_may_begin_with_parts(tmp_path):
    parts = iter(["TRAIN", "TRAIN", "VALIDATE", "VALIDATE", "TEST", "TEST"] * 2)
    root = scenes.table(
        tmp_path / "set",
        "",
        lambda image, name, x, y, u, v: f"{next(parts)},{image},{name},{x / 64},{y / 48},,,{u / 64},{v / 48},,".split(
            ","
        ),
    )
    splits = load(root, size=(48, 64))
    assert [len(own) for own in splits.parts().values()] == [2, 2, 2]
    same(load(root, size=(48, 64), parts="none").train.targets)


def test_shares_of_pictures_are_told_by_most_lines(tmp_path):
    root = scenes.table(
        tmp_path / "set",
        "image,x1,y1,x2,y2,label",
        lambda image, name, x, y, u, v: (image, x / 64, y / 48, u / 64, v / 48, name),
    )
    with open(root / "boxes.csv", "a") as file:
        file.write("005.png,0,0,1,1,disc\n005.png,0.5,0.5,1.004,1.1,bar\n")
    splits = load(root, size=(48, 64))
    last = splits.train.targets.rows[-1, 3:5, :4]
    np.testing.assert_allclose(last, [[0, 0, 1, 1], [0.5, 0.5, 1, 1]], atol=1e-6)
    assert any("1 box cut at the picture's edge" in note for note in splits.notes), splits.notes


def test_a_size_by_rule_leaves_small_things_their_pixels_in_pictures_of_other_forms(tmp_path):
    (tmp_path / "pictures").mkdir()
    lines = ["image,x1,y1,x2,y2,label"]
    for number, (width, height) in enumerate([(640, 480)] * 4 + [(640, 240)] * 5):
        Image.new("L", (width, height), 90).save(tmp_path / "pictures" / f"{number}.png")
        lines.append(f"{number}.png,100,100,150,150,thing")
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    splits = load(tmp_path)
    rows, height, width = splits.train.targets.rows, *splits.train.shape[:2]
    assert width > 2 * height
    assert (rows[:, 1, 2] - rows[:, 1, 0]).min() * width >= 17


def test_a_picture_may_show_nothing(tmp_path):
    root = scenes.table(tmp_path / "set", "path,x1,y1,x2,y2,class", TABLES["image_path,x1,y1,x2,y2,label"], 5)
    scenes.pictures(root, 6)
    with open(root / "boxes.csv", "a") as file:
        file.write("images/005.png,,,,,\n")
    counts = (read(root).rows[:, 1:, CLASS] >= 0).sum(1)
    assert counts.tolist() == [2, 2, 2, 2, 2, 0]


def test_voc_has_its_parts_from_lists(tmp_path):
    root = scenes.voc(tmp_path / "set")
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for name, own in {"train": "000\n001\n002 1", "val": "003", "test": "004", "trainval": "000\n003"}.items():
        (root / "ImageSets" / "Main" / f"{name}.txt").write_text(own)
    splits = load(root)
    assert [len(part) for part in splits.parts().values()] == [3, 1, 1]
    assert any("005.xml" in note for note in splits.notes)


def test_parts_of_coco_by_the_names_of_files_and_folders(tmp_path):
    root = scenes.coco(tmp_path / "set")
    other = scenes.coco(tmp_path / "other")
    (root / "images").rename(root / "train2017")
    (other / "images").rename(root / "val2017")
    (other / "annotations" / "instances_train.json").rename(root / "annotations" / "instances_val2017.json")
    splits = load(root)
    assert {name: len(part) for name, part in splits.parts().items()} == {"train": 6, "validation": 6}
    assert all("/val2017/" in path for path in splits.validation.paths)


def test_parts_of_yolo_by_folders(tmp_path):
    root = scenes.yolo(tmp_path / "set")
    for kind in ("images", "labels"):
        for part in ("train", "val"):
            (root / kind / part).mkdir()
        for number, path in enumerate(sorted(each for each in (root / kind).iterdir() if each.is_file())):
            path.rename(root / kind / ("val" if number > 3 else "train") / path.name)
    assert {name: len(part) for name, part in load(root).parts().items()} == {"train": 4, "validation": 2}


def test_other_data_is_not_taken_for_boxes(tmp_path):
    scenes.pictures(tmp_path / "set", 3, "cats")
    scenes.pictures(tmp_path / "set", 3, "dogs")
    (tmp_path / "set" / "readme.txt").write_text("1 2 3 4 5\n")
    (tmp_path / "set" / "labels.csv").write_text("image,label\ncats/000.png,cat\n")
    assert load(tmp_path / "set").train.targets.task == "classification"


SAID = {
    "split": (
        ["train", "train", "train", "val", "test", "extra"],
        (3, 1, 1),
        "left out: 2 rows of no part: split is e",
    ),
    "is_valid": (["0", "0", "0", "1", "1", "1"], (3, 3, 0), "parts from is_valid (validation)"),
    "fold": (["1", "1", "2", "2", "3", "3"], (4, 2, 0), "validation is fold 1, the others are train"),
}


@pytest.mark.parametrize("head", SAID)
def test_a_table_of_boxes_says_its_parts_as_one_of_labels_does(tmp_path, head):
    cells, counts, said = SAID[head]
    titles = "filename,width,height,class,xmin,ymin,xmax,ymax"
    root = scenes.table(
        tmp_path / "set", f"{titles},{head}", lambda image, *box: (*TABLES[titles](image, *box), cells[int(image[:3])])
    )
    splits = load(root)
    found = splits.parts()
    assert tuple(len(found[part]) if part in found else 0 for part in ("train", "validation", "test")) == counts
    assert any(f"boxes.csv: {said}" in note for note in splits.notes), splits.notes


def test_a_table_of_boxes_with_a_split_of_unknown_words_is_asked_about(tmp_path):
    titles = "filename,width,height,class,xmin,ymin,xmax,ymax"
    root = scenes.table(
        tmp_path / "set",
        f"{titles},stage",
        lambda image, *box: (*TABLES[titles](image, *box), "fit" if image < "004" else "test"),
    )
    with pytest.raises(ValueError, match=r"stage holds fit \(8\), test \(4\), of which test may name parts"):
        load(root)
    assert counts(load(root, parts="train=fit,test=test")) == {"train": 4, "test": 2}  # as it advises


def parted(tmp_path, *folders):
    root = tmp_path / "set"
    for folder in folders:
        scenes.pictures(root, 2, f"images/{folder}")
        (root / "labels" / folder).mkdir(parents=True)
        for name in ("000", "001"):
            (root / "labels" / folder / f"{name}.txt").write_text("0 .5 .5 .2 .2\n")
    return root


def counts(splits):
    return {part: len(own) for part, own in splits.parts().items()}


def test_pictures_in_folders_of_no_part_are_never_trained_on(tmp_path):
    splits = load(parted(tmp_path, "train", "val", "extra"))
    assert counts(splits) == {"train": 2, "validation": 2}
    assert "left out: images/extra (2), of no part; --parts train=FOLDER,… says otherwise" in splits.notes
    assert "parts by folder: train is train, val is validation" in splits.notes
    splits = load(tmp_path / "set", parts="train=extra,test=val")
    assert counts(splits) == {"train": 2, "test": 2}
    assert "left out: 2 images of no part" in splits.notes
    assert counts(load(tmp_path / "set", parts="none")) == {"train": 6}


def test_folders_that_say_no_part_are_told(tmp_path):
    splits = load(parted(tmp_path, "one", "two"))
    assert counts(splits) == {"train": 4}
    assert any(note.startswith("no folder says a part (one, two): all are for training") for note in splits.notes)


def test_data_yaml_may_name_folders_in_any_words(tmp_path):
    root = parted(tmp_path, "a", "b", "c")
    (root / "data.yaml").write_text("train: ../images/a\nval: images/b\nnames: [disc]\n")
    splits = load(root)
    assert counts(splits) == {"train": 2, "validation": 2}
    assert "parts by folder: images/a is train, images/b is validation" in splits.notes
    assert "left out: 2 images of no part" in splits.notes
    (root / "data.yaml").write_text("train: images/a\nval: images/a\nnames: [disc]\n")
    assert any("names a folder for two parts, the first is taken: images/a" in note for note in load(root).notes)


def test_pictures_that_no_list_names_are_left_out(tmp_path):
    root = scenes.yolo(tmp_path / "set")
    (root / "train.txt").write_text("images/000.png\nimages/001.png\n")
    (root / "val.txt").write_text("images/002.png\n")
    splits = load(root)
    assert counts(splits) == {"train": 2, "validation": 1}
    assert "left out: 3 pictures that no list names (003.png, 004.png and 1 more)" in splits.notes


def test_pictures_without_annotations_and_files_of_no_part_are_told(tmp_path):
    root = scenes.coco(tmp_path / "coco")
    scenes.pictures(root, 8)
    (root / "annotations" / "more.json").write_bytes((root / "annotations" / "instances_train.json").read_bytes())
    notes = load(root).notes
    assert "parts by file: instances_train.json is train" in notes
    assert "left out: more.json, of no part beside those of training" in notes
    assert "left out: 2 pictures that no file names (006.png, 007.png)" in notes
    root = scenes.voc(tmp_path / "voc")
    scenes.pictures(root, 7, "JPEGImages")
    (root / "JPEGImages" / "x.jxl").write_bytes(b"x")
    notes = load(root).notes
    assert "left out: 1 picture that no XML file names (006.png)" in notes
    assert "left out: files of kinds .jxl (1), which cannot be read; save them as PNG or TIFF" in notes
