"""Runs of every task that are killed while they write go on to the same bits; what is written of them is whole."""

import os
import signal

import pytest

from hubel.tasks.names import TASKS
from tests.tasks.killed import bits, content, forked, strays, trained, writers
from tests.tasks.little import LITTLE

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forked processes"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded"),
]


def dying(work, writes):
    """A work in whose process the file of this number is complete, and not yet in its place, when it is killed."""
    left, put = writes, os.replace

    def replace(*places, **settings):
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        put(*places, **settings)

    def do():
        os.replace = replace
        work()

    return do


def test_every_task_is_tried():
    assert set(LITTLE) == set(TASKS)


@pytest.mark.parametrize("task", LITTLE)
def test_a_run_that_is_killed_while_it_writes_ends_with_the_same_bits(task, tmp_path):
    little, log = LITTLE[task](tmp_path / "data"), tmp_path / "log"
    assert forked(lambda: trained(little, tmp_path / "clean"), log=log) == 0, log.read_text()
    for writes in (1, 5, 8):  # of its settings, of checkpoints
        status = forked(dying(lambda: trained(little, tmp_path / "run"), writes))
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert forked(lambda: trained(little, tmp_path / "run"), log=log) == 0, log.read_text()
    assert bits(tmp_path / "run") == bits(tmp_path / "clean")
    assert strays(tmp_path / "run") == []


def test_what_is_written_of_a_run_is_whole_or_not_there(tmp_path):
    little = LITTLE["classification"](tmp_path / "data")
    trained(little, tmp_path / "run")
    for picture in little.source.rglob("*.png"):
        os.utime(picture, (10**9, 10**9))  # an index does not trust files that have just been written
    for folder in ("clean", "killed"):
        (tmp_path / folder).mkdir()
    clean, other = (writers(tmp_path / "run", little.source, tmp_path / each) for each in ("clean", "killed"))
    for name in ("index", "model.onnx"):
        assert forked(clean[name][1], log=tmp_path / "log") == 0, (tmp_path / "log").read_text()
        path, work = other[name]
        assert os.WTERMSIG(forked(dying(work, 1))) == signal.SIGKILL
        assert not path.exists()
        assert forked(work) == 0
        assert content(path) == content(clean[name][0])
        assert strays(tmp_path / "killed") == []
