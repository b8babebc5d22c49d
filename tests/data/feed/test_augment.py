import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hubel.data import Augmentation, Dataset, Preprocessing, load


def pictures(count: int = 64, side: int = 28, channels: int = 1) -> torch.Tensor:
    images = np.random.default_rng(0).integers(1, 255, (count, side, side, channels), dtype=np.uint8)
    return torch.from_numpy(images)


def changed(text: str, images: torch.Tensor, epoch: int = 0, seed: int = 0) -> torch.Tensor:
    return Augmentation.parse(text).apply(images, seed, epoch, torch.arange(len(images)))


KINDS = ["shift 2, fill 0", "flip", "crop 0.4", "rotate 20", "colour 0.3", "operations 2, fill 0", "cutout 7, fill 0"]


@pytest.mark.parametrize("text", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_change_keeps_the_form_and_changes_something(text: str, channels: int) -> None:
    images = pictures(channels=channels)
    before = images.clone()
    result = changed(text, images)
    assert result.shape == images.shape
    assert result.dtype == torch.uint8
    assert (images == before).all()
    differing = (result != images).flatten(1).any(1).float().mean()
    assert 0.3 < differing <= 1


@pytest.mark.parametrize("text", [*KINDS, ", ".join(["shift 2", "flip", "crop 0.4", "colour 0.3", "operations 1"])])
def test_randomness_is_a_function_of_seed_epoch_and_position(text: str) -> None:
    augmentation = Augmentation.parse(text)
    images, positions = pictures(60), torch.arange(100, 160)
    whole = augmentation.apply(images, 3, 5, positions)
    pieces = [augmentation.apply(images[i : i + 7], 3, 5, positions[i : i + 7]) for i in range(0, 60, 7)]
    assert (torch.cat(pieces) == whole).all()
    backwards = augmentation.apply(images.flip(0), 3, 5, positions.flip(0)).flip(0)
    assert (backwards == whole).all()
    for seed, epoch in ((4, 5), (3, 6)):
        assert (augmentation.apply(images, seed, epoch, positions) != whole).any()


def test_switching_one_change_off_leaves_the_others_as_they_were() -> None:
    images = pictures()
    images[:, :, :] = images[:, :, :1]  # rows of one level: mirroring changes nothing
    assert (
        changed("shift 2, flip, fill 0", images)[:, :, 4:-4] == changed("shift 2, fill 0", images)[:, :, 4:-4]
    ).all()


def test_a_shift_is_by_whole_pixels_up_to_the_limit() -> None:
    images = torch.zeros(500, 9, 9, 1, dtype=torch.uint8)
    images[:, 4, 4] = 200
    result = changed("shift 2, fill 7", images)
    places = (result == 200).nonzero()
    assert len(places) == 500
    for axis in (1, 2):
        counts = torch.bincount(places[:, axis], minlength=9)
        assert counts[:2].sum() == counts[7:].sum() == 0
        assert counts[2:7].min() > 60  # 100 expected
    assert set(result.unique().tolist()) == {0, 7, 200}


def test_without_a_ground_the_image_is_mirrored_at_its_border() -> None:
    images = torch.full((50, 9, 9, 3), 90, dtype=torch.uint8)
    for text in ("shift 3", "rotate 45", "crop 0.5"):
        assert (changed(text, images) == 90).all()


def test_flip_mirrors_half_of_the_images() -> None:
    images = pictures(400)
    result = changed("flip", images)
    mirrored = (result == images.flip(2)).flatten(1).all(1)
    same = (result == images).flatten(1).all(1)
    assert (mirrored | same).all()
    assert 150 < int(mirrored.sum()) < 250


def test_a_crop_shows_a_part_of_at_least_the_share() -> None:
    ramp = torch.linspace(0, 255, 64).to(torch.uint8)
    columns = ramp.expand(300, 64, 64)[..., None].contiguous()
    shown = changed("crop 0.25", columns)[:, 32, :, 0].float()
    width = (shown[:, -1] - shown[:, 0]) / 255
    assert width.min() > 0.25 * 3 / 4 - 0.05
    assert width.max() <= 1
    assert 0.4 < width.mean() < 0.95
    assert shown[:, 0].min() < 20
    assert shown[:, -1].max() > 235


def test_cutout_paints_one_square() -> None:
    painted = changed("cutout 6, fill 0", pictures(300, 20))[..., 0] == 0
    rows, columns = painted.any(2).sum(1), painted.any(1).sum(1)
    assert (painted.flatten(1).sum(1) == rows * columns).all()
    assert int(rows.max()) == int(columns.max()) == 6
    assert int(rows.min()) >= 3


def test_mixup_shares_follow_the_beta_distribution() -> None:
    positions = torch.arange(20000)
    for alpha in (0.2, 1.0, 4.0):
        shares = Augmentation(mixup=alpha).shares(0, 0, positions, torch.device("cpu"))
        drawn = np.random.default_rng(0).beta(alpha, alpha, 20000)
        expected = np.maximum(drawn, 1 - drawn)
        assert float(shares.min()) >= 0.5
        assert float(shares.mean()) == pytest.approx(expected.mean(), abs=0.01)
        assert float(shares.std()) == pytest.approx(expected.std(), abs=0.01)
    partners = Augmentation(mixup=1.0).partners(0, 0, positions, 50)
    assert torch.bincount(partners, minlength=50).min() > 300
    assert partners.max() == 49


texts = st.builds(
    Augmentation,
    shift=st.integers(0, 9),
    flip=st.booleans(),
    crop=st.floats(0, 1).map(lambda x: round(x, 3)),
    rotate=st.integers(0, 180).map(float),
    colour=st.floats(0, 1).map(lambda x: round(x, 3)),
    operations=st.integers(0, 8),
    magnitude=st.integers(0, 10).map(float),
    cutout=st.integers(0, 30),
    mixup=st.floats(0, 2).map(lambda x: round(x, 3)),
    fill=st.none() | st.integers(0, 255),
)


@given(texts)
def test_text_there_and_back(augmentation: Augmentation) -> None:
    if augmentation:
        assert Augmentation.parse(str(augmentation)) == augmentation
    else:
        assert str(augmentation) == "none"
        assert not Augmentation.parse("none")


def test_what_is_no_augmentation_is_refused() -> None:
    for text, message in {
        "shfit 1": "expected 'none' or some of shift NUMBER, flip,",
        "flip 2": "received 'flip 2'",
        "shift": "received 'shift'",
        "crop 2": "expected crop from 0 to 1, received 2.0",
        "shift 1.5": "expected a number after shift",
        "none, flip": "received 'none'",
    }.items():
        with pytest.raises(ValueError, match=message):
            Augmentation.parse(text)


def test_the_rule_shifts_digits_and_mirrors_photographs_only() -> None:
    mnist = load("mnist").train
    rule = Augmentation.for_dataset(mnist, Preprocessing.for_dataset(mnist), 3)
    assert str(rule) == "shift 1, fill 0"
    assert not Augmentation.for_dataset(mnist, Preprocessing.for_dataset(mnist), 1)
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    for side, expected in ((32, "shift 4, flip"), (96, "flip, crop 0.35")):
        levels = rng.integers(0, 90, (200, side, side, 3)) + labels[:, None, None, None] * 90
        photographs = Dataset(levels.astype(np.uint8), labels.astype(np.int64), ("dark", "light"))
        preprocessing = Preprocessing.for_dataset(photographs)
        assert str(Augmentation.for_dataset(photographs, preprocessing, 5)) == expected
        thorough = Augmentation.for_dataset(photographs, preprocessing, 100)
        assert thorough.colour
        assert thorough.cutout == side // 4


def test_things_that_look_one_way_are_not_mirrored() -> None:
    images = np.random.default_rng(0).integers(0, 60, (400, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(400) % 2
    images[labels == 0, :, :10] += 150
    images[labels == 1, :, -10:] += 150
    arrows = Dataset(images, labels.astype(np.int64), ("left", "right"))
    assert not Augmentation.for_dataset(arrows, Preprocessing.for_dataset(arrows), 5).flip
