"""What is served: the models, their queues and counts, and what is said of a request's pictures."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from hubel.base.errors import SettingError
from hubel.base.names import hint
from hubel.base.words import json_text, printable
from hubel.serve.batches import Batches, Picture
from hubel.serve.board import Board
from hubel.serve.log import LOG
from hubel.serve.pictures import Sent
from hubel.serve.refusal import Refusal
from hubel.serve.served import Served, Told, all_served
from hubel.serve.settings import Settings
from hubel.view.writers.markup import data_url

VERSION = "1"  # of every model, under KServe's protocol
PLACES = ("/v2/models/{}", f"/v2/models/{{}}/versions/{VERSION}")  # where its models are
INLINE = 2**16  # bytes of a body up to which reading it on the loop is quicker than handing it to a thread
_LOOK = 1.0  # seconds between looks at the models' files
_LONGEST, _MOST = 200, 1000  # bytes of an address that is remembered, and how many are


class Asked(NamedTuple):
    """What a request for predictions says beside its pictures: so many classes, of at least this probability, and
    whether answers are drawn.
    """

    top: int = 3
    threshold: float | None = None
    drawn: bool = False


class Known(NamedTuple):
    """An address whose settings were taken once: the model that it asks, and for what."""

    path: str
    name: str
    asked: Asked


class Service:
    """The models that are served in this process, their queues and counts.

    known: what addresses ask for, by their bytes, so that it is not found out again for each request.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.limits = settings, settings.limits
        self.board = Board([name for name, _ in settings.models], settings.limits.queue, settings.board)
        self.pool = ThreadPoolExecutor(settings.threads + 1, thread_name_prefix="serve")
        self.served = all_served(settings)
        self.queues = {name: self._queue(each) for name, each in self.served.items()}
        paths = {name: f"/v1/models/{name}/predict" for name in self.queues}
        self._asked = {path: name for name, path in paths.items()}
        self._asked |= {f"{place.format(name)}/infer": name for name in self.queues for place in PLACES}
        self.known = {path.encode(): Known(path, name, Asked()) for name, path in paths.items()}

    def _queue(self, served: Served) -> Batches:
        label, board = f'model="{served.name}"', self.board

        def seen(size: int, seconds: float) -> None:
            board.observe("hubel_batch_pictures", served.name, size)
            board.observe("hubel_batch_seconds", served.name, seconds)

        def waiting(count: int) -> None:
            board.set("hubel_queue_pictures", label, count)

        return Batches(served.answers, self.pool, self.limits, seen, waiting, served.current.pace)

    def crowded(self, path: str) -> Refusal | None:
        """Why a model cannot be asked now, by the path at which it is; None where it can."""
        name = self._asked.get(path)
        return self.queues[name].crowded() if name else None

    def named(self, name: str) -> Served:
        """A model. Raises Refusal where none is called so."""
        if name not in self.served:
            raise Refusal("unknown", f"no model is called '{printable(name)[:100]}'{hint(name, self.served)}")
        return self.served[name]

    def know(self, address: bytes, known: Known) -> None:
        """Remember what an address asks for, but for answers that are drawn, which takes long."""
        if len(address) < _LONGEST and len(self.known) < _MOST and not known.asked.drawn:
            self.known[address] = known

    def counted(self, name: str, found: list[Any] | Exception) -> list[Any]:
        """What came back of asking, counted: of each picture its answer, or why it cannot be read. Raises what it is
        where it is an exception.
        """
        if isinstance(found, MemoryError):
            raise Refusal("busy", "there is no memory for it now; try again, or with smaller pictures", again=1)
        if isinstance(found, Exception):
            raise found
        unread = sum(isinstance(each, Exception) for each in found)
        self.board.add("hubel_pictures_total", f'model="{name}"', len(found) - unread)
        self.board.add("hubel_unreadable_total", f'model="{name}"', unread)
        return found

    async def answers(self, name: str, pictures: Sequence[Picture], state: MutableMapping[str, Any]) -> list[Any]:
        """What a model says of pictures, or of each why it cannot be read, for a request of this state."""
        state["note"]["pictures"] = len(pictures)
        found: Any
        try:
            found = await self.queues[name].answers(pictures, state["arrived"] + self.limits.deadline)
        except Exception as error:
            found = error
        return self.counted(name, found)

    async def watch(self) -> None:
        """Look at the models' files for ever, and open anew what has changed."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK)
            for served in self.served.values():
                if served.changed():
                    taken = await loop.run_in_executor(self.pool, served.reload)
                    label = f'model="{served.name}",taken="{"yes" if taken else "no"}"'
                    self.board.add("hubel_reloads_total", label)
                    note = {"model": served.name, "file": str(served.path), "trouble": served.trouble}
                    LOG.log(20 if taken else 30, "reload", extra={"note": note})


def told_answers(name: str, asked: Asked, sent: Sequence[Sent], found: Sequence[Any]) -> bytes:
    """What a model says of pictures, as JSON. Raises Refusal where none of them can be read, or a threshold means
    nothing to the model's task.
    """
    unread = sum(isinstance(each, Exception) for each in found)
    if unread == len(found):
        told = "" if unread == 1 else f"none of {unread:,} pictures can be read, the first: "
        raise Refusal("unreadable", f"{told}{printable(str(found[0]))[:500]}")
    named = [_told(each, answer, asked) for each, answer in zip(sent, found, strict=True)]
    return json_text({"model": name, "predictions": named, "unreadable": unread}, compact=True).encode()


def _told(sent: Sent, found: Told | Exception, asked: Asked) -> dict[str, Any]:
    if isinstance(found, Exception):
        return {"image": sent.name, "error": printable(str(found))[:500]}
    answer, note = found
    try:
        data = (answer if asked.threshold is None else answer.above(asked.threshold)).data()
    except SettingError as error:
        raise Refusal("settings", str(error)) from None
    drawn = {"pictures": {kind: _png(pixels) for kind, pixels in answer.pictures().items()}} if asked.drawn else {}
    return {"image": sent.name, **data, **drawn, **({"note": note} if note else {})}


def _png(pixels: Any) -> str:
    from PIL import Image

    from hubel.view.figures.tiles import png_bytes

    return data_url(png_bytes(Image.fromarray(pixels)))
