"""The routes of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from hubel import __version__
from hubel.base.errors import SettingError
from hubel.base.names import listing
from hubel.base.words import json_text, printable
from hubel.serve import schema
from hubel.serve.batches import Picture
from hubel.serve.gate import FAULT, JSON, OPEN, Gate, told
from hubel.serve.kserve import add_kserve
from hubel.serve.page import demo_page
from hubel.serve.pictures import formats, pictures_of
from hubel.serve.refusal import Refusal
from hubel.serve.served import Served
from hubel.serve.service import INLINE, Asked, Known, Service, told_answers
from hubel.serve.settings import Settings
from hubel.tasks.decoding import decoding_of, told_most


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
        dependencies=[Depends(_asked_once)],
        redirect_slashes=False,
    )
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(Exception, _fault)
    _add_models(app, service)
    _add_health(app, service)
    add_kserve(app, service)
    if service.settings.access.token is not None:
        _tell_token(app)
    return Gate(app, service)


def _tell_token(app: FastAPI) -> None:
    """Say in the service's description that requests bear a token, but for what says nothing."""
    plain = app.openapi

    def told() -> dict[str, Any]:
        found = plain()
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
        for path in OPEN:
            for operation in found["paths"].get(path, {}).values():
                operation["security"] = []
        return found

    app.openapi = told  # type: ignore[method-assign]


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
        responses=schema.refusals("request", "unknown", "kind", "pictures", "unreadable", "full", "deadline"),
        openapi_extra={"requestBody": schema.BODY},
        tags=["models"],
    )
    async def predict(
        request: Request,
        name: schema.Name,
        top: schema.Top = None,
        threshold: schema.Threshold = None,
        pictures: schema.Drawn = False,
    ) -> Response:
        """What a model says of pictures: one as the body, several as files of a form, or in JSON in base64.

        A picture that cannot be read has an `error`; where none can be read, the request is refused.
        """
        scope = request.scope
        task = service.named(name).current.by.model.task
        if pictures and not task.draws:
            raise Refusal("settings", f"pictures: answers of {task.name} are no pictures")
        try:
            most = told_most(task.name, top)
        except SettingError as error:
            raise Refusal("settings", str(error)) from None
        asked = Asked(most, threshold, pictures)
        address = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        service.know(address, Known(scope["path"], name, asked))
        told = await _predictions(service, name, asked, request)
        return Response(told, media_type="application/json")


async def _predictions(service: Service, name: str, asked: Asked, request: Request) -> bytes:
    """What a model says of a request's pictures, as JSON. (Of a short body at an address that is known, `Quick` does
    the same.)
    """
    state, kind, body = request.scope["state"], request.headers.get("content-type", ""), await request.body()
    state["note"]["model"] = name
    aside = partial(asyncio.get_running_loop().run_in_executor, service.pool)
    small = len(body) <= INLINE
    sent = pictures_of(kind, body, service.limits) if small else await aside(pictures_of, kind, body, service.limits)
    found = await service.answers(name, [Picture(*each, asked.top) for each in sent], state)
    if asked.drawn or not small:  # drawing, and telling what is drawn, take as long as pictures are large
        return await aside(told_answers, name, asked, sent, found)
    return told_answers(name, asked, sent, found)


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


async def _asked_once(request: Request) -> None:
    """Refuse what stands after the ? and would be ignored: names that a route does not know, and ones given twice. (Of
    pages and probes it means nothing.)
    """
    given = [] if request.url.path in OPEN else [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    known = [each.alias for each in request.scope["route"].dependant.query_params]
    for name in given:
        if name not in known:
            wanted = f"{listing(known)} after the ?" if known else "nothing after the ?"
            raise Refusal("settings", f"{printable(name)[:60]}: expected {wanted}")
        if given.count(name) > 1:
            raise Refusal("settings", f"{name}: expected once after the ?, received {given.count(name):,} times")


def about(service: Service, served: Served) -> dict[str, Any]:
    """What is told of a model."""
    current = served.current
    model = current.by.model
    return {
        "name": served.name,
        "task": model.task.name,
        "classes": list(model.classes),
        "colours": [list(colour) for colour in getattr(model.task, "colours", ())],  # of a mask's classes
        "input": str(model.preprocessing),
        "preprocessing": asdict(model.preprocessing),
        "draws": model.task.draws,
        "boxes": decoding_of(model.task.name).boxes is not None,
        "formats": list(formats(model.preprocessing)),
        "engine": current.by.engine,
        "note": current.by.note,
        "sha256": current.sha256,
        "since": round(current.since, 3),
        "trouble": served.trouble,
    }


def _json(value: Any) -> Response:
    return Response(json_text(value, compact=True), media_type="application/json")


def _answer(request: Request, refusal: Refusal) -> Response:
    request.state.note["reason"] = refusal.reason
    headers, body = told(refusal, request.state.note)
    return Response(body, refusal.status, {**JSON, **headers})


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
    near = f"; {path.rstrip('/')} has none at its end" if path.rstrip("/") and path.endswith("/") else ""
    return _answer(request, Refusal("unknown", f"there is nothing at {path}{near}; /openapi.json says what there is"))


async def _fault(request: Request, error: Exception) -> Response:
    return _answer(request, Refusal("fault", FAULT.format(request.state.note["request"])))
