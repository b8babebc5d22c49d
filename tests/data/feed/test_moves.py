"""Whatever lies on an image goes where the image's pixels go: planes, points, boxes, pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hubel.data import Augmentation, Batches, Dataset, Order, Repeated
from hubel.data.feed import transform

CHANGES = [
    "shift 5, fill 0",
    "flip",
    "shift 3, flip, fill 0",
    "crop 0.4, flip",
    "rotate 40, fill 0",
    "zoom 2, fill 0",
    "window 64, fill 0",
    "window 64, zoom 2, flip, rotate 10, fill 0",
    "shift 4, flip, window 32, zoom 1.5",
    "updown",
    "shift 3, flip, updown, fill 0",
    "window 64, zoom 2, flip, updown, rotate 10, fill 0",
    "window 64, zoom 1.5, flip, updown, fill 0",
]
SHAPE = (96, 128)


def blob(centres):
    """A round blob of three channels, its middle at each (x, y), on black, and the plane of its pixels."""
    down, right = (torch.arange(side) + 0.5 for side in SHAPE)
    x, y = centres[:, 0, None, None], centres[:, 1, None, None]
    inside = (right[None, None] - x) ** 2 + (down[None, :, None] - y) ** 2 < 6**2
    return (inside[..., None] * 255).to(torch.uint8).expand(-1, -1, -1, 3).contiguous(), inside.to(torch.uint8)


def moved(text, centres):
    augmentation = Augmentation.parse(text)
    images, planes = blob(centres)
    positions = torch.arange(len(images))
    moves = augmentation.moves(images.shape, 3, 1, positions, torch.device("cpu"))
    return moves, augmentation.apply(images, 3, 1, positions), moves.planes(planes, 0)


@pytest.mark.parametrize("text", CHANGES)
def test_points_boxes_and_planes_lie_where_the_object_lies(text):
    random = np.random.default_rng(0)
    centres = torch.from_numpy(random.uniform((30, 30), (98, 66), (40, 2))).float()
    moves, images, planes = moved(text, centres)
    assert tuple(images.shape[1:3]) == moves.size == tuple(planes.shape[1:])
    points = moves.points(centres[:, None])[:, 0]
    boxes, shares = moves.boxes(torch.cat([centres - 6, centres + 6], 1)[:, None])
    whole = 0
    for image, plane, point, box, share in zip(images, planes, points, boxes[:, 0], shares[:, 0], strict=True):
        seen = image[..., 0] > 127
        assert (seen != (plane > 0)).float().sum() <= 0.1 * max(60, int(seen.sum()))
        if share < 0.999:
            continue
        whole += 1
        rows, columns = torch.nonzero(seen, as_tuple=True)
        middle = torch.stack([columns.float().mean(), rows.float().mean()]) + 0.5
        assert (middle - point).abs().max() < 0.6
        edges = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert (box[:2] <= edges[:2] + 1.2).all()
        assert (box[2:] >= edges[2:] - 1.2).all()
        if "rotate" not in text:  # a box that is turned is larger than what it holds
            assert (edges - box).abs().max() < 1.6
    assert whole >= 3


@pytest.mark.parametrize(
    "text", ["zoom 2, flip, fill 30", "zoom 2, flip, updown", "window 32, zoom 1.5, flip", "crop 0.3"]
)
def test_upright_parts_are_what_the_same_maps_show_of_any_device(text):
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.integers(0, 256, (12, 3, 12, 16))).float()
    images = torch.nn.functional.interpolate(coarse, SHAPE, mode="bilinear").permute(0, 2, 3, 1).to(torch.uint8)
    planes = images[..., :1] // 32
    augmentation = Augmentation.parse(text)
    moves = augmentation.moves(images.shape, 3, 1, torch.arange(12), torch.device("cpu"))
    assert moves.whole
    for pixels, mode, most in ((images, "bilinear", 3), (planes, "nearest", 0)):
        outside = augmentation.fill
        turned = pixels if moves.flip is None else transform.flipped(pixels, moves.flip)
        turned = turned if moves.updown is None else transform.flipped(turned, moves.updown, 1)
        expected = transform.warped(turned, moves.views, outside, mode, moves.size)
        away = (moves.apply(pixels, outside, mode).int() - expected.int()).abs()
        # what is mixed with a ground at the edge may differ, and a place in the middle of two pixels
        assert (away > most).float().mean() < (0.03 if outside is not None or mode == "nearest" else 0.002)


def test_of_a_box_that_leaves_the_picture_what_is_seen_remains():
    moves, images, _ = moved("window 64, fill 0", torch.full((60, 2), 48.0))
    boxes, shares = moves.boxes(torch.tensor([42.0, 42, 54, 54]).expand(60, 1, 4))
    full = int((blob(torch.full((1, 2), 48.0))[0][..., 0] > 127).sum())
    seen = (images[..., 0] > 127).flatten(1).sum(1) / full
    torch.testing.assert_close(shares[:, 0], seen, atol=0.2, rtol=0)
    assert ((shares > 0) & (shares < 1)).any()
    assert (boxes >= 0).all()
    assert (boxes <= 64).all()
    assert (shares == 0).any()


def test_what_was_the_left_one_is_the_right_one_in_a_mirrored_picture():
    centres = torch.tensor([[20.0, 30.0]]).repeat(20, 1)
    moves, _, _ = moved("flip", centres)
    points = torch.tensor([[20.0, 30.0], [60.0, 30.0], [64.0, 80.0]]).expand(20, 3, 2)
    found = moves.swapped(moves.points(points), [(0, 1)])
    mirrored = moves.flip < 0.5
    assert mirrored.any()
    assert (~mirrored).any()
    torch.testing.assert_close(found[~mirrored], points[~mirrored])
    torch.testing.assert_close(found[mirrored][0], torch.tensor([[68.0, 30.0], [108.0, 30.0], [64.0, 80.0]]))


def test_what_is_mirrored_both_ways_is_turned_and_left_stays_left():
    centres = torch.tensor([[20.0, 30.0]]).repeat(40, 1)
    moves, images, _ = moved("flip, updown", centres)
    points = torch.tensor([[20.0, 30.0], [60.0, 30.0]]).expand(40, 2, 2)
    found, both = moves.swapped(moves.points(points), [(0, 1)]), (moves.flip < 0.5) & (moves.updown < 0.5)
    below = (moves.flip >= 0.5) & (moves.updown < 0.5)
    assert both.any()
    assert below.any()
    torch.testing.assert_close(found[both][0], torch.tensor([[108.0, 66.0], [68.0, 66.0]]))
    torch.testing.assert_close(found[below][0], torch.tensor([[60.0, 66.0], [20.0, 66.0]]))
    assert (images[both][:, 66, 108] == 255).all()


def test_nothing_moves_where_nothing_is_asked_for():
    moves, images, _ = moved("colour 0.2", torch.full((4, 2), 48.0))
    assert moves.maps() is None
    assert images.shape[1:3] == SHAPE
    boxes = torch.tensor([-5.0, 0, 10, 10]).expand(4, 1, 4)
    clipped, shares = moves.boxes(boxes)
    assert clipped[0, 0].tolist() == [0, 0, 10, 10]
    assert shares[0, 0].item() == pytest.approx(2 / 3)


def test_windows_are_shorter_by_multiples_of_32():
    augmentation = Augmentation(window=256)
    assert augmentation.size((360, 480)) == (232, 256)
    assert augmentation.size((100, 256)) == (100, 256)
    assert Augmentation(window=8).size((16, 70)) == (16, 38)
    assert Augmentation.parse(str(Augmentation(window=64, zoom=2.0, flip=True))) == Augmentation(
        64 * 0, True, window=64, zoom=2.0
    )
    with pytest.raises(ValueError, match="expected crop, or window and zoom, received both"):
        Augmentation(crop=0.5, window=64)


def test_an_epoch_of_windows_shows_as_many_pixels_as_the_images_have():
    augmentation = Augmentation(window=256)
    assert augmentation.passes((360, 480)) == 3
    assert augmentation.passes((256, 256)) == 1
    order = Repeated(Order(0, 5), 3)
    assert sorted(order.epoch(1).tolist()) == sorted([*range(5)] * 3)
    assert torch.equal(order.epoch(1)[5:10], Order(0, 5).epoch(4))
    dataset = Dataset(np.zeros((5, 8, 8, 1), np.uint8), np.zeros(5, np.int64), ("a",))
    assert len(Batches(dataset, 4, 0, order=order)) == 3
