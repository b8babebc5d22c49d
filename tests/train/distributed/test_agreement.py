"""Processes that were started with different things: all say what differs, and none trains."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hubel.data._load as loading
from hubel.arch import parse
from hubel.data import Dataset, Splits, load
from hubel.train._agree import facts
from tests.train.odd_one import WAYS
from tests.train.quadrants import PLAIN
from tests.train.several import Several


class Odd(Several):
    """Processes of which one was started with something else."""

    def __init__(self, directory, count, odd):
        lines = [["-m", "tests.train.odd_one", directory]] * count
        self.start(directory.parent, lines, [0] * count, {"ODD": odd})


@pytest.fixture(scope="module", params=[(2, 1), (4, 0)], ids=["two", "four, the first differs"])
def said(request, tmp_path_factory):
    count, odd = request.param
    with Odd(tmp_path_factory.mktemp("odd") / "run", count, odd) as several:
        for rank, process in enumerate(several.processes):
            assert process.wait(timeout=120) == 1, several.said(rank)
        return [several.said(rank) for rank in range(count)]


TOLD = {
    "fewer": "reads 639 training images of 8×8×1 (quadrants), process 0 reads 640 training images of 8×8×1",
    "pixel": "has training images of the fingerprint",
    "label": "has training labels of the SHA-256",
    "order": "has training labels of the SHA-256",
    "classes": "calls their classes ne, nw, sw, se (quadrants), process 0 calls their classes nw, ne, sw, se",
    "more classes": "calls their classes nw, ne, sw, se, middle",
    "part": "reads 200 validation images of 8×8×1 (quadrants), process 0 reads no validation images",
    "test": "has test labels of the SHA-256",
    "network": "trains 8x8x1: conv 4 3x3 same tanh, maxpool 2, flatten, dens…, process 0 trains 8x8x1: conv 4 3x3",
    "recipe": "sets learning_rate to 0.02, process 0 sets learning_rate to 0.03",
    "no recipe": "has no recipe of its own, process 0 has a recipe of its own",
    "folder": "writes to a run called other (",
    "version": "runs torch 0.4.1, process 0 runs torch ",
}


@pytest.mark.parametrize("way", WAYS)
def test_all_say_what_differs(said, way):
    lines = [next(line for line in each.splitlines() if line.startswith(f"{way}: ")) for each in said]
    assert len(set(lines)) == 1
    assert lines[0].startswith(f"{way}: nothing was trained, since the processes were started with different things: ")
    if len(said) == 2:
        assert f"process 1 {TOLD[way]}" in lines[0]
    else:
        assert all(f"process {rank} " in lines[0] for rank in (1, 2, 3))


def test_nothing_is_left_of_what_was_not_begun(said):
    assert all("begun: False" in each for each in said)


def test_another_run_in_a_folder_that_not_all_see_is_noticed(said):
    last = [each.rpartition("DisagreementError: ")[2] for each in said]
    assert len(set(last)) == 1
    assert "sets seed to" in last[0]
    assert "has a run whose run.toml has the SHA-256" in last[0]


def told(dataset):
    return facts(parse(PLAIN), Splits(dataset), None, Path("run"))["training"]


def test_of_images_in_memory_every_one_counts_even_where_the_fingerprint_looks_at_some():
    images = np.zeros((10_000, 8, 8, 1), np.uint8)
    one = Dataset(images, np.zeros(10_000, np.int64), ("a", "b"))
    other = images.copy()
    other[1, 7, 7, 0] = 1  # of 10,000 every third is in the fingerprint
    assert told(one) != told(Dataset(other, one.labels, one.classes))
    assert told(one) == told(Dataset(images.copy(), one.labels, one.classes))


def test_mapped_images_are_known_by_the_files_that_they_were_made_of(tmp_path, monkeypatch):
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(loading, "NOT_KEPT", 0)
    monkeypatch.setattr(loading, "IN_MEMORY", 0)
    keys = []
    for folder, grey in (("one", 7), ("same", 7), ("other", 8)):
        for name in ("ant", "bee"):
            (tmp_path / folder / name).mkdir(parents=True)
            Image.new("L", (8, 8), grey).save(tmp_path / folder / name / "1.png")
        part = load(tmp_path / folder).train
        assert isinstance(part.images, np.memmap)
        assert part.cache_key[:12] in told(part)[-1].what
        assert not part.take(np.array([0])).cache_key
        keys.append(part.cache_key)
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 64
