"""The memory that a container has, as both versions of Linux's control groups tell it."""

import pytest

from hubel.arch import parse
from hubel.train import NotEnoughMemoryError, Recipe
from hubel.train.loop.machine import memory
from hubel.train.loop.machine.memory import check_memory

NETWORK = parse("64x64x3: conv 64 3x3 same, relu, conv 64 3x3 same, globalavgpool, dense 10")
MIB = 2**20
GROUPS = {
    # the file of a process's groups; what limits there are, and how much programs took, by folder
    "version 2": ("0::/a/b\n", {"a/b": ("memory.max", "max", "anon"), "a": ("memory.max", 150 * MIB, "anon")}),
    "version 2, as the root": ("0::/\n", {"": ("memory.max", 150 * MIB, "anon")}),
    "version 2, another name outside": ("0::/../../docker/x\n", {"": ("memory.max", 150 * MIB, "anon")}),
    "version 1": (
        "5:devices:/x\n4:cpu,memory:/docker/x\n0::/\n",
        {
            "memory/docker/x": ("memory.limit_in_bytes", 150 * MIB, "total_rss"),
            "memory": ("memory.limit_in_bytes", 2**63 - 4096, "total_rss"),
        },
    ),
    "version 1, as the root": ("4:memory:/docker/x\n", {"memory": ("memory.limit_in_bytes", 150 * MIB, "total_rss")}),
}


@pytest.fixture
def groups(tmp_path, monkeypatch):
    def make(own, folders):
        for name, (limit, most, programs) in folders.items():
            (tmp_path / "groups" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "groups" / name / limit).write_text(f"{most}\n")
            (tmp_path / "groups" / name / "memory.stat").write_text(f"cache 9\n{programs} {50 * MIB}\nfile 7\n")
        (tmp_path / "own").write_text(own)
        monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "groups")
        monkeypatch.setattr(memory, "_OWN", tmp_path / "own")

    return make


@pytest.mark.parametrize("kind", GROUPS)
def test_a_step_that_does_not_fit_the_container_is_refused(groups, kind):
    groups(*GROUPS[kind])
    with pytest.raises(NotEnoughMemoryError, match=r"more than is free on cpu \(100 MiB\); batch_size = \d+ would fit"):
        check_memory(NETWORK, Recipe(batch_size=256, device="cpu"))
    check_memory(NETWORK, Recipe(batch_size=2, device="cpu"))


@pytest.mark.parametrize("own", ["", "nonsense", "4:memory\n", "0::/x\n"])
def test_without_limits_what_the_machine_has_counts(groups, own):
    groups(own, {"x": ("memory.max", "max", "anon")})
    check_memory(NETWORK, Recipe(batch_size=2, device="cpu"))
