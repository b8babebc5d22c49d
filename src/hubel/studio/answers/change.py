"""One layer: its figures, what can be set of it and the steps of each setting; and changes, made in the text."""

from __future__ import annotations

from dataclasses import fields, replace
from math import gcd, lcm
from typing import Any

from hubel.arch import TITLES, Layer, Row, ShapeError, Source, activations, edit, ordered, settings_of, shape_text
from hubel.arch.text.printing import value_text
from hubel.base.errors import SettingError
from hubel.studio.answers.read import report, source

_PADDINGS = ("valid", "same")
_STEPS = ((16, 1), (32, 4), (64, 8), (128, 16), (512, 32))  # below so many filters, by so many
_WIDE = ("filters", "units", "output_dim")
_WAYS = {"less": -1, "more": 1}


def layer(text: str, path: str) -> dict[str, Any]:
    """What a page shows of a chosen layer, or of a place where branches meet. Raises UnknownNameError."""
    (row,) = report(text).find(path)[:1]
    written = source(text)
    node = row.node
    return {
        "path": row.path,
        "words": row.words,
        "type": row.type,
        "does": (type(node).__doc__ or "").strip().partition("\n")[0].replace("`", ""),
        "input": shape_text(row.input_shape),
        "output": shape_text(row.output_shape),
        "field": row.field.size_text,
        "stride": row.field.stride_text,
        "notes": list(row.notes),
        "formulas": [[TITLES.get(f.figure, f.figure), str(f), f.names] for f in ordered(row.formulas)],
        "settings": _settings(node, row) if isinstance(node, Layer) else [],
        "place": written.place(node),
    }


def change(text: str, path: str, how: str, setting: str, value: str) -> dict[str, Any]:
    """The text changed. how: "set" a layer's setting to a value; "less", "more": to its next one that the layer's own
    input takes, which is `value` of the answer, whether or not the layers behind it work out; "after", "before":
    another layer beside it, `value`; "remove"; "input": the network's input becomes `value`.

    Raises NetworkError, SettingError and UnknownNameError, as the text form does.
    """
    written = source(text)
    if how == "input":
        return {"text": f"{value}:{written.text.partition(':')[2]}"}
    node = written.at(path)
    if not isinstance(node, Layer):
        raise SettingError(f"{path}: expected a layer")
    if how in _WAYS and setting in settings_of(node):
        step, end = _step(node, setting, _row(text, path), _WAYS[how])
        if not step:
            ended = end or f"nothing is {how} than {value_text(getattr(node, setting))}"
            raise SettingError(f"{path} {setting}: {ended}")
        return {**change(text, path, "set", setting, step), "value": step}
    if written.place(node) is None:  # a part of what one word stands for
        if how != "set":
            raise SettingError(f"{path} is a part of what one word stands for: change that word in the text")
        return {"text": str(edit(written.network, {f"{path}.{setting}": value}))}
    return {"text": _changed(written, node, how, setting, value)}


def _changed(written: Source, node: Layer, how: str, setting: str, value: str) -> str:
    match how:
        case "set" | "less" | "more":
            return written.with_setting(node, setting, value)
        case "after" | "before":
            return written.with_more(node, value, after=how == "after")
        case "remove":
            return written.without(node)
        case _:
            raise SettingError(f"how: expected set, less, more, after, before, remove or input, received {how!r}")


def _row(text: str, path: str) -> Row | None:
    """What is known of a layer where the network works out."""
    try:
        return report(text).find(path)[0]
    except ShapeError:
        return None


def _settings(node: Layer, row: Row) -> list[dict[str, Any]]:
    return [found for name in settings_of(node) if (found := _setting(node, name, row)) is not None]


def _setting(node: Layer, name: str, row: Row) -> dict[str, Any] | None:
    """A setting with what a page needs to change it: `kind` is "flag", "choice" or "number" (with what is `less` and
    `more`, empty at an end, and `ends`, why the next value would not fit), or "text".
    """
    value = getattr(node, name)
    kind = next(str(f.type) for f in fields(node) if f.name == name)
    found = {"name": name, "value": "" if value is None else value_text(value)}
    if isinstance(value, bool):
        return {**found, "kind": "flag"}
    if name in ("activation", "function"):
        none = ["linear"] if name == "activation" else []
        return {**found, "value": found["value"] or "linear", "kind": "choice", "choices": [*none, *_functions(none)]}
    if name == "padding" and ("Padding" in kind or value in _PADDINGS):
        other = [] if found["value"] in _PADDINGS else [found["value"]]
        return {**found, "kind": "choice", "choices": [*_PADDINGS, "1", "2", "3", *other], "own": True}
    if value is None or isinstance(value, str) or (isinstance(value, tuple) and not _flat(value)):
        return {**found, "kind": "text"} if value is not None else None
    (less, least), (more, most) = (_step(node, name, row, way) for way in _WAYS.values())
    return {**found, "kind": "number", "less": less, "more": more, "ends": least or most}


def _functions(without: list[str]) -> list[str]:
    return [name for name in activations() if name not in without]


def _flat(value: tuple[Any, ...]) -> bool:
    return 1 <= len(value) <= 2 and all(isinstance(each, int) for each in value)


def _step(node: Layer, name: str, row: Row | None, way: int) -> tuple[str, str]:
    """The setting's next value down (way −1) or up, as the text form has it, empty at an end; and why it ends where
    the layer's input does not take the next one.

    row: None where the network does not work out, so that the next value is tried.
    """
    value = getattr(node, name)
    # what groups have to divide, so far as it is known
    channels = gcd(row.input_shape[-1], row.output_shape[-1]) if row else int(getattr(node, "filters", 1))
    steps = [_next(node, name, each, channels, way) for each in (value if isinstance(value, tuple) else (value,))]
    if None in steps:
        return "", ""
    step: Any = tuple(steps) if isinstance(value, tuple) else steps[0]
    if row is not None:
        try:
            replace(node, **{name: step}).output_shape(row.input_shape)
        except (ShapeError, SettingError) as error:
            return "", error.expected if isinstance(error, ShapeError) else str(error)
    return value_text(step, always_pair=name in ("kernel_size", "target_shape")), ""


def _next(node: Layer, name: str, value: float, channels: int, way: int) -> float | None:
    if isinstance(value, float):
        found = round(value + 0.1 * way, 6)
        return found if 0 <= found < 1 else None
    if name == "groups":
        fitting = [n for n in range(1, channels + 1) if channels % n == 0 and (n - value) * way > 0]
        return min(fitting, key=lambda n: abs(n - value), default=None)
    by = 1
    if name in _WIDE:
        at = value if way > 0 else value - 1
        by = lcm(next((step for below, step in _STEPS if at < below), 64), getattr(node, "groups", 1))
        value = value // by * by if way > 0 else -(-value // by) * by
    found = int(value) + by * way
    return found if found >= 1 else None
