"""The page: one file, the same for all hosts but for its way of asking."""

from __future__ import annotations

from functools import cache
from typing import Any

from hubel import __version__, zoo
from hubel.code.javascript import engine_modules
from hubel.look.byhand.kernels import kernels_for_pages
from hubel.studio.answers import answered
from hubel.studio.course import own_course
from hubel.view.figures.colours import style_sheet
from hubel.view.figures.ramps import ramps_for_pages
from hubel.view.writers.linked import program, web_file
from hubel.view.writers.markup import Element, h
from hubel.view.writers.page import page

FIRST = "lenet5"  # what is open where nothing is asked for
FIRST_WIDTH = 900  # pixels of drawings that are made before a page says how wide it is
SHEETS = (
    "frame.css",
    "design/design.css",
    "design/editor.css",
    "design/diagram.css",
    "convolve/convolve.css",
    "learn/learn.css",
    "course/course.css",
    "train/train.css",
)
LEARNERS = {  # what the page offers to train
    "two convolutions": "28x28x1: conv 8 5x5 relu, maxpool 2, conv 16 5x5 relu, maxpool 2, flatten, dense 10 softmax",
    "one convolution": "28x28x1: conv 8 5x5/2 relu, maxpool 2, flatten, dense 10 softmax",
    "a hidden layer": "28x28x1: flatten, dense 64 relu, dense 10 softmax",
    "softmax regression": "28x28x1: flatten, dense 10 softmax",
}


@cache
def studio_page() -> str:
    """The page that asks the server which it came from."""
    return course_page(None)


def course_page(course: dict[str, Any] | None) -> str:
    """The same with a teacher's exercises in place of hubel's own."""
    policy = {"connect-src": "'self'", "media-src": "data:"}
    return _page("hubel/studio/server", policy, {"server": True}, course)


def site_page(course: dict[str, Any] | None = None) -> str:
    """The page that asks Python in a worker beside it. course: a teacher's exercises in place of hubel's own."""
    policy = {"connect-src": "'self'", "worker-src": "'self'"}
    return _page("hubel/studio/pyodide", policy, {"server": False}, course)


def notebook_page(begin: str) -> str:
    """The page that asks the notebook around it, and begins at an address (what stands behind #)."""
    return _page("hubel/studio/notebook", {}, {"server": False, "begin": begin})


def _page(asking: str, policy: dict[str, str], host: dict[str, Any], course: dict[str, Any] | None = None) -> str:
    base = [web_file("view", name) for name in ("base.css", "live/live.css")]
    style = "\n".join([*base, *(web_file("studio", name) for name in SHEETS), _drawings()])
    made = {"hubel/studio/asking": web_file("studio", f"{asking.rpartition('/')[2]}.js"), **engine_modules()}
    data = {
        "kernels": kernels_for_pages(),
        "ramps": ramps_for_pages(),
        "learners": [{**answered("learner", {"text": text}), "name": name} for name, text in LEARNERS.items()],
        "course": course or own_course(),
        "known": answered("known", {}),
        "host": {**host, "version": __version__},
        "first": answered("design", {"text": str(zoo.get(FIRST)), "width": FIRST_WIDTH}),
    }
    return page(
        "hubel studio", _body(), style=style, scripts=[program(["hubel/studio/studio"], made)], data=data, policy=policy
    )


def _drawings() -> str:
    """The rules of drawings in both themes: the page says which one a drawing has."""
    return style_sheet("light") + style_sheet("dark")


def _body() -> list[Element]:
    return [
        h("a", "to the room", href="#room", class_="skip"),
        h(
            "header",
            h("strong", "hubel"),
            h("nav", h("ul", id="rooms"), aria_label="rooms"),
            h(
                "label",
                "colours ",
                h("select", [h("option", each) for each in ("auto", "light", "dark")], id="theme"),
                class_="theme",
            ),
            h("p", id="trouble", role="alert", hidden=True),
        ),
        h("main", h("noscript", h("p", "The studio needs JavaScript.")), id="room", tabindex="-1"),
    ]
