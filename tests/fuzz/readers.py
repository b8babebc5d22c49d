"""Every reader of a file, run on files that may be anything; and what came of each.

`python -m tests.fuzz.readers` reads lines, JSON of a reader's name and a path, and prints how each ended as JSON.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import resource
import signal
import socket
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hubel.base.errors import HubelError
from tests.work import HANG

SECONDS = 10
ABOUT = "little.json"  # beside the data of a task: what is its source, and how it is read


def _data(path: Path) -> object:
    from hubel.data import load

    return load(path, size=(8, 8), workers=1)


def about_of(path: Path) -> dict[str, Any]:
    """Of the data that a file belongs to: its kind, its source, and how that is loaded."""
    root = next(each for each in path.parents if (each / ABOUT).exists())
    about = json.loads((root / ABOUT).read_text())
    return {**about, "source": str(root / about["source"])}


def _task(path: Path) -> object:
    from hubel.tasks import Task, load, task_of

    about = about_of(path)
    del about["kind"]
    kind = type(task_of(load(**about).train))
    told = kind.describe.__func__ is not Task.describe.__func__  # of pictures that are only made nothing is
    said = {name: about[name] for name in ("source", "labels") if name in about}
    return list(kind.describe(**said).lines()) if told else None


def _model(path: Path) -> object:
    from hubel.tasks import load_model

    return load_model(path)


def _run(path: Path) -> object:
    from hubel.train import Run

    run = Run.open(path.parent)
    return run.metrics, run.failure, run.is_finished


def _checkpoints(path: Path) -> object:
    from hubel.train.run.checkpoint import CheckpointStore

    return CheckpointStore(path.parent).load_latest()


def _index(path: Path) -> object:
    from hubel.look.retrieve.find import Index

    return Index.open(path)


def _weights(path: Path) -> object:
    from hubel.nn import read_weights

    return read_weights(path)


def _onnx(path: Path) -> object:
    from hubel.nn import inspect_onnx, network_of_onnx

    return inspect_onnx(path), network_of_onnx(path)


def _exported(path: Path) -> object:
    import numpy as np

    from hubel.export.opened import open_onnx

    model = open_onnx(path)
    return model.task.answer(model, np.zeros((9, 7, 3), np.uint8))


def _text(path: Path) -> object:
    from hubel.cli._network import load_network

    return load_network(str(path))


def _recipe(path: Path) -> object:
    from hubel.base.files import read_text
    from hubel.train import Recipe

    return Recipe.from_toml(read_text(path))


def _image(path: Path) -> object:
    from hubel.data import read_image

    return read_image(path)


def _keras(path: Path) -> object:
    from hubel.model.models import load_model

    return load_model(path)


class _FaultError(Exception):
    """A service that answered that it failed."""


@functools.cache
def _service() -> tuple[str, int]:
    """Where a service of a little model listens, which ends with this process."""
    from hubel.arch import parse
    from hubel.data import Preprocessing
    from hubel.nn import build
    from hubel.serve.run import bound_socket, server_of
    from hubel.serve.settings import Settings
    from hubel.tasks import save_model

    network, pixels = (
        parse("8x8x3: conv 2 3x3 relu, flatten, dense 2 softmax"),
        Preprocessing(8, 8, 3, (0.5,) * 3, (0.2,) * 3),
    )
    folder = tempfile.mkdtemp()
    model = save_model(Path(folder) / "model", network, build(network), preprocessing=pixels, classes=("a", "b"))
    bound = bound_socket("127.0.0.1", 0).__enter__()
    threading.Thread(target=server_of(Settings((("model", str(model)),))).run, args=([bound],), daemon=True).start()
    address: tuple[str, int] = bound.getsockname()
    return address


def _asked(path: Path) -> object:
    """Send a request, as it is, or as the body of one of KServe's; the status."""
    content = path.read_bytes()
    if path.suffix == ".json":
        head = f"POST /v2/models/model/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
        content = head.encode() + b"Connection: close\r\n\r\n" + content
    answer = b""
    with socket.create_connection(_service(), timeout=1) as line, contextlib.suppress(ConnectionError):
        line.sendall(content)
        try:
            while part := line.recv(2**16):
                answer += part
        except TimeoutError:  # it waits for more
            line.shutdown(socket.SHUT_WR)
            line.settimeout(60)
            while part := line.recv(2**16):
                answer += part
    statuses = re.findall(rb"HTTP/1.1 (\d+)", answer)
    if b"500" in statuses:
        raise _FaultError(answer.decode("utf-8", "replace"))
    if b"200" not in statuses:
        raise HubelError(answer[:300].decode("utf-8", "replace") or "closed without a word")
    return statuses


READERS: dict[str, Callable[[Path], object]] = {
    "data": _data,
    "task": _task,
    "model": _model,
    "run": _run,
    "checkpoints": _checkpoints,
    "index": _index,
    "weights": _weights,
    "onnx": _onnx,
    "exported": _exported,
    "text": _text,
    "recipe": _recipe,
    "image": _image,
    "keras": _keras,
    "asked": _asked,
}


class _LateError(BaseException):
    pass


def outcome(reader: str, path: str) -> dict[str, object]:
    """Read one file and tell: "done", "refused" (with an error of hubel's own), "foreign" or "hang"; and how large the
    process is.
    """

    def late(*_: object) -> None:
        raise _LateError

    signal.signal(signal.SIGPROF, late)
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor's time, which others on the machine do not take
    signal.alarm(HANG)  # what waits for ever takes none
    told = ""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            READERS[reader](Path(path))
        how = "done"
    except HubelError as error:
        how, told = "refused", str(error)
    except _LateError:
        how = "hang"
    except BaseException:
        how, told = "foreign", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return {"reader": reader, "path": path, "how": how, "told": told[-900:], "megabytes": _megabytes()}


def _megabytes() -> int:
    """The most memory that this process has had. What getrusage tells begins with that of the process it came from."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    os.environ.setdefault("HUBEL_CACHE", "cache")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(outcome(*json.loads(line))) + "\n")
        sys.stdout.flush()
