"""The processes of the service: workers, and an end that finishes."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from hubel.data.decode.parallel import workers_here
from hubel.serve.app import application
from hubel.serve.board import Rows
from hubel.serve.connection import Connection
from hubel.serve.listening import bound_socket
from hubel.serve.log import begin_log
from hubel.serve.served import all_served
from hubel.serve.settings import Settings

_DEAF = 120  # seconds in which a worker has to say that it lives: opening models on a busy machine takes long
_TURN = 0.0003  # seconds after which threads take turns: by Python's 5 ms, who decodes waits for that long each time
_SPARE = 128  # open files that are left for all else


@dataclasses.dataclass(frozen=True)
class _Worker:
    """Makes the application in the process where it runs."""

    settings: Settings

    def __call__(self) -> Any:
        begin_log()
        if parent := multiprocessing.parent_process():
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        sys.setswitchinterval(_TURN)
        Connection.most = min(self.settings.limits.connections, _allowed_files() - _SPARE)
        return application(self.settings)


def _end_with(parent: Any) -> None:
    """End as by SIGTERM once the process that starts workers is gone, however it went: the port would stay taken."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


class _Workers(Multiprocess):
    """Workers of which one that dies is noticed at once, and signals too, while another still opens its models: they
    are asked whether they live, and nobody waits for the answer.
    """

    def keep_subprocess_alive(self) -> None:
        """Start another worker in place of each that is dead or deaf."""
        for process in self.processes:
            if not isinstance(process.is_alive, _Asked):
                process.is_alive = _Asked(process)  # type: ignore[method-assign]
        super().keep_subprocess_alive()


class _Asked:
    """Whether a worker lives: its process is there, and it has answered within so many seconds of being asked."""

    def __init__(self, worker: Process) -> None:
        self.worker = worker
        self.since: float | None = None

    def __call__(self, timeout: float = _DEAF) -> bool:
        pipe = self.worker.parent_conn
        try:
            if self.since is None:
                pipe.send(b"ping")
                self.since = time.monotonic()
            if pipe.poll():
                pipe.recv()
                self.since = None
        except (OSError, EOFError):
            return False
        return self.worker.process.is_alive() and (self.since is None or time.monotonic() - self.since < timeout)


def serve(
    settings: Settings,
    *,
    address: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    certificate: str | None = None,
    key: str | None = None,
    listening: Callable[[socket.socket], None] = lambda socket: None,
) -> None:
    """Serve until a signal ends it; what was taken until then is answered.

    listening: is called with the socket once all models are open. Raises SettingError where the port cannot be had, and
    what opening a model raises.
    """
    settings = dataclasses.replace(settings, threads=max(1, workers_here() // workers))
    with bound_socket(address, port) as bound:
        if workers == 1:
            server = server_of(settings, ssl_certfile=certificate, ssl_keyfile=key)
            listening(bound)
            server.run([bound])
            return
        begin_log()
        all_served(settings)  # so that what cannot be opened is said once, before all
        rows = Rows.of([name for name, _ in settings.models], workers)
        listening(bound)
        settings = dataclasses.replace(settings, board=rows)
        config = _config(settings, workers=workers, ssl_certfile=certificate, ssl_keyfile=key)
        _Workers(config, [bound]).run()


def server_of(settings: Settings, **options: Any) -> Server:
    """A server in this process, its models open: `run([socket])` serves until its `should_exit` is True."""
    config = _config(settings, **options)
    config.load()
    return Server(config)


def _config(settings: Settings, **options: Any) -> Config:
    return Config(
        _Worker(settings),
        factory=True,
        http=Connection,
        loop="asyncio",  # uvloop takes one new connection a turn, so that under load others wait for seconds
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_worker_healthcheck=_DEAF,
        timeout_graceful_shutdown=round(settings.limits.deadline + settings.limits.patience) + 1,
        **options,
    )


def _allowed_files() -> int:
    """How many files this process may have open, raised as far as the system allows."""
    try:
        import resource
    except ImportError:  # Windows, where sockets are no files
        return 2**16
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 2**16 if hard == resource.RLIM_INFINITY else min(hard, 2**16)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(soft, most)
