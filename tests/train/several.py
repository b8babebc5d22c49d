"""Processes that torchrun would start, started one by one, so that a test can reach each of them.

They are forked from one that has loaded PyTorch: to load it takes each new one far longer than what it is made for.
"""

import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.work import HANG

ROOT = Path(__file__).parents[2]
WORKER = ("-m", "tests.train.worker")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["hubel.train", "hubel.tasks", "hubel.report"])


class Forked:
    """A process that does what `python LINE` does, with these settings in its environment; what it says goes to `log`.

    It is asked and told as a `subprocess.Popen` is.
    """

    def __init__(self, line, settings, log):
        log.write_text("")  # for those who look before the process writes
        self.log = log
        self.process = FORKS.Process(target=become, args=(list(map(str, line)), settings, log))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OMP_NUM_THREADS", "1")  # which PyTorch reads when the first of them is started
            self.process.start()

    def wait(self, timeout):
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired([], timeout)
        return self.process.exitcode

    def said(self):
        return self.log.read_text()

    def until_said(self, words):
        end = time.monotonic() + HANG
        while words not in self.said():
            assert time.monotonic() < end, self.said()
            assert self.poll() is None, self.said()
            time.sleep(0.02)

    def poll(self):
        return self.process.exitcode

    def send_signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)


def become(line, settings, log):
    """Run a module (-m) or a program (-c) as Python does, in a process that has just been forked."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells have ignored in what they run behind them
    os.environ.update(settings)
    os.chdir(ROOT)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    kind, what, *sys.argv[1:] = line
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})


class Several:
    """Processes that train in one folder. restarts: how often each is told that it was started again."""

    def __init__(self, directory, epochs, restarts=(0, 0), **environment):
        arguments = [*WORKER, directory, str(epochs), "plain"]
        self.start(directory.parent, [arguments] * len(restarts), restarts, environment)

    def start(self, folder, lines, restarts, environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.processes = []
        for rank, (line, count) in enumerate(zip(lines, restarts, strict=True)):
            settings = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": len(lines), "LOCAL_WORLD_SIZE": 1}
            settings |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RESTART_COUNT": count}
            settings |= environment
            settings = {name: str(value) for name, value in settings.items()}
            self.processes.append(Forked(line, settings, folder / f"log{rank}"))

    def said(self, rank):
        return self.processes[rank].said()

    def until_said(self, rank, words):
        self.processes[rank].until_said(words)

    def until_trained(self):
        self.until_said(0, "started")
        time.sleep(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait(HANG)
