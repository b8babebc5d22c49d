"""Points as COCO, DeepLabCut and tables have them: the same from each, and what is wrong named with its place."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.base.errors import DataError, SettingError
from hubel.data import Augmentation, Batches, ImageError
from hubel.data.points.annotations import pairs_of
from hubel.data.points.describe import describe
from hubel.data.points.load import load
from hubel.data.points.targets import FIRST, INDIVIDUAL, KIND
from hubel.tasks import load as load_any
from hubel.tasks import task_of_source
from tests.command import hubel
from tests.tasks.pose import animals


def points_of(splits):
    """Each picture's individuals, K×P×3, x and y in pixels of the images."""
    height, width, _ = splits.train.shape
    found = []
    for rows in splits.train.targets.rows:
        own = rows[1:][rows[1:, KIND] == INDIVIDUAL, FIRST:]
        found.append(own.reshape(len(own), own.shape[1] // 3, 3) * (width, height, 1))
    return found


def blank(folder: Path, *names: str, size: tuple[int, int] = (40, 60)) -> Path:
    """A folder with pictures of one colour."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size[::-1], (90, 120, 90)).save(folder / name)
    return folder


def test_every_format_tells_the_same_points(tmp_path):
    shown = animals.pictures(tmp_path, 4, (64, 80), long=40)
    paths = {
        "coco": lambda: animals.coco(tmp_path, shown, (64, 80), boxes=False),
        "deeplabcut": lambda: animals.deeplabcut(tmp_path, shown),
        "wide": lambda: animals.table(tmp_path / "wide.csv", shown),
        "long": lambda: animals.table(tmp_path / "long.csv", shown, long=True),
        "shares": lambda: animals.table(tmp_path / "shares.csv", shown, size=(64, 80)),
    }
    for name, write in paths.items():
        path = write()
        assert task_of_source(str(tmp_path))[0].name == task_of_source(str(path))[0].name == "pose", name
        splits = load_any(tmp_path, size=(64, 80))
        assert splits.train.classes == animals.NAMES, name
        assert splits.train.targets.pairs == ((1, 2),)
        for (_, there), found in zip(shown, points_of(splits), strict=True):
            np.testing.assert_allclose(found[..., :2], there, atol=0.02, err_msg=name)
            assert (found[..., 2] == 2).all()
        path.unlink()


def test_several_individuals_and_gaps_of_deeplabcut(tmp_path):
    blank(tmp_path, "labeled-data/day/a.png", "labeled-data/day/b.png")
    (tmp_path / "labeled-data/day/CollectedData_me.csv").write_text(
        "scorer,,,me,me,me,me,me,me\nindividuals,,,one,one,two,two,single,single\n"
        "bodyparts,,,nose,nose,nose,nose,stone,stone\ncoords,,,x,y,x,y,x,y\n"
        "labeled-data,day,a.png,10,20,30,21,,\nlabeled-data,day,b.png,,,5,6,50.5,30\n"
    )
    splits = load(tmp_path, size=(40, 60))
    assert splits.train.classes == ("nose", "stone")
    first, second = points_of(splits)
    assert first.round(3).tolist() == [[[10.5, 20.5, 2], [0, 0, 0]], [[30.5, 21.5, 2], [0, 0, 0]]]
    assert [own[:, 2].tolist() for own in second] == [[2, 0], [0, 2]]
    assert second[1, 1].tolist() == pytest.approx([51, 30.5, 2])


@pytest.mark.parametrize(
    "text",
    ["skeleton:\n- - nose\n  - tail\n- - nose\n  - 'left ear'\n- - nose\n  - horn\nother: 1\n- - tail\n  - left ear\n",
     "task: a\nskeleton: [[nose, tail],\n  [nose, left ear], [nose, horn]]\nother: [[tail, left ear]]\n"],
)  # fmt: skip
def test_deeplabcuts_project_tells_what_is_joined(tmp_path, text):
    blank(tmp_path, "labeled-data/day/a.png")
    (tmp_path / "labeled-data/day/CollectedData_me.csv").write_text(
        "scorer,,,me,me,me,me,me,me\nbodyparts,,,nose,nose,left ear,left ear,tail,tail\ncoords,,,x,y,x,y,x,y\n"
        "labeled-data,day,a.png,10,20,30,21,5,6\n"
    )
    (tmp_path / "config.yaml").write_text(text)
    splits = load(tmp_path, size=(40, 60))
    assert splits.train.targets.bones == ((0, 2), (0, 1))
    assert any("config.yaml joins points that no table has, which is left out: horn" in note for note in splits.notes)


def test_points_a_little_outside_leave_the_others_shares(tmp_path):
    blank(tmp_path, "a.png", "b.png")
    (tmp_path / "t.csv").write_text("image,nose_x,nose_y,tail_x,tail_y\na.png,0.5,0.5,1.2,0.4\nb.png,0.25,0.5,0,1\n")
    splits = load(tmp_path, size=(40, 60))
    first, second = points_of(splits)
    assert any("1 point left out: outside the picture" in note for note in splits.notes), splits.notes
    assert first[0].round(3).tolist() == [[30, 20, 2], [60, 16, 0]]
    assert second[0, 0].tolist() == [15, 20, 2]


def test_coco_tells_boxes_hidden_points_crowds_bones_and_parts(tmp_path):
    blank(tmp_path, "train/a.png", "train/b.png", "val/c.png")
    images = [{"id": n, "file_name": name, "height": 40, "width": 60} for n, name in ((4, "a.png"), (9, "b.png"))]
    kinds = [
        {"id": 1, "name": "cat", "keypoints": ["nose", "left_eye", "right_eye"], "skeleton": [[1, 2], [1, 3]]},
        {"id": 2, "name": "dog", "keypoints": ["nose", "left_eye", "right_eye"]},
        {"id": 3, "name": "car", "keypoints": ["wheel"]},
    ]
    told = [
        {
            "image_id": 4,
            "category_id": 1,
            "keypoints": [10, 10, 2, 20, 10, 1, 0, 0, 0],
            "bbox": [5, 5, 30, 20],
            "area": 77,
        },
        {"image_id": 4, "category_id": 2, "keypoints": [0] * 9, "bbox": [40, 5, 10, 20], "iscrowd": 1},
        {"image_id": 9, "category_id": 3, "keypoints": [3, 3, 2]},
    ]
    (tmp_path / "annotations").mkdir()
    for part, own in (("train", images), ("val", [{**images[0], "file_name": "c.png"}])):
        whole = {"images": own, "annotations": told if part == "train" else told[:1], "categories": kinds}
        (tmp_path / "annotations" / f"person_keypoints_{part}.json").write_text(json.dumps(whole))
    splits = load(tmp_path, size=(40, 60))
    assert {part: len(own) for part, own in splits.parts().items()} == {"train": 2, "validation": 1}
    rows = splits.train.targets.rows[0]
    assert rows[1, :6].tolist() == pytest.approx([5 / 60, 5 / 40, 35 / 60, 25 / 40, 1, 77])
    assert rows[2, KIND] == 2  # a crowd, which is passed over
    assert rows[1, FIRST + 2 :: 3].tolist() == [2, 1, 0]
    assert splits.train.targets.bones == ((0, 1), (0, 2))
    assert splits.train.targets.pairs == ((1, 2),)
    words = "\n".join(splits.notes)
    for sentence in ("2 categories of person_keypoints_train.json have the same points", "left out: 1 individual of"):
        assert sentence in words
    assert not splits.train.targets.rows[1, 1:, KIND].any()


def test_parts_are_told_by_columns_files_and_folders(tmp_path):
    blank(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "t.csv").write_text("image,nose_x,nose_y,split\na.png,1,2,train\nb.png,3,4,val\nc.png,5,6,test\n")
    assert {part: len(own) for part, own in load(tmp_path).parts().items()} == {"train": 1, "validation": 1, "test": 1}
    (tmp_path / "t.csv").unlink()
    for name, part in (("a", "train"), ("b", "test")):
        (tmp_path / f"{part}.csv").write_text(f"scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\n{name}.png,1,2\n")
    splits = load(tmp_path)
    assert {part: len(own) for part, own in splits.parts().items()} == {"train": 1, "test": 1}
    assert any("parts by file: test.csv is test, train.csv is train" in note for note in splits.notes)
    assert any("left out: 1 picture that no table names (c.png)" in note for note in splits.notes)


def test_parts_are_said_of_columns_files_and_folders(tmp_path):
    blank(tmp_path, "one/a.png", "one/b.png", "two/c.png")
    (tmp_path / "t.csv").write_text("image,nose_x,nose_y,kind\none/a.png,1,2,x\none/b.png,3,4,x\ntwo/c.png,5,6,y\n")
    for parts in ("train=x,test=y", "train=one,test=two"):
        splits = load(tmp_path, parts=parts)
        assert {part: len(own) for part, own in splits.parts().items()} == {"train": 2, "test": 1}, parts
    with pytest.raises(ValueError, match="expected a column that holds nowhere, found none"):
        load(tmp_path, parts="train=nowhere")
    (tmp_path / "t.csv").write_text("image,nose_x,nose_y\none/a.png,1,2\n")
    with pytest.raises(ValueError, match="expected a column that holds nowhere, found none"):  # nor is there another
        load(tmp_path, parts="train=nowhere")
    (tmp_path / "u.csv").write_text("image,nose_x,nose_y\ntwo/c.png,5,6\n")
    (tmp_path / "t.csv").write_text("image,nose_x,nose_y\none/a.png,1,2\none/b.png,3,4\n")
    splits = load(tmp_path, parts="train=t.csv,test=u.csv")
    assert {part: len(own) for part, own in splits.parts().items()} == {"train": 2, "test": 1}


def test_boxes_and_numbers_stay_what_they_are(tmp_path):
    blank(tmp_path, "a.png", "b.png")
    lines = "filename,xmin,ymin,xmax,ymax,class\na.png,1,2,30,40,x\n"
    for head in (
        lines,
        lines.replace("xmin,ymin,xmax,ymax", "x1,y1,x2,y2"),
        "filename,x,y,w,h,label\na.png,1,2,9,9,x\n",
    ):
        (tmp_path / "t.csv").write_text(head)
        assert task_of_source(str(tmp_path))[0].name == "detection", head
    (tmp_path / "t.csv").write_text("file,length,x_label\na.png,1,2\nb.png,3,4\n")
    assert task_of_source(str(tmp_path / "t.csv"))[0].name == "classification"
    empty = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cell", "keypoints": []}]}
    (tmp_path / "t.csv").unlink()
    (tmp_path / "boxes.json").write_text(json.dumps(empty))
    assert task_of_source(str(tmp_path))[0].name == "detection"


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (("nose", "left_eye", "right_eye"), ((1, 2),)),
        (("leftear", "rightear", "snout"), ((0, 1),)),
        (("RightPaw", "LeftPaw"), ((1, 0),)),
        (("L_Eye", "R_Eye", "Tail"), ((0, 1),)),
        (("eyeL", "eyeR"), ((0, 1),)),
        (("paw.l", "paw.r", "hind paw l", "hind paw r"), ((0, 1), (2, 3))),
        (("left", "right"), ((0, 1),)),
        (("tail", "tall", "ear", "eal"), ()),
        (("leftmost", "middle"), ()),
        (("1", "2", "3"), ()),
    ],
)
def test_left_and_right_are_told_by_names(names, pairs):
    assert pairs_of(names) == pairs


WRONG_COCO = {
    "annotation 2: expected 3 numbers \\(x, y, v\\) for each of 4 keypoints, received 2": {"keypoints": [1, 2]},
    "annotation 2: expected 3 numbers": {"keypoints": ["1"] * 12},
    "annotation 2: expected v 0 \\(unseen\\), 1 \\(hidden\\) or 2": {"keypoints": [1, 2, 5] * 4},
    "annotation 2: no image has the id 99": {"image_id": 99},
}


@pytest.mark.parametrize("words", WRONG_COCO)
def test_what_is_wrong_in_coco_is_named_with_its_place(tmp_path, words):
    path = animals.coco(tmp_path, animals.pictures(tmp_path, 3, (48, 48), long=24), (48, 48))
    whole = json.loads(path.read_text())
    whole["annotations"][1] |= WRONG_COCO[words]
    path.write_text(json.dumps(whole))
    with pytest.raises(ImageError, match=words):
        load(tmp_path)
    splits = load(tmp_path, bad_images="skip")
    assert [len(own) for own in points_of(splits)] == [1, 0, 1]
    assert len(splits.rejected) == 1


WRONG_LINES = {
    "t.csv:2, left_ear: expected a number, received 'abc'": "a.png,1,2,abc,4,5,6",
    "t.csv:2, right_ear: expected x and y, or neither, received y alone": "a.png,1,2,3,4,,6",
    "t.csv:2: its picture is called 'z.png', and no picture below": "z.png,1,2,3,4,5,6",
}


@pytest.mark.parametrize("words", WRONG_LINES)
def test_what_is_wrong_in_a_table_is_named_with_its_line(tmp_path, words):
    blank(tmp_path, "a.png", "b.png")
    head = "image,nose_x,nose_y,left_ear_x,left_ear_y,right_ear_x,right_ear_y"
    (tmp_path / "t.csv").write_text(f"{head}\n{WRONG_LINES[words]}\nb.png,1,2,3,4,500,6\n")
    with pytest.raises(ImageError, match=words):
        load(tmp_path)
    splits = load(tmp_path, bad_images="skip")
    assert words in str(splits.rejected[0])
    assert any("left out: outside the picture" in note and "t.csv:3, right_ear" in note for note in splits.notes)
    assert points_of(splits)[-1][0, :, 2].tolist() == [2, 2, 0]


def test_a_point_that_stands_twice_and_pictures_that_are_not_there_at_all(tmp_path):
    blank(tmp_path, "a.png")
    (tmp_path / "t.csv").write_text("file,point,x,y\na.png,nose,1,2\na.png,tail,4,4\na.png,nose,3,4\n")
    with pytest.raises(
        ImageError, match=r"t\.csv:4: nose of a\.png stands twice|t\.csv:2: nose of a\.png stands twice"
    ):
        load(tmp_path)
    (tmp_path / "t.csv").write_text("file,point,x,y\nq.png,nose,1,2\n")
    with pytest.raises(
        DataError, match=r"expected pictures of the table's names, found none.*'q\.png'.*'a\.png'|a\.png"
    ):
        load(tmp_path)
    with pytest.raises(SettingError, match="cannot be said of pictures with points"):
        load(tmp_path, label_column="x")


def test_a_description_tells_what_is_there_and_what_is_odd(tmp_path):
    shown = animals.pictures(tmp_path, 24, (64, 64), long=32)
    name, own = shown[5]
    shown[5] = name, np.concatenate([own[:, :3], [[[0.6, 63.2]]]], 1)  # a tail that is far away
    shown[7] = shown[7][0], shown[7][1][:, [0, 0, 2, 3]]  # an ear where the snout is
    animals.deeplabcut(tmp_path, shown, gaps=[(0, 3), (1, 3)])
    found = describe(tmp_path)
    assert found.seen["train"] == (24, 24, 24, 22)
    assert found.pairs == (("left_ear", "right_ear"),)
    assert found.crowding == (1, 1.0, 1)
    far = found.suspicious["much further from the other points than usual"]
    assert [each.rpartition(", ")[2] for each in far] == ["tail"]
    assert "CollectedData_me.csv:9" in far[0]
    (same,) = found.suspicious["with two points at one place"]
    assert same.endswith("snout and left_ear")
    told = json.loads(hubel("data", tmp_path, "--json").stdout)
    assert (told["task"], told["points"], told["sides"][1]) == ("pose", list(animals.NAMES), found.sides[1])
    assert any("no skeleton is told" in note for note in told["notes"])


def test_points_stay_on_what_they_mark_and_left_is_right_when_mirrored(tmp_path):
    """Discs of a colour each: wherever a point comes to lie, its own colour is there."""
    from PIL import ImageDraw

    blank(tmp_path)
    colours = {"nose": (250, 250, 0), "left_ear": (250, 0, 0), "right_ear": (0, 0, 250), "tail": (0, 250, 250)}
    places = {"nose": (40, 30), "left_ear": (52, 22), "right_ear": (52, 40), "tail": (80, 31)}
    rows = ["image,point,x,y"]
    for number in range(8):
        picture = Image.new("RGB", (120, 90), (60, 60, 60))
        for name, (x, y) in places.items():
            x, y = x + 3 * number - 12, y + 2 * number
            ImageDraw.Draw(picture).ellipse((x - 4, y - 4, x + 4, y + 4), fill=colours[name])
            rows.append(f"{number}.png,{name},{x},{y}")
        picture.save(tmp_path / f"{number}.png")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    train = load(tmp_path, size=(90, 120)).train
    swapped = {"left_ear": "right_ear", "right_ear": "left_ear"}
    how = Augmentation(flip=True, rotate=25, zoom=1.3, window=64, focus=0.8, shift=4, fill=60)
    seen = mirrored = 0
    for epoch in range(6):
        for batch in Batches(train, 4, 0, how).epoch(epoch):
            moves = how.moves((4, 90, 120, 3), 0, epoch, batch.positions, batch.images.device)
            for image, rows, flip in zip(batch.images.numpy(), batch.targets.numpy(), moves.flip < 0.5, strict=True):
                points = rows[1, FIRST:].reshape(4, 3) * (image.shape[1], image.shape[0], 1)
                for name, (x, y, told) in zip(train.classes, points, strict=True):
                    if told and rows[1, KIND] and 1 < x < image.shape[1] - 1 and 1 < y < image.shape[0] - 1:
                        wanted = colours[swapped.get(name, name) if flip else name]
                        assert np.abs(image[int(y), int(x)].astype(int) - wanted).max() < 25, (name, epoch)
                        seen += 1
                        mirrored += bool(flip)
    assert seen > 100 < mirrored + 80
    assert 20 < mirrored < seen


def test_windows_lie_around_what_is_wanted(tmp_path):
    shown = [(f"{n}.png", np.array([[[12.0 + 9 * n, 80.0]]])) for n in range(4)]
    blank(tmp_path, *(name for name, _ in shown), size=(160, 200))
    (tmp_path / "t.csv").write_text("image,dot_x,dot_y\n" + "".join(f"{n},{p[0, 0, 0]},80\n" for n, p in shown))
    train = load(tmp_path, size=(160, 200)).train
    counts = []
    for focus in (0.0, 1.0):
        how = Augmentation(flip=True, window=48, focus=focus, fill=0)
        batches = [batch for epoch in range(10) for batch in Batches(train, 4, 0, how).epoch(epoch)]
        counts.append(sum(int((batch.targets[:, 1, FIRST + 2] > 0).sum()) for batch in batches))
    assert counts[1] == 40
    assert counts[0] < 20
    assert Augmentation.parse(str(how)) == how
    with pytest.raises(SettingError, match="expected focus from 0 to 1"):
        Augmentation(focus=2)
