"""Processes that torchrun would start, started one by one, so that a test can reach each of them."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.work import HANG

ROOT = Path(__file__).parents[2]
WORKER = ("-m", "tests.train.worker")


class Several:
    """Processes that train in one folder. restarts: how often each is told that it was started again."""

    def __init__(self, directory, epochs, restarts=(0, 0), **environment):
        arguments = [*WORKER, directory, str(epochs), "plain"]
        self.start(directory.parent, [arguments] * len(restarts), restarts, environment)

    def start(self, folder, lines, restarts, environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.logs = [folder / f"log{rank}" for rank in range(len(lines))]
        self.processes = []
        for rank, (log, count) in enumerate(zip(self.logs, restarts, strict=True)):
            settings = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": len(lines), "LOCAL_WORLD_SIZE": 1}
            settings |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RESTART_COUNT": count}
            settings |= {"OMP_NUM_THREADS": 1, **environment}
            with open(log, "w") as said:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, *lines[rank]],
                        env={**os.environ, **{name: str(value) for name, value in settings.items()}},
                        cwd=ROOT,
                        stdout=said,
                        stderr=subprocess.STDOUT,
                    )
                )

    def said(self, rank):
        return self.logs[rank].read_text()

    def until_said(self, rank, words):
        end = time.monotonic() + HANG
        while words not in self.said(rank):
            assert time.monotonic() < end, self.said(rank)
            assert self.processes[rank].poll() is None, self.said(rank)
            time.sleep(0.02)

    def until_trained(self):
        self.until_said(0, "started")
        time.sleep(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
