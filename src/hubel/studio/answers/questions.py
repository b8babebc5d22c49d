"""The questions that a page may ask, by name, and what each has to bring. The same in the server and in the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hubel.base.errors import HubelError, SettingError, UnknownNameError
from hubel.base.names import did_you_mean
from hubel.base.words import json_text, printable
from hubel.studio.answers import change, design, learner, words
from hubel.studio.answers.exercise import exercise

Values = Mapping[str, Any]
Known = Mapping[str, tuple[Callable[..., dict[str, Any]], dict[str, type]]]

# name: (what answers, the kind of each of its values)
QUESTIONS: Known = {
    "known": (words.known, {}),
    "network": (words.network, {"name": str}),
    "design": (design.design, {"text": str, "width": int, "style": str, "closed": list}),
    "picture": (design.picture, {"text": str, "style": str, "closed": list}),
    "figures": (design.figures, {"text": str}),
    "memory": (design.memory, {"text": str, "batch": int}),
    "layer": (change.layer, {"text": str, "path": str}),
    "change": (change.change, {"text": str, "path": str, "how": str, "setting": str, "value": str}),
    "code": (design.code, {"text": str, "framework": str}),
    "learner": (learner.steps, {"text": str}),
    "exercise": (exercise, dict.fromkeys(("network", "layer", "asks", "wanted", "given", "language"), str)),
    "compare": (design.compared, {"text": str, "other": str}),
}


def answered(question: str, values: Values, known: Known = QUESTIONS) -> dict[str, Any]:
    """The answer to a question, or `{"error": sentence}` where there is none. A value that is left out is empty.

    known: the questions. Raises UnknownNameError for a question that is none, and SettingError for values of other
    kinds.
    """
    if question not in known:
        raise UnknownNameError(f"no question is called {printable(question)[:60]!r}{did_you_mean(question, known)}")
    answer, kinds = known[question]
    given = _checked(values, kinds)  # a page of ours asks no other
    try:
        return answer(**given)
    except (HubelError, OSError, LookupError, RecursionError) as error:
        return {
            "error": printable(str(error.args[0] if isinstance(error, LookupError) and error.args else error), "\n")
        }


def answered_json(question: str, values: str) -> str:
    """The same with JSON in and out, as a worker of a page asks it."""
    return json_text(answered(question, json.loads(values)), compact=True)


def _checked(values: Any, kinds: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise SettingError(f"expected an object of values, received {type(values).__name__}")
    for name, value in values.items():
        kind = kinds.get(name)
        if kind is None:
            raise SettingError(f"{printable(name)[:40]}: expected {', '.join(kinds) or 'no values'}")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise SettingError(f"{name}: expected {kind.__name__}, received {type(value).__name__}")
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise SettingError(f"{name}: expected a list of words")
    return {name: values.get(name, kind()) for name, kind in kinds.items()}
