"""The routes of the service."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from hubel import __version__
from hubel.base.errors import SettingError
from hubel.base.names import hint
from hubel.base.words import json_text, printable
from hubel.serve import schema
from hubel.serve.batches import Batches, Picture
from hubel.serve.board import Board
from hubel.serve.gate import FAULT, Direct, Gate, Scope, told
from hubel.serve.kserve import add_kserve
from hubel.serve.log import LOG
from hubel.serve.page import demo_page
from hubel.serve.pictures import formats, pictures_of
from hubel.serve.refusal import Refusal
from hubel.serve.served import Served, all_served
from hubel.serve.settings import Settings
from hubel.tasks.answer import Answer

_INLINE = 2**16  # bytes of a body up to which reading it here is quicker than handing it to a thread
_LOOK = 1.0  # seconds between looks at the models' files


class Asked(NamedTuple):
    """What a request for predictions says beside its pictures: so many classes, of at least this probability, and
    whether answers are drawn.
    """

    top: int = 3
    threshold: float = 0.0
    drawn: bool = False


class Service:
    """The models that are served in this process, their queues and counts."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.limits = settings, settings.limits
        self.board = Board([name for name, _ in settings.models], settings.limits.queue, settings.board)
        self.pool = ThreadPoolExecutor(settings.threads + 1, thread_name_prefix="serve")
        self.served = all_served(settings)
        self.queues = {name: self._queue(each) for name, each in self.served.items()}
        self._names = {f"/v1/models/{name}/predict": name for name in self.queues}
        self._asked = self._names | {f"/v2/models/{name}/infer": name for name in self.queues}
        self._taken = {b"": Asked()}

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
            raise Refusal("unknown", f"no model is called {printable(name)[:100]!r}{hint(name, self.served)}")
        return self.served[name]

    def direct(self, scope: Scope) -> Direct | None:
        """What answers a request for predictions without FastAPI, where nothing of it is left to be checked: the model
        is there, and FastAPI has taken such settings before.
        """
        name, asked = self._names.get(scope["path"]), self._taken.get(scope["query_string"])
        if name is None or asked is None or scope["method"] != "POST":
            return None
        return partial(self.predictions, name, asked)

    def take(self, query: bytes, asked: Asked) -> None:
        """Remember what the settings in an address mean."""
        if len(query) < 100 and len(self._taken) < 1000:
            self._taken[query] = asked

    async def predictions(
        self, name: str, asked: Asked, kind: str, body: bytes, state: MutableMapping[str, Any]
    ) -> bytes:
        """What a model says of a request's pictures, as JSON."""
        state["note"]["model"] = name
        loop = asyncio.get_running_loop()
        if len(body) <= _INLINE:
            sent = pictures_of(kind, body, self.limits)
        else:
            sent = await loop.run_in_executor(self.pool, pictures_of, kind, body, self.limits)
        found = await self.answers(name, [Picture(*each, asked.top) for each in sent], state)
        unread = sum(isinstance(each, Exception) for each in found)
        if unread == len(found):
            told = "" if unread == 1 else f"none of {unread:,} pictures can be read, the first: "
            raise Refusal("unreadable", f"{told}{printable(str(found[0]))[:500]}")
        named = [_told(each.name, answer, asked) for each, answer in zip(sent, found, strict=True)]
        return json_text({"model": name, "predictions": named, "unreadable": unread}, compact=True).encode()

    async def answers(self, name: str, pictures: Sequence[Picture], state: MutableMapping[str, Any]) -> list[Any]:
        """What a model says of pictures, or of each why it cannot be read, for a request of this state."""
        state["note"]["pictures"] = len(pictures)
        try:
            found = await self.queues[name].answers(pictures, state["arrived"] + self.limits.deadline)
        except MemoryError:
            raise Refusal(
                "busy", "there is no memory for it now; try again, or with smaller pictures", again=1
            ) from None
        unread = sum(isinstance(each, Exception) for each in found)
        self.board.add("hubel_pictures_total", f'model="{name}"', len(found) - unread)
        self.board.add("hubel_unreadable_total", f'model="{name}"', unread)
        return found

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
                    note = {"model": served.name, "trouble": served.trouble}
                    LOG.log(20 if taken else 30, "reload", extra={"note": note})


def application(settings: Settings) -> Any:
    """The service as an ASGI application. Raises what opening its models raises."""
    service = Service(settings)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.ensure_future(service.watch())
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        service.pool.shutdown()

    app = FastAPI(
        title="hubel",
        version=__version__,
        description="Trained models over HTTP. Every refusal is one sentence, with a word by which /metrics counts.",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(Exception, _fault)
    _add_models(app, service)
    _add_health(app, service)
    add_kserve(app, service)
    return Gate(app, settings, service.board, service.crowded, service.direct)


def _add_models(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models", response_model=schema.Models, responses=schema.refusals(), tags=["models"])
    async def models() -> Response:
        """The models that are served, and what a request may bring."""
        found = [about(service, each) for each in service.served.values()]
        return _json({"models": found, "limits": asdict(service.limits)})

    @app.get(
        "/v1/models/{name}", response_model=schema.ModelInfo, responses=schema.refusals("unknown"), tags=["models"]
    )
    async def model(name: schema.Name) -> Response:
        """One model."""
        return _json(about(service, service.named(name)))

    @app.post(
        "/v1/models/{name}/predict",
        response_model=schema.Predictions,
        responses=schema.refusals(
            "request", "unknown", "kind", "settings", "pictures", "unreadable", "full", "deadline"
        ),
        openapi_extra={"requestBody": schema.BODY},
        tags=["models"],
    )
    async def predict(
        request: Request,
        name: schema.Name,
        top: schema.Top = 3,
        threshold: schema.Threshold = 0.0,
        pictures: schema.Drawn = False,
    ) -> Response:
        """What a model says of pictures: one as the body, several as files of a form, or in JSON in base64.

        A picture that cannot be read has an `error`; where none can be read, the request is refused.
        """
        unknown = sorted(set(request.query_params) - {"top", "threshold", "pictures"})
        if unknown:
            raise Refusal("settings", f"{printable(unknown[0])[:60]}: expected top, threshold or pictures after the ?")
        asked = Asked(top, threshold, pictures)
        service.named(name)
        service.take(request.scope["query_string"], asked)
        kind, body = request.headers.get("content-type", ""), await request.body()
        state = request.scope["state"]
        return Response(await service.predictions(name, asked, kind, body, state), media_type="application/json")


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/", tags=["page"], response_class=HTMLResponse, responses=schema.refusals())
    async def page() -> HTMLResponse:
        """A page that asks the models about a dropped picture, the camera or a drawing."""
        return HTMLResponse(demo_page())

    @app.get("/health", tags=["health"], responses=schema.refusals())
    async def health() -> dict[str, str]:
        """Whether the process is alive."""
        return {"status": "alive"}

    @app.get("/ready", tags=["health"], responses=schema.refusals())
    async def ready() -> dict[str, str]:
        """Whether it answers: models are opened before it listens, so where it listens it is ready."""
        return {"status": "ready"}

    @app.get("/metrics", tags=["health"], response_class=Response, responses=schema.refusals())
    async def metrics() -> Response:
        """Counts for Prometheus, over all processes."""
        return Response(service.board.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def about(service: Service, served: Served) -> dict[str, Any]:
    """What is told of a model."""
    current = served.current
    model = current.by.model
    return {
        "name": served.name,
        "task": model.task.name,
        "classes": list(model.classes),
        "input": str(model.preprocessing),
        "preprocessing": asdict(model.preprocessing),
        "draws": model.task.draws,
        "formats": list(formats(model.preprocessing)),
        "engine": current.by.engine,
        "note": current.by.note,
        "sha256": current.sha256,
        "since": round(current.since, 3),
        "trouble": served.trouble,
    }


def _told(image: str, answer: Answer | Exception, asked: Asked) -> dict[str, Any]:
    if isinstance(answer, Exception):
        return {"image": image, "error": printable(str(answer))[:500]}
    try:
        data = (answer.above(asked.threshold) if asked.threshold else answer).data()
    except SettingError as error:
        raise Refusal("settings", str(error)) from None
    drawn = {"pictures": {kind: _png(pixels) for kind, pixels in answer.pictures().items()}} if asked.drawn else {}
    return {"image": image, **data, **drawn}


def _png(pixels: Any) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _json(value: Any) -> Response:
    return Response(json_text(value, compact=True), media_type="application/json")


def _answer(request: Request, refusal: Refusal) -> Response:
    request.state.note["reason"] = refusal.reason
    headers, body = told(refusal, request.state.note)
    return Response(body, refusal.status, headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    found: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    first = found[0]
    sentence = f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg'].lower()}, received {first.get('input')!r}"
    return _answer(request, Refusal("settings", printable(sentence)[:300]))


async def _not_found(request: Request, error: Exception) -> Response:
    path = printable(request.url.path)[:100]
    if getattr(error, "status_code", 404) == 405:
        allowed = (getattr(error, "headers", None) or {}).get("Allow", "")
        sentence = f"{path} is not for {printable(request.method)[:20]}, but for {allowed}"
        answer = _answer(request, Refusal("method", sentence))
        answer.headers["allow"] = allowed
        return answer
    return _answer(request, Refusal("unknown", f"there is nothing at {path}; /openapi.json says what there is"))


async def _fault(request: Request, error: Exception) -> Response:
    return _answer(request, Refusal("fault", FAULT.format(request.state.note["request"])))
