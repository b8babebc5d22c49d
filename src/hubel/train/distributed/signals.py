"""Ctrl-C, SIGTERM, a lost terminal: the step is finished, a checkpoint is written, and the run says how to go on."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from hubel.base.errors import TrainingError
from hubel.train.distributed.ranks import LostProcessError

_HEARD = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class StoppedError(TrainingError, RuntimeError):
    """Training was asked to stop and did, with a checkpoint. `signal` is the number of the signal that asked."""

    def __init__(self, directory: Path, number: int) -> None:
        super().__init__(
            f"stopped and saved; go on with: hubel train --resume {directory}\nits model so far can be used as it is: "
            f"hubel evaluate {directory}"
        )
        self.directory = directory
        self.signal = number


class StopRequest:
    """Whether this process was asked to stop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked = 0

    def raise_if_asked(self) -> None:
        """Raise StoppedError where a signal came; call it once the state is saved."""
        if self.asked:
            raise StoppedError(self.directory, self.asked)


@contextlib.contextmanager
def listening(directory: Path) -> Iterator[StopRequest]:
    """Turn SIGINT, SIGTERM and SIGHUP into a request while this runs; a second one acts at once. In the main thread
    only, and none that was to be ignored (nohup).

    Where another process is lost, nothing can be saved together any more, and a request acts at once, too: torchrun
    asks all others to end then, and waits for them.
    """
    request = StopRequest(directory)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _HEARD}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}

    def ask(number: int, _: FrameType | None) -> None:
        request.asked = number
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield request
    except LostProcessError:
        for number, handler in before.items():
            signal.signal(number, handler)
        if request.asked:
            os.kill(os.getpid(), request.asked)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
