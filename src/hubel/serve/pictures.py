"""The pictures of a request: raw bytes, a form, or JSON; counted before anything is spent on them."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import Image

from hubel.base.words import printable
from hubel.data import ImageError, Preprocessing, read_image
from hubel.serve.refusal import Refusal
from hubel.serve.settings import Limits

_SENT = "image/* (audio/* of a model that hears), application/octet-stream, multipart/form-data, application/json"
_LONGEST = 200  # letters of a picture's name
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


class Sent(NamedTuple):
    """A picture as it came, and what it is called."""

    content: bytes
    name: str


def pictures_of(kind: str, body: bytes, limits: Limits) -> list[Sent]:
    """The pictures in a body of a Content-Type. Raises Refusal where it is none that is taken, cannot be read, or has
    none, or too many.
    """
    main = kind.partition(";")[0].strip().lower()
    if main == "multipart/form-data":
        found = _form(kind, body, limits.pictures)
    elif main == "application/json":
        found = _json(body, limits.pictures)
    elif main.startswith(("image/", "audio/")) or main == "application/octet-stream":
        found = [Sent(body, "")] if body else []
    else:
        raise Refusal("kind", f"expected a Content-Type of {_SENT}, received '{printable(main)[:60]}'")
    if not found:
        raise Refusal("request", "expected a picture, received none")
    return [Sent(each.content, each.name or f"picture {number}") for number, each in enumerate(found, 1)]


def decoded(content: bytes, name: str, preprocessing: Preprocessing, limits: Limits) -> Image.Image | bytes:
    """A picture, decoded as `Preprocessing.prepare` does it; a sound as it is. Raises ImageError."""
    if not content:
        raise ImageError(name, "the file is empty")
    allowed = formats(preprocessing)
    kind = format_of(content)
    if kind not in allowed:
        known = f", received {kind}" if kind else ""
        what = "sound" if preprocessing.fit == "time" else "picture"
        raise ImageError(name, f"is no {what} of a format that is taken here: {', '.join(allowed)}{known}")
    if preprocessing.fit == "time":
        return content
    return read_image(content, max_pixels=limits.pixels, levels=preprocessing.levels, name=name)


def formats(preprocessing: Preprocessing) -> tuple[str, ...]:
    """The formats that are taken: those of the web; and TIFF of models that learnt from more than eight bits. Of sounds
    WAV alone, whose length is told by its bytes.
    """
    if preprocessing.fit == "time":
        return ("WAV",)
    return ("JPEG", "PNG", "WEBP", "GIF", "BMP", *(["TIFF"] if preprocessing.levels is not None else []))


def format_of(content: bytes) -> str:
    """The format by which a file begins; "" where it is none that is known here."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[:4] in (b"RIFF", b"RF64") and content[8:12] == b"WAVE":
        return "WAV"
    return next((name for magic, name in _MAGIC.items() if content.startswith(magic)), "")


def json_of(body: bytes) -> Any:
    """What a body says in JSON. Raises Refusal where it is none, and where it names a thing twice."""

    def named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise Refusal("request", f"expected '{printable(name)[:60]}' once, received it twice")
            found[name] = value
        return found

    try:
        return json.loads(body, object_pairs_hook=named_once)
    except RecursionError:
        raise Refusal("request", "the body's JSON is nested too deep to be read") from None
    except ValueError as error:
        raise Refusal("request", f"the body is not JSON: {str(error)[:200]}") from None


def _json(body: bytes, most: int) -> list[Sent]:
    value = json_of(body)
    if not isinstance(value, dict) or not isinstance(value.get("pictures"), list):
        raise Refusal("request", 'expected {"pictures": [{"data": "…base64…", "name": "…"}, …]}')
    extra = [name for name in value if name != "pictures"]
    if extra:
        raise Refusal(
            "request",
            f"expected nothing beside pictures, received '{printable(extra[0])[:60]}'; top and threshold stand in the "
            "address: ?top=3&threshold=0.5",
        )
    _check_count(len(value["pictures"]), most)
    return [_of_entry(entry, number) for number, entry in enumerate(value["pictures"], 1)]


def _of_entry(entry: Any, number: int) -> Sent:
    fields = {"data": entry} if isinstance(entry, str) else entry
    if not isinstance(fields, dict) or not isinstance(fields.get("data"), str) or set(fields) - {"data", "name"}:
        raise Refusal("request", f'picture {number}: expected {{"data": "…base64…", "name": "…"}}, or the data alone')
    name = fields.get("name", "")
    if not isinstance(name, str):
        raise Refusal("request", f"picture {number}: expected its name as a text")
    data = fields["data"].partition("base64,")[2] or fields["data"]  # a data URL is what browsers make of a file
    try:
        return Sent(base64.b64decode(data, validate=True), printable(name)[:_LONGEST])
    except (binascii.Error, ValueError) as error:
        raise Refusal("request", f"picture {number}: expected its data in base64 ({error})") from None


def _form(kind: str, body: bytes, most: int) -> list[Sent]:
    from python_multipart.multipart import MultipartParser, parse_options_header

    boundary = parse_options_header(kind)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= 200:
        raise Refusal("request", "expected a boundary in the Content-Type of the form, of at most 200 letters")
    parts = _Parts(most, lambda header: parse_options_header(header)[1])
    parser = MultipartParser(boundary, parts.callbacks(), max_size=len(body) + 1)
    try:
        parser.write(body)
        parser.finalize()
    except Refusal:
        raise
    except Exception as error:  # the parser's own tree of errors, and what headers make it stumble over
        raise Refusal("request", f"the form cannot be read: {str(error)[:200]}") from None
    if parts.open:
        raise Refusal("request", "the form was cut short: its last part does not end")
    return parts.found


class _Parts:
    """The files of a form, as its parser finds them."""

    def __init__(self, most: int, options: Callable[[bytes], dict[bytes, bytes]]) -> None:
        self.found: list[Sent] = []
        self.open = True
        self._most, self._options = most, options
        self._begin()

    def callbacks(self) -> Any:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_part_data": lambda data, start, end: self._data.write(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._close,
        }

    def _begin(self) -> None:
        self._field, self._value, self._data = bytearray(), bytearray(), io.BytesIO()
        self._said: dict[bytes, bytes] = {}

    def _header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._said = self._options(bytes(self._value))
        self._field, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        if b"filename" not in self._said:
            field = printable(self._said.get(b"name", b"").decode("utf-8", "replace"))[:60]
            raise Refusal(
                "request",
                f"expected files in the form, received the field {field!r}; top and threshold stand in the address: "
                "?top=3&threshold=0.5",
            )
        _check_count(len(self.found) + 1, self._most)
        name = printable(self._said[b"filename"].decode("utf-8", "replace"))[:_LONGEST]
        self.found.append(Sent(self._data.getvalue(), name))

    def _close(self) -> None:
        self.open = False


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise Refusal("pictures", f"expected at most {most:,} pictures in a request, received more; send the rest next")
