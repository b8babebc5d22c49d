import io
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.data import Augmentation, Batch, Batches, Dataset, Order, load


def dataset(count: int = 103, side: int = 6) -> Dataset:
    images = np.random.default_rng(0).integers(0, 255, (count, side, side, 3), dtype=np.uint8)
    return Dataset(images, np.arange(count, dtype=np.int64), tuple(map(str, range(count))))


CHANGES = Augmentation.parse("shift 1, flip, colour 0.2, mixup 0.5")


def joined(pieces: list[Batch]) -> list[torch.Tensor]:
    return [torch.cat([getattr(piece, name) for piece in pieces]) for name in ("images", "targets", "positions")]


def test_batches_follow_the_order() -> None:
    examples = dataset()
    batches = Batches(examples, 10, seed=4)
    assert len(batches) == batches.steps == 10
    images, labels, positions = joined(list(batches.epoch(2)))
    order = Order(4, 103).epoch(2)[:100]
    assert positions.tolist() == list(range(100))
    assert (labels == order).all()
    assert (images == torch.from_numpy(examples.images)[order]).all()


@pytest.mark.parametrize("world", [2, 3, 4])
def test_the_processes_together_see_what_one_sees(world: int) -> None:
    examples = dataset()
    alone = list(Batches(examples, 12, 0, CHANGES).epoch(1))
    ranks = [Batches(examples, 12, 0, CHANGES, rank=rank, world=world).epoch(1) for rank in range(world)]
    for whole, *parts in zip(alone, *ranks, strict=True):
        for name in ("images", "targets", "positions", "others", "share"):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name)), name


def test_an_epoch_goes_on_from_the_middle() -> None:
    batches = Batches(dataset(), 10, 0, CHANGES)
    whole = list(batches.epoch(3))
    rest = list(Batches(dataset(), 10, 0, CHANGES).epoch(3, start=6))
    assert len(rest) == 4
    for left, right in zip(whole[6:], rest, strict=True):
        assert (left.images == right.images).all()
        assert (left.positions == right.positions).all()


def test_epochs_and_seeds_differ() -> None:
    firsts = [next(Batches(dataset(), 10, seed).epoch(epoch)).targets.tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(first) for first in firsts}) == 4


def test_mixup_tells_the_other_label() -> None:
    images = np.repeat(np.array([0, 200], np.uint8), 50).reshape(100, 1, 1, 1)
    examples = Dataset(images, np.repeat(np.arange(2), 50), ("dark", "light"))
    pieces = list(Batches(examples, 20, 0, Augmentation(mixup=1.0)).epoch(0))
    for piece in pieces:
        assert piece.share is not None
        assert piece.others is not None
        expected = 200 * (piece.targets * piece.share + piece.others * (1 - piece.share))
        torch.testing.assert_close(piece.images.flatten().float(), expected, atol=0.51, rtol=0)
    assert any((piece.targets != piece.others).any() for piece in pieces)


def test_the_image_mixed_in_is_changed_as_at_its_own_place() -> None:
    examples = dataset(60)
    piece = list(Batches(examples, 20, 7, CHANGES).epoch(1))[2]
    order, images = Order(7, 60).epoch(1), torch.from_numpy(examples.images)
    partners = CHANGES.partners(7, 1, piece.positions, 60)
    own = CHANGES.apply(images[order[piece.positions]], 7, 1, piece.positions)
    other = CHANGES.apply(images[order[partners]], 7, 1, partners)
    assert piece.share is not None
    share = piece.share[:, None, None, None]
    torch.testing.assert_close(piece.images.float(), own * share + other * (1 - share), atol=0.51, rtol=0)
    assert piece.others is not None
    assert (piece.others == order[partners]).all()


@pytest.mark.parametrize("channels_first", [False, True])
def test_a_memory_map_gives_the_same_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels_first: bool
) -> None:
    examples = dataset()
    np.save(tmp_path / "images.npy", examples.images.transpose(0, 3, 1, 2) if channels_first else examples.images)
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    images = images.transpose(0, 2, 3, 1) if channels_first else images[:]
    mapped = Dataset(images, examples.labels, examples.classes)
    monkeypatch.setattr("hubel.data.feed.read_ahead.HELD", 2000)  # so that pages are given back on the way
    threads = threading.active_count()
    for epoch in range(2):
        pairs = zip(
            Batches(examples, 10, 0, CHANGES).epoch(epoch), Batches(mapped, 10, 0, CHANGES).epoch(epoch), strict=True
        )
        for left, right in pairs:
            assert (left.images == right.images).all()
            assert threading.active_count() == threads  # which would disturb those that compute


def test_a_set_that_leaves_no_room_on_a_device_stays_and_comes_by_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = dataset()
    for room, lies in ((True, "meta"), (False, "cpu")):
        monkeypatch.setattr("hubel.data.feed.device.free_memory", lambda device, room=room: 10**9 if room else 200)
        batches = Batches(examples, 10, 0, CHANGES, device="meta")
        assert batches._images.device.type == lies
        assert [batch.images.device.type for batch in batches.epoch(0)] == ["meta"] * 10


def test_a_memory_map_is_read_by_a_thread_for_another_device(tmp_path: Path) -> None:
    examples = dataset()
    np.save(tmp_path / "images.npy", examples.images)
    mapped = Dataset(np.load(tmp_path / "images.npy", mmap_mode="r"), examples.labels, examples.classes)
    elsewhere = Batches(mapped, 10, 0, device="meta").epoch(0)
    threads = threading.active_count()
    assert next(elsewhere).images.shape == (10, *examples.shape)
    assert threading.active_count() == threads + 1
    assert [piece.positions[0].item() for piece in elsewhere] == list(range(10, 100, 10))
    stopped = Batches(mapped, 10, 0, device="meta").epoch(0)
    next(stopped)
    del stopped
    assert threading.active_count() == threads  # a loop that breaks off leaves no thread behind


def test_shards_of_any_sizes_give_every_process_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("hubel.data._load.NOT_KEPT", 0)  # kept and mapped, as sets larger than memory are
    monkeypatch.setattr("hubel.data._load.IN_MEMORY", 0)
    for shard, count in enumerate((1, 23, 6)):
        with tarfile.open(tmp_path / f"train-{shard}.tar", "w") as tar:
            for number in range(count):
                picture = io.BytesIO()
                Image.new("L", (4, 4), 30 * shard + number).save(picture, "PNG")
                for ending, content in (("png", picture.getvalue()), ("cls", b"%d" % (number % 2))):
                    about = tarfile.TarInfo(f"{number:03d}.{ending}")
                    about.size = len(content)
                    tar.addfile(about, io.BytesIO(content))
    data = load(str(tmp_path / "train-{0..2}.tar")).train
    assert isinstance(data.images.base, np.memmap)
    alone = [batch.images[:, 0, 0, 0].tolist() for batch in Batches(data, 6, 1).epoch(0)]
    shared = [
        [batch.images[:, 0, 0, 0].tolist() for batch in Batches(data, 6, 1, rank=rank, world=3).epoch(0)]
        for rank in range(3)
    ]
    assert [[len(values) for values in own] for own in shared] == [[2] * 5] * 3
    assert [[value for own in parts for value in own] for parts in zip(*shared, strict=True)] == alone
    assert len({value for values in alone for value in values}) == 30


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batches of 1 to 103 images \(all there are\), received 104"):
        Batches(dataset(), 104, 0)
    with pytest.raises(ValueError, match="4 processes can share equally, received 10; 8 would do"):
        Batches(dataset(), 10, 0, world=4)
    with pytest.raises(ValueError, match="expected a rank from 0 to 1"):
        Batches(dataset(), 10, 0, rank=2, world=2)
