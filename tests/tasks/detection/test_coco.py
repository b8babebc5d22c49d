"""COCO's figures: by hand where that can be, and to the last digit as pycocotools has them."""

import contextlib
import io

import numpy as np
import pytest

from hubel.tasks.detection.coco import NAMES, Said, Truth, score
from hubel.tasks.detection.metrics import metrics
from hubel.tasks.detection.mistakes import BADLY_PLACED, DOUBLED, MISSED, NOT_THERE, RIGHT, WRONG_CLASS, judged
from tests.tasks.detection.cases import arrays, case

BOX = {"image_id": 0, "category_id": 0, "bbox": [10.0, 10.0, 40.0, 40.0], "area": 1600.0}


def figures(there: list[dict], said: list[dict], classes: int = 1) -> dict[str, float]:
    return score(*arrays(there, said), classes).twelve()


def test_a_box_that_is_as_it_should_be() -> None:
    found = figures([BOX], [{**BOX, "score": 0.5}])
    assert {name: round(value, 9) for name, value in found.items()} == {
        **dict.fromkeys(NAMES, 1.0),
        "APs": -1,
        "APl": -1,
        "ARs": -1,
        "ARl": -1,
    }


@pytest.mark.parametrize(
    ("said", "ap", "ap50"),
    [
        ([], 0, 0),
        ([{"bbox": [10, 10, 40, 30]}], 0.6, 1),  # an overlap of 0.75: right at six thresholds of ten
        ([{"bbox": [10, 10, 40, 19]}], 0, 0),
        ([{"bbox": [100, 100, 40, 40], "score": 0.9}, {}], 0.5, 0.5),  # what is not there comes first
        ([{}, {"score": 0.4}], 1, 1),  # doubled, and less sure
        ([{"score": 0.4}, {"category_id": 1}], 1, 1),  # another class's counts for that one alone
    ],
)
def test_average_precision_by_hand(said, ap, ap50) -> None:
    found = figures([BOX], [{**BOX, "score": 0.5, **each} for each in said], 2)
    assert (found["AP"], found["AP50"]) == pytest.approx((ap, ap50))


@pytest.mark.parametrize(
    ("said", "best"),
    [
        ([], None),
        ([{"bbox": [200, 200, 40, 40]}], None),  # nothing is right
        ([{"score": 0.62}, {"bbox": [200, 200, 40, 40], "score": 0.61}], 0.62),
        ([{"score": 0.62}, {"bbox": [200, 200, 40, 40], "score": 0.63}], 0.31),  # both, or none: 0.01 to 0.62
        ([{"score": 0.62}, {"category_id": 1, "score": 0.4}, {"bbox": [200, 200, 40, 40], "score": 0.3}], 0.35),
        ([{"score": 0.9}, {"category_id": 1, "score": 0.2}], 0.1),  # each class weighs alike
        ([{"score": 0.9}, {"category_id": 1, "score": 0.2}, *[{"bbox": [9 * n, 200, 40, 40]} for n in range(9)]], 0.1),
    ],
)
def test_the_threshold_from_which_all_classes_are_best(said, best) -> None:
    there = [BOX, {**BOX, "category_id": 1, "bbox": [300.0, 300.0, 40.0, 40.0]}]
    said = [{**there[each.get("category_id", 0)], "score": 0.5, **each} for each in said]
    found = metrics(score(*arrays(there, said), 3), ("one", "other", "absent"), 0.0, 1, 1)
    assert found.threshold == best
    assert found.figures["threshold"] == pytest.approx(np.nan if best is None else best, nan_ok=True)


def test_a_crowd_is_neither_to_be_found_nor_wrong_to_find() -> None:
    crowd = {**BOX, "bbox": [100.0, 100.0, 300.0, 300.0], "area": 90000.0, "iscrowd": 1}
    inside = [{**BOX, "bbox": [110.0 + 40 * n, 110.0, 30.0, 30.0], "score": 0.9} for n in range(5)]
    assert figures([BOX, crowd], [*inside, {**BOX, "score": 0.5}])["AP"] == pytest.approx(1)


def test_order_and_the_names_of_pictures_make_no_difference() -> None:
    _, classes, there, said = case(3)
    random = np.random.default_rng(0)
    unique = [{**each, "score": float(n)} for n, each in enumerate(said)]
    expected = figures(there, unique, classes)
    other = (
        [{**each, "image_id": 9 * each["image_id"] + 5} for each in there],
        [{**each, "image_id": 9 * each["image_id"] + 5} for each in unique],
    )
    for each in other:
        random.shuffle(each)
    assert figures(*other, classes) == expected


def test_nothing_at_all() -> None:
    assert set(score(*arrays([], []), 3).twelve().values()) == {-1.0}


@pytest.mark.peers
def test_all_twelve_are_those_of_pycocotools_to_the_last_digit() -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    tried = 0
    for seed in range(60):
        pictures, classes, there, said = case(seed)
        if not there or not said:
            continue
        tried += 1
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = {
                "images": [{"id": number} for number in range(pictures)],
                "categories": [{"id": number} for number in range(classes)],
                "annotations": [{**each, "id": number} for number, each in enumerate(there, 1)],
            }
            truth.createIndex()
            peer = COCOeval(truth, truth.loadRes([dict(each) for each in said]), "bbox")
            peer.evaluate()
            peer.accumulate()
            peer.summarize()
        found: tuple[Truth, Said] = arrays(there, said)
        assert list(score(*found, classes).twelve().values()) == peer.stats.tolist()
    assert tried > 45


def test_kinds_of_mistakes() -> None:
    there = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]], float)
    said = [[0, 0, 10, 9], [0, 1, 10, 10], [20, 0, 30, 9], [40, 0, 50, 4], [80, 0, 90, 10]]
    found = judged(np.array(said, float), [0, 0, 1, 0, 0], there, [0, 0, 0, 0])
    assert [(each.kind, each.box, each.there) for each in found] == [
        (RIGHT, 0, 0),
        (DOUBLED, 1, 0),
        (WRONG_CLASS, 2, 1),
        (BADLY_PLACED, 3, 2),
        (NOT_THERE, 4, -1),
        (MISSED, 1, -1),
        (MISSED, 2, -1),
        (MISSED, 3, -1),
    ]
