"""Annotations as they come: what is wrong is named with its place, left out where asked for, and never silent."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.base.errors import DataError
from hubel.data import Augmentation, Batches, ImageError
from hubel.data.boxes.describe import describe
from hubel.data.boxes.load import load
from hubel.data.boxes.targets import BOTTOM, CLASS, LEFT
from tests.command import hubel
from tests.data.boxes import scenes
from tests.data.boxes.scenes import thing, xml


def boxes_of(splits):
    return [rows[1:][rows[1:, CLASS] >= 0] for rows in splits.train.targets.rows]


def rewritten(root, **lists):
    """COCO's file with other lists."""
    path = root / "annotations" / "instances_train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **lists}))
    return root


def annotations(root):
    return json.loads((root / "annotations" / "instances_train.json").read_text())["annotations"]


WRONG_COCO = {
    "annotation 1: category 5 is none of 7, 3": {"category_id": 5},
    "annotation 1: expected a bbox of left, top, width and height": {"bbox": [1, 2, 3]},
    "annotation 1: expected a bbox of left, top, width": {"bbox": ["1", 2, 3, 4]},
    "annotation 1: category '7' is none of 7, 3": {"category_id": "7"},
    "annotation 1: no image has the id 99": {"image_id": 99},
}


@pytest.mark.parametrize("words", WRONG_COCO)
def test_what_is_wrong_in_coco_is_named_with_its_place(tmp_path, words):
    root = scenes.coco(tmp_path)
    own = annotations(root)
    rewritten(root, annotations=[{**own[0], **WRONG_COCO[words]}, *own[1:]])
    with pytest.raises(ImageError, match=words):
        load(root)
    splits = load(root, bad_images="skip")
    assert [words in str(error) for error in splits.rejected] == [True]
    assert any(words in note for note in splits.notes)
    assert [len(own) for own in boxes_of(splits)] == [1, 2, 2, 2, 2, 2]


WRONG_LINES = {
    "000.txt:2: expected a whole number for the class, and numbers": "0 .5 .5 .2 .2\n0 .5 x .2 .2",
    "000.txt:1: expected a class, x, y, width and height": "0 .5 .5 .2",
    "000.txt:1: class 2 is none of the 2": "2 .5 .5 .2 .2",
    "000.txt:1: expected shares": "0 32 20 10 10",
}


@pytest.mark.parametrize("words", WRONG_LINES)
def test_what_is_wrong_in_yolo_is_named_with_its_line(tmp_path, words):
    root = scenes.yolo(tmp_path)
    (root / "labels" / "000.txt").write_text(WRONG_LINES[words])
    with pytest.raises(ImageError, match=words):
        load(root)
    splits = load(root, bad_images="skip")
    assert words in str(splits.rejected[0])
    assert len(splits.train) == 5


ENTITIES = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]>'
WRONG_XML = {
    "declares entities": ENTITIES + xml("000.png", thing("&c;", 1, 2, 30, 40)),
    "is no XML that can be read": "<annotation><object>",
    "expected numbers xmin, ymin, xmax, ymax in object 1": xml("000.png", thing("disc", "a", 2, 30, 40)),
    "expected a name of object 1": xml("000.png", thing(" ", 1, 2, 30, 40)),
    "its annotation says 100×200": xml("000.png", thing("disc", 1, 2, 30, 40), 200, 100),
}


@pytest.mark.parametrize("words", WRONG_XML)
def test_what_is_wrong_in_xml_is_named_with_its_file(tmp_path, words):
    root = scenes.voc(tmp_path)
    (root / "Annotations" / "000.xml").write_text(WRONG_XML[words])
    with pytest.raises(ImageError, match=words):
        load(root)
    splits = load(root, bad_images="skip")
    assert words in str(splits.rejected[0])
    assert len(splits.train) == 5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("images/000.png,1,2,x,4,disc", "boxes.csv:14: expected four numbers"),
        ("images/000.png,1,2", "boxes.csv:14: expected as many cells"),
        ("images/000.png,1,2,30,40,", "boxes.csv:14: expected a class"),
        ("images/000.png,0.1,0.2,0.5,0.6,disc", "boxes.csv:14: expected pixels, as on most lines, received shares"),
        ("images/999.png,1,2,30,40,disc", "boxes.csv:14: its picture is called 'images/999.png', and no picture"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_its_line(tmp_path, line, words):
    root = scenes.table(tmp_path, "path,x1,y1,x2,y2,class", lambda image, name, *edges: (image, *edges, name))
    with open(root / "boxes.csv", "a") as file:
        file.write(line + "\n")
    with pytest.raises(ImageError, match=words):
        load(root)
    splits = load(root, bad_images="skip")
    assert words in str(splits.rejected[0])
    assert [len(own) for own in boxes_of(splits)] == [2] * 6


def test_boxes_that_are_none_are_left_out_and_named_and_stop_nothing(tmp_path):
    root = scenes.voc(tmp_path)
    wrong = [thing("disc", 5, 5, 5, 20), thing("disc", 100, 5, 120, 20), thing("bar", 50, 5, 80, 20)]
    wrong += [thing("bar", 1, 1, 9, 9)] * 2
    (root / "Annotations" / "000.xml").write_text(xml("000.png", "".join(wrong)))
    splits = load(root, size=(48, 64))
    own = boxes_of(splits)[0]
    np.testing.assert_allclose(own[:, :4] * [64, 48, 64, 48], [[50, 5, 64, 20], [1, 1, 9, 9]], atol=1e-3)
    notes = "\n".join(splits.notes)
    assert "1 box left out: no box (" in notes
    assert "000.xml, object 1: expected a width and a height above 0, received 0×15" in notes
    assert "1 box left out: outside the picture (" in notes
    assert "1 box cut at the picture's edge (" in notes
    assert "1 box left out: twice the same (" in notes
    suspicious = describe(root).suspicious
    assert [len(places) for places in suspicious.values()] == [1, 1, 1, 1]


def test_labels_that_match_no_picture_are_an_error_with_both_patterns(tmp_path):
    root = scenes.coco(tmp_path / "coco")
    for path in (root / "images").iterdir():
        path.rename(path.with_name(f"IMG_{path.name}"))
    with pytest.raises(DataError, match=r"'000.png', and no picture below .* is; those there: images/IMG_0"):
        load(root, bad_images="skip")
    root = scenes.yolo(tmp_path / "yolo")
    for path in (root / "images").iterdir():
        path.rename(path.with_name(f"IMG_{path.name}"))
    with pytest.raises(DataError, match=r"none that match: text files such as labels/000.txt, .* such as images/IMG_0"):
        load(root, bad_images="skip")


def test_more_boxes_than_the_limit_are_refused(tmp_path, monkeypatch):
    root = scenes.yolo(tmp_path)
    (root / "labels" / "000.txt").write_text("\n".join(f"0 .5 .5 .2 .{n}" for n in range(10, 15)))
    monkeypatch.setenv("HUBEL_MOST_BOXES", "4")
    with pytest.raises(ImageError, match=r"at most 4 \(boxes in a picture\), received 5"):
        load(root)
    monkeypatch.setenv("HUBEL_MOST_ANNOTATIONS", "20")
    with pytest.raises(DataError, match=r"at most 20 \(bytes in a file of annotations\)"):
        load(scenes.voc(tmp_path / "voc"), bad_images="skip")


@pytest.mark.parametrize("how", [6, 8])
def test_boxes_of_turned_pictures_lie_as_they_were_measured(tmp_path, how):
    """A picture that EXIF turns, whose annotation says the size before that, has its boxes from before as well."""
    root = scenes.voc(tmp_path)
    path = root / "JPEGImages" / "000.png"
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[5:20, 30:60] = 255
    exif = Image.Exif()
    exif[0x0112] = how
    Image.fromarray(stored).save(path, exif=exif)
    (root / "Annotations" / "000.xml").write_text(xml("000.png", thing("disc", 30, 5, 60, 20)))
    upright = (64, 48) if how > 4 else (48, 64)
    splits = load(root, size=upright)
    (box,) = boxes_of(splits)[0][:, :4]
    left, top, right, bottom = np.rint(box * [upright[1], upright[0], upright[1], upright[0]]).astype(int)
    inside = splits.train.images[0][top:bottom, left:right]
    assert inside.min() == 255
    assert splits.train.images[0].sum() == inside.sum()


def test_boxes_follow_their_picture_into_its_frame_and_through_augmentation(tmp_path):
    """Around what is bright in the image lies its box, to the pixel, padded, mirrored and shifted."""
    root = scenes.voc(tmp_path)
    for path in (root / "JPEGImages").iterdir():
        image = np.zeros((48, 64, 3), np.uint8)
        image[10:30, 20:50] = 255
        Image.fromarray(image).save(path)
        (root / "Annotations" / f"{path.stem}.xml").write_text(xml(path.name, thing("disc", 20, 10, 50, 30)))
    splits = load(root, size=(96, 96))
    feed = Batches(splits.train, 6, 0, Augmentation.parse("shift 9, flip, fill 0"))
    for epoch in range(3):
        batch = next(iter(feed.epoch(epoch)))
        for image, rows in zip(batch.images.numpy(), batch.targets.numpy(), strict=True):
            down, across = np.nonzero(image[..., 0] > 127)
            edges = np.array([across.min(), down.min(), across.max() + 1, down.max() + 1])
            np.testing.assert_allclose(rows[1, LEFT : BOTTOM + 1] * 96, edges, atol=0.6)


def test_a_description_tells_of_boxes(tmp_path):
    found = json.loads(hubel("data", scenes.coco(tmp_path), "--json").stdout)
    assert (found["task"], found["classes"], found["ids"]) == ("detection", ["bar", "disc"], [3, 7])
    assert found["boxes"] == {"train": [6, 6]}
    assert found["objects_an_image"] == {"least": 2, "median": 2.0, "most": 2}
    assert sum(found["places"].values()) == pytest.approx(1, abs=1e-3)
    assert set(found["sides"]) == {"bar", "disc"}
    told = hubel("data", tmp_path).stdout
    assert "12 boxes of 2 classes (detection), as COCO's JSON has them" in told


def test_outlines_beside_boxes_and_counts_of_one_are_told(tmp_path):
    root = scenes.coco(tmp_path, 1)
    assert not any("outline" in note for note in load(root).notes)
    first, _ = annotations(root)
    only = {**first, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    kinds = [{"id": scenes.IDS[0], "name": scenes.NAMES[0]}]
    Image.new("RGB", (64, 48)).save(root / "images" / "bare.png")
    images = [
        {"id": n, "file_name": f"{name}.png", "width": 64, "height": 48} for n, name in ((10, "000"), (11, "bare"))
    ]
    told = hubel("data", rewritten(root, annotations=[only], categories=kinds, images=images)).stdout
    assert "2 pictures with 1 box of 1 class (detection)" in told
    assert "1 annotation has an outline too, which --task segmentation reads as masks" in told
    assert "1 of 2 pictures shows no object, and teaches where none is" in told
    assert "0 to 1 a picture, usually 0.5;" in told
    told = hubel("data", rewritten(root, annotations=[only], categories=kinds, images=images[:1])).stdout
    assert "objects    1 a picture; 0% overlap another" in told
    assert "1 picture with 1 box of 1 class" in told
    assert json.loads(hubel("data", root, "--task", "segmentation", "--json").stdout)["task"] == "segmentation"


def test_where_no_picture_can_be_used_that_is_said(tmp_path):
    root = scenes.coco(tmp_path)
    for picture in root.rglob("*.png"):
        picture.write_bytes(picture.read_bytes()[:20])
    with pytest.raises(DataError, match=r"found none that can be used; the first of 6: .*000.png.*cannot be read"):
        load(root, bad_images="skip")


def relabelled(root, change):
    """YOLO's text files with each line's words changed."""
    for path in (root / "labels").iterdir():
        path.write_text("".join(f"{' '.join(change(line.split()))}\n" for line in path.read_text().splitlines()))
    return root


def test_lines_of_yolo_that_say_more_than_a_box_are_told(tmp_path):
    plain = load(scenes.yolo(tmp_path / "plain"))
    outlined = relabelled(scenes.yolo(tmp_path / "outlined"), lambda w: [w[0], *corners(*map(float, w[1:]))])
    found = load(outlined)
    assert np.allclose(found.train.targets.rows, plain.train.targets.rows, atol=1e-6)
    assert "12 lines with an outline: a box is put around it" in found.notes
    sure = load(relabelled(scenes.yolo(tmp_path / "sure"), lambda words: [*words, "0.9"]))
    assert "12 lines with a sixth number (a confidence?), which is passed over" in sure.notes
    written = load(relabelled(scenes.yolo(tmp_path / "numpy"), lambda words: [f"{float(each):.18e}" for each in words]))
    for each in (sure, written):
        assert np.allclose(each.train.targets.rows, plain.train.targets.rows, atol=1e-6)
    assert not any("line" in note for note in (*plain.notes, *written.notes))


def corners(x, y, width, height):
    """The corners of a box, as YOLO writes an outline."""
    edges = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return [str(edges[number]) for number in (0, 1, 2, 1, 2, 3, 0, 3)]


def test_points_behind_yolos_boxes_are_no_outline(tmp_path):
    points = ["0.1", "0.9", "2", "0.9", "0.1", "1"]
    root = relabelled(scenes.yolo(tmp_path / "set"), lambda words: [*words, *points])
    with pytest.raises(DataError, match=r"000.txt:1: expected shares .* points, as kpt_shape in data.yaml would say"):
        load(root)
    (root / "data.yaml").write_text("train: images\nnames: [disc, bar]\nkpt_shape: [2, 3]\nnc: 5\n")
    found = load(root)
    plain = load(scenes.yolo(tmp_path / "plain"))
    assert np.allclose(found.train.targets.rows, plain.train.targets.rows, atol=1e-6)
    assert sum("12 lines with points besides (kpt_shape)" in note for note in found.notes) == 1
    assert "data.yaml says nc 5 and names 2: the names count" in found.notes


def test_a_class_of_yolo_is_a_whole_number(tmp_path):
    root = scenes.yolo(tmp_path / "set")
    for word in ("disc", "0.5", "nan"):
        (root / "labels" / "003.txt").write_text(f"{word} 0.5 0.5 0.2 0.2\n")
        with pytest.raises(ImageError, match=rf"003.txt:1: expected a whole number for the class, .*'{word} 0.5"):
            load(root)


NAMED = ("two.dots", "v1.0", "5.5", "a b", "x 1", "plain")


def test_lists_of_voc_name_pictures_with_dots_and_spaces(tmp_path):
    root = scenes.voc(tmp_path / "set")
    for number, name in enumerate(NAMED):
        (root / "JPEGImages" / f"{number:03}.png").rename(root / "JPEGImages" / f"{name}.png")
        path = root / "Annotations" / f"{number:03}.xml"
        path.write_text(path.read_text().replace(f"{number:03}.png", f"{name}.png"))
        path.rename(root / "Annotations" / f"{name}.xml")
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("two.dots\nv1.0 1\n5.5  -1\na b\nx 1\nmissing\n")
    (lists / "val.txt").write_text("JPEGImages/plain.png\nx 1\n")
    found = load(root)
    stems = {name: [Path(path).stem for path in part.paths] for name, part in found.parts().items()}
    assert stems == {"train": ["5.5", "a b", "two.dots", "v1.0"], "validation": ["plain", "x 1"]}
    assert f"lists in {lists} name 1 picture for two parts, of which the last is taken: x 1 (train and validation)" in (
        found.notes
    )
    assert f"lists in {lists} name 1 picture without an XML file: missing" in found.notes
    assert not any("left out" in note for note in found.notes)
