"""The processes of the service: workers, and an end that finishes."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from hubel.base.errors import HubelError, SettingError
from hubel.data.decode.parallel import workers_here
from hubel.serve.app import application
from hubel.serve.board import Rows
from hubel.serve.connection import Connection
from hubel.serve.listening import bound_socket
from hubel.serve.log import LOG, begin_log
from hubel.serve.served import all_served
from hubel.serve.settings import Settings

_DEAF = 120  # seconds in which a worker has to say that it lives: opening models on a busy machine takes long
_TRIES = 3  # of each worker, before it is given up where none serves
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
        try:
            return application(self.settings)
        except (HubelError, OSError) as error:
            if parent is None:
                raise
            LOG.error("worker", extra={"note": {"worker": os.getpid(), "trouble": str(error)}})
            raise SystemExit(1) from None  # and another is tried, as long as one serves


def _end_with(parent: Any) -> None:
    """End as by SIGTERM once the process that starts workers is gone, however it went: the port would stay taken."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


class _Workers(Multiprocess):
    """Workers of which one that dies is noticed at once, and signals too, while another still opens its models: they
    are asked whether they live, and nobody waits for the answer.

    ready: is called once the first of them serves.
    """

    def __init__(self, config: Config, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._ready = ready
        self._in_vain: float = 0  # workers that ended one after the other before they served
        self.serves = False

    def keep_subprocess_alive(self) -> None:
        """Start another worker in place of each that is dead or deaf, as long as some come to serving."""
        for process in self.processes:
            if not isinstance(process.is_alive, _Asked):
                process.is_alive = _Asked(process)  # type: ignore[method-assign]
        before: list[Any] = list(self.processes)
        super().keep_subprocess_alive()
        if any(each.is_alive.serves for each in before):
            self._in_vain = 0
            if not self.serves:
                self._ready()
            self.serves = True
        for old, new in zip(before, self.processes, strict=True):
            if old is not new:
                why = "it is started again, since it " + ("ended" if old.is_alive.ended else "did not answer")
                LOG.warning("worker", extra={"note": {"worker": old.pid, "status": old.exitcode, "trouble": why}})
                self._in_vain += not old.is_alive.serves
        if self._in_vain >= _TRIES * self.processes_num:
            self.should_exit.set()

    @property
    def failed(self) -> bool:
        """Whether it came to an end because no worker served."""
        told = any(process.exitcode == STARTUP_FAILURE for process in self.processes)
        return told or self._in_vain >= _TRIES * self.processes_num


class _Asked:
    """Whether a worker lives: its process is there, and once it has answered, it does within so many seconds of being
    asked. (Until then it loads what it needs, which takes as long as it takes.)
    """

    def __init__(self, worker: Process) -> None:
        self.worker = worker
        self.since: float | None = None
        self.begun = self.serves = self.ended = False

    def __call__(self, timeout: float = _DEAF) -> bool:
        pipe = self.worker.parent_conn
        try:
            if self.since is None:
                pipe.send(b"ping")
                self.since = time.monotonic()
            if pipe.poll():
                self.serves = bool(pipe.recv()) or self.serves
                self.begun, self.since = True, None
        except (OSError, EOFError):
            self.ended = True
            return False
        self.ended = not self.worker.process.is_alive()
        is_late = self.begun and self.since is not None and time.monotonic() - self.since >= timeout
        return not self.ended and not is_late


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

    listening: is called with the socket once all models are open and, of several workers, one serves. Raises
    SettingError where certificate and key are none, the port cannot be had, or no worker comes to serving, and what
    opening a model raises.
    """
    settings = dataclasses.replace(settings, threads=max(1, workers_here() // workers))
    if certificate and key:
        _check_certificate(certificate, key)
    with bound_socket(address, port) as bound:
        if workers == 1:
            server = server_of(settings, ssl_certfile=certificate, ssl_keyfile=key)
            listening(bound)
            server.run([bound])
            return
        begin_log()
        all_served(settings)  # so that what cannot be opened is said once, before all
        rows = Rows.of([name for name, _ in settings.models], workers)
        settings = dataclasses.replace(settings, board=rows)
        config = _config(settings, workers=workers, ssl_certfile=certificate, ssl_keyfile=key)
        found = _Workers(config, [bound], lambda: listening(bound))
        found.run()
        if found.failed:
            raise SettingError("workers ended one after the other before they served; the lines above may say why")


def _check_certificate(certificate: str, key: str) -> None:
    """Raise SettingError for files that https cannot be spoken with: OpenSSL says not even which."""
    for option, file in (("certificate", certificate), ("key", key)):
        try:
            open(file, "rb").close()
        except OSError as error:  # noqa: PERF203 (two files)
            raise SettingError(f"--{option} {file}: cannot be opened ({error.strerror})") from None
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError):
        wanted = "expected a certificate and its own key, both as PEM and without a password"
        raise SettingError(f"--certificate {certificate}, --key {key}: {wanted}") from None


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
