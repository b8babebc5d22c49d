"""From boxes to what outputs should be, and back: the loss is least where decoding gives the boxes again."""

import numpy as np
import pytest
import torch

from hubel.data.boxes.targets import CLASS, CROWD
from hubel.tasks.detection.decode import decode, suppressed
from hubel.tasks.detection.decoding import OVERLAP, PRIOR
from hubel.tasks.detection.loss import boxes_of, giou, losses, wanted

USUAL = (0.1, 0.1)


def rows(*boxes: tuple[float, ...], most: int = 4) -> torch.Tensor:
    """One image's rows of left, top, right, bottom, class and whether it is a crowd."""
    found = torch.zeros(1, 1 + most, 7)
    found[0, 0, 2:4] = 1
    found[:, 1:, CLASS] = -1
    for place, (*edges, kind, crowd) in enumerate(boxes, 1):
        found[0, place, :4] = torch.tensor(edges)
        found[0, place, CLASS], found[0, place, CROWD] = kind, crowd
    return found


def perfect(targets: torch.Tensor, classes: int, height: int, width: int) -> torch.Tensor:
    """Outputs that say what is wanted."""
    goal = wanted(targets, classes, height, width)
    sure = torch.where(goal.heat == 1, 12.0, -12.0) - PRIOR
    x, y = (torch.arange(width) + 0.5) / width, ((torch.arange(height) + 0.5) / height)[:, None]
    left, top, right, bottom = goal.boxes.unbind(1)
    far = torch.stack([x - left, y - top, right - x, bottom - y], 1) / 0.1
    return torch.cat([sure, far.clamp_min(1e-3).log()], 1)


SCENE = rows((0.1, 0.1, 0.3, 0.5, 0, 0), (0.55, 0.2, 0.95, 0.9, 1, 0), (0.6, 0.6, 0.7, 0.75, 0, 0))


def test_outputs_that_say_what_is_wanted_cost_nothing_and_decode_to_it() -> None:
    outputs = perfect(SCENE, 2, 24, 32)
    assert losses(outputs, SCENE, 2, USUAL) < 0.01
    found = decode(outputs, 2, USUAL, 10)
    kept = found.scores[0] > 0
    assert kept.sum() == 3
    got = sorted(zip(found.classes[0][kept].tolist(), found.boxes[0][kept].tolist(), strict=True))
    expected = sorted((int(row[CLASS]), row[:4].tolist()) for row in SCENE[0, 1:] if row[CLASS] >= 0)
    for (kind, box), (wanted_kind, wanted_box) in zip(got, expected, strict=True):
        assert kind == wanted_kind
        np.testing.assert_allclose(box, wanted_box, atol=1e-3)


def test_a_size_far_from_the_usual_one_is_come_to_as_well() -> None:
    scene = rows((0.02, 0.02, 0.98, 0.98, 1, 0))
    outputs, goal = torch.zeros(1, 6, 40, 40, requires_grad=True), wanted(scene, 2, 40, 40)
    each = goal.weights[:, None].clamp_min(1e-9)
    for _ in range(40):
        (slope,) = torch.autograd.grad(losses(outputs, scene, 2, USUAL), outputs)
        with torch.no_grad():  # down the slope, at all places of the object alike
            outputs[:, 2:] -= torch.where(goal.weights[:, None] > 0, 0.1 * slope[:, 2:] / each, 0.0)
    middle = goal.heat[0, 1].argmax()
    assert giou(boxes_of(outputs.detach(), USUAL), goal.boxes)[0].flatten()[middle] > 0.3


def test_of_places_that_say_the_same_one_is_taken() -> None:
    outputs = torch.full((1, 5, 8, 8), -9.0)
    outputs[0, 0, 2:4, 4:6] = 9  # as networks that enlarge by repeating say it
    assert (decode(outputs, 1, USUAL, 10).scores > 0).sum() == 1


def around(sides: tuple[float, float], far: float) -> torch.Tensor:
    """Outputs 1×5×16×16: a peak whose box has these sides, in shares, and others which say that they lie so far off."""
    x, y = (torch.arange(16) + 0.5) / 16, ((torch.arange(16) + 0.5) / 16)[:, None]
    middle = x[8]
    across, down = torch.full((16, 16), sides[0] / 2), torch.full((16, 16), sides[1] / 2)
    move = torch.full((16, 16), far)
    move[8, 8] = 0.0
    told = [x - middle + across - move, y - middle + down, middle + across - x + move, middle + down - y]
    outputs = torch.cat([torch.full((1, 16, 16), -20.0), (torch.stack(told) / 0.1).clamp_min(1e-3).log()])[None]
    outputs[0, 0, 8, 8] = 20
    return outputs


@pytest.mark.parametrize(
    ("sides", "agreeing"),
    [
        ((0.65, 0.65), 9),  # ten places wide: those one place away tell the box as well
        ((0.2, 0.2), 1),  # three: they lie at its edge
        ((0.65, 0.2), 3),  # those to the left and to the right alone
    ],
)
def test_places_around_a_peak_tell_the_box_with_it(sides: tuple[float, float], agreeing: int) -> None:
    alone, found = (decode(around(sides, far), 1, USUAL, 10) for far in (0.0, 0.06))
    assert alone.scores[0, 0] == pytest.approx(1, abs=1e-4)
    away = 0.06 * (agreeing - 1) / agreeing
    np.testing.assert_allclose(found.boxes[0, 0] - alone.boxes[0, 0], [away, 0, away, 0], atol=1e-4)
    assert (found.scores[0, 0] < 0.99) == (agreeing > 1)


def test_places_five_wide_agree_but_are_not_averaged() -> None:
    alone, found = (decode(around((0.32, 0.32), far), 1, USUAL, 10) for far in (0.0, 0.06))
    np.testing.assert_allclose(found.boxes[0, 0], alone.boxes[0, 0], atol=1e-4)
    assert found.scores[0, 0] < 0.8 < alone.scores[0, 0]


def test_of_two_as_sure_that_comes_first_around_which_places_agree() -> None:
    one, other = around((0.65, 0.65), 0.06), around((0.65, 0.65), 0.0)
    both = torch.cat([one, other], 3)
    both[:, 0] -= 1e-3 * (torch.arange(32) > 15)  # a little less sure
    found = decode(both, 1, USUAL, 10)
    assert (found.boxes[0, 0, 0] + found.boxes[0, 0, 2]) / 2 > 0.5


def test_every_object_weighs_alike_and_has_one_peak() -> None:
    goal = wanted(SCENE, 2, 24, 32)
    assert goal.weights.sum() == pytest.approx(3, abs=1e-4)
    assert (goal.heat == 1).sum() == 3
    assert goal.objects == 3
    outputs = perfect(SCENE, 2, 24, 32)
    worse = [
        losses(outputs + 3 * (torch.arange(6) == number).view(1, 6, 1, 1), SCENE, 2, USUAL) for number in range(2, 6)
    ]
    assert min(worse) > 4


def test_objects_weigh_as_their_classes_do() -> None:
    weights = torch.tensor([2.0, 0.5])
    kinds = SCENE[0, 1:, CLASS].long()
    kinds = kinds[kinds >= 0]
    goal = wanted(SCENE, 2, 24, 32, weights)
    assert goal.weights.sum() == pytest.approx(float(weights[kinds].sum()), abs=1e-4) == goal.objects
    loud = perfect(SCENE, 2, 24, 32)
    loud[:, 1] += 9  # the second class everywhere
    found = [losses(loud, SCENE, 2, USUAL, torch.tensor([1.0, share])) for share in (0.0, 0.5, 1.0)]
    assert found[0] < 0.01 < found[1] < found[2]
    torch.testing.assert_close(found[2], losses(loud, SCENE, 2, USUAL))


def test_the_smaller_of_two_objects_that_overlap_has_its_places() -> None:
    goal = wanted(rows((0.0, 0.0, 1.0, 1.0, 0, 0), (0.45, 0.45, 0.55, 0.55, 0, 0)), 1, 20, 20)
    assert goal.boxes[0, :, 10, 10].tolist() == pytest.approx([0.45, 0.45, 0.55, 0.55])
    assert goal.boxes[0, :, 10, 13].tolist() == pytest.approx([0, 0, 1, 1])


def test_a_crowd_teaches_nothing() -> None:
    crowded = rows((0.0, 0.0, 0.5, 1.0, 0, 1), (0.6, 0.2, 0.9, 0.5, 0, 0))
    outputs = perfect(crowded, 1, 16, 16)
    loud = outputs.clone()
    loud[:, 0, :, :8] = 5
    torch.testing.assert_close(losses(loud, crowded, 1, USUAL), losses(outputs, crowded, 1, USUAL))
    loud[:, 0, :, 8:] = 5
    assert losses(loud, crowded, 1, USUAL) > 1


def test_an_image_without_objects_teaches_where_none_is() -> None:
    empty = rows()
    outputs = torch.full((1, 6, 8, 8), -12.0, requires_grad=True)
    assert losses(outputs, empty, 2, USUAL) < 1e-3
    louder = torch.zeros(1, 6, 8, 8) + 6
    assert losses(louder, empty, 2, USUAL) > 1
    assert losses(outputs, torch.zeros(1, 1, 7), 2, USUAL) < 1e-3  # of a set where no image has any


def test_what_is_wanted_does_not_hang_on_the_rows_that_hold_nothing() -> None:
    torch.manual_seed(0)
    edges = torch.rand(40, 2, 2).sort(1).values
    many = rows(*[(*low.tolist(), *high.tolist(), n % 3, 0) for n, (low, high) in enumerate(edges.unbind(0))], most=70)
    few = many[:, :41]
    outputs = torch.randn(1, 7, 12, 12)
    torch.testing.assert_close(losses(outputs, many, 3, USUAL), losses(outputs, few, 3, USUAL))


def test_giou_by_hand() -> None:
    one, other = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 3]])
    iou, generalised = giou(one, other)
    assert (iou.item(), generalised.item()) == pytest.approx((1 / 7, 1 / 7 - 2 / 9))
    apart = giou(one, torch.tensor([[4.0, 0, 6, 2]]))
    assert (apart[0].item(), apart[1].item()) == pytest.approx((0, -4 / 12))


def greedy(boxes: np.ndarray, scores: np.ndarray, kinds: np.ndarray) -> list[bool]:
    """Going through the boxes one by one."""
    kept: list[int] = []
    for place in range(len(boxes)):
        low = np.maximum(boxes[kept, :2], boxes[place, :2])
        both = np.clip(np.minimum(boxes[kept, 2:], boxes[place, 2:]) - low, 0, None).prod(1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        near = both > OVERLAP * (areas[kept] + areas[place] - both)
        if scores[place] > 0 and not (near & (kinds[kept] == kinds[place])).any():
            kept.append(place)
    return [place in kept for place in range(len(boxes))]


@pytest.mark.parametrize("seed", range(5))
def test_suppression_all_at_once_is_that_of_going_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    low = random.uniform(0, 0.3, (2, 60, 2))
    boxes = np.concatenate([low, low + random.uniform(0.2, 0.3, (2, 60, 2))], 2)
    scores = -np.sort(-np.where(random.random((2, 60)) < 0.9, random.random((2, 60)), 0))
    kinds = random.integers(0, 2, (2, 60))
    found = suppressed(torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(kinds))
    assert found.tolist() == [greedy(*each) for each in zip(boxes, scores, kinds, strict=True)]
    assert 5 < found.sum() < 100
