"""A disk that is full, while a run is written to it: named with what to do, and no more than that is lost."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hubel.base.errors import FullDiskError
from hubel.base.files import write_atomically

SMALL = "2200k"  # room for two checkpoints and no third
MOUNT = ["unshare", "-rm", "bash", "-c"]


def may_mount():
    try:
        return subprocess.run([*MOUNT, "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not may_mount(), reason="needs to mount a small file system")
def test_a_run_says_what_to_do_and_goes_on_where_there_is_room(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (64, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(64) % 2)
    disk = tmp_path / "disk"
    disk.mkdir()
    hubel, run = f"{sys.executable} -m hubel", disk / "run"
    line = f"train '8x8x1: flatten, dense 700 relu, dense 2' {tmp_path}/images.npz --epochs 4 --no-report --run {run}"
    script = f"""
        mount -t tmpfs -o size={SMALL} tmpfs {disk} || exit 9
        {hubel} {line} >{tmp_path}/said 2>&1; echo $?
        find {run} -name '*partial*'; ls {run}/checkpoints/*.json >{tmp_path}/kept; cp {run}/metrics.csv {tmp_path}
        mount -o remount,size=32m {disk}
        {hubel} train --resume {run} --no-report 2>&1; echo $?
        cp {run}/model.safetensors {tmp_path}
    """
    done = subprocess.run([*MOUNT, script], capture_output=True, text=True, timeout=120)
    said = (tmp_path / "said").read_text()
    status, *left = done.stdout.splitlines()
    assert status == "2", said
    assert left[0].startswith("training"), left  # no partial file was found
    assert left[-1] == "0", done.stdout
    told = said.splitlines()[-1]
    assert told.startswith(f"hubel: {run}/")
    assert "there is no room for it (No space left on device" in told
    assert told.endswith(f"make room, or name a folder on another disk; then go on with: hubel train --resume {run}")
    assert (tmp_path / "kept").read_text()
    assert (tmp_path / "model.safetensors").exists()


@pytest.mark.skipif(not hasattr(sys, "getrefcount") or sys.platform == "win32", reason="needs limits of a process")
def test_a_file_larger_than_a_process_may_write_leaves_nothing(tmp_path):
    program = (
        "import resource, sys; from pathlib import Path; from hubel.base.files import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); path = Path(sys.argv[1])\n"
        "write_atomically(path, b'a' * 1000); write_atomically(path, b'b' * 1001)"
    )
    ran = subprocess.run([sys.executable, "-c", program, tmp_path / "file"], capture_output=True, text=True)
    assert "FullDiskError" in ran.stderr
    assert f"{tmp_path}/file: there is no room for it (File too large" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"a" * 1000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_without_room_is_named():
    with pytest.raises(FullDiskError, match="/dev/full: there is no room for it"):
        write_atomically(Path("/dev/full"), b"a")


@pytest.mark.skipif(not may_mount(), reason="needs to mount a small file system")
def test_a_place_where_nothing_may_be_written_is_named(tmp_path):
    (tmp_path / "disk").mkdir()
    program = (
        "import sys; from pathlib import Path\n"
        "from hubel.base.errors import ReadOnlyError\n"
        "from hubel.base.files import locked, replacing, write_atomically\n"
        "place = Path(sys.argv[1])\n"
        "for work in (lambda: write_atomically(place / 'a', ''), locked(place / 'run' / '.lock').__enter__,\n"
        "             replacing(place / 'folder').__enter__):\n"
        "    try: made = work(); made.mkdir() if made else None\n"
        "    except (ReadOnlyError, OSError) as error: print(type(error).__name__, error)\n"
    )
    script = f"mount -t tmpfs -o ro tmpfs {tmp_path}/disk && exec {sys.executable} -c '{{}}' {tmp_path}/disk"
    done = subprocess.run([*MOUNT, script.format(program.replace("'", '"'))], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all("Read-only file system" in line for line in lines)
    assert [line.split()[0] for line in lines[:2]] == ["ReadOnlyError"] * 2
    assert "disk/a: nothing may be written there (Read-only file system); name another folder" in lines[0]
