"""One HTML file that needs nothing from elsewhere, and can do nothing there.

Every page that hubel writes is made here, under one strict Content-Security-Policy: the scripts and style sheets that
were put in, known by their hashes, and pictures inside the file; nothing else is run, fetched, framed or sent.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from hubel.base.words import json_text
from hubel.view.writers.linked import web_file
from hubel.view.writers.markup import Child, Element, data_url, h, text_of

# nine weights of a kernel, from black to white across an edge
_ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="5" fill="#2a5d9c"/>'
    b'<path fill="#16304f" d="M4 4h7v7H4zM4 12.5h7v7H4zM4 21h7v7H4z"/>'
    b'<path fill="#7fa9dc" d="M12.5 4h7v7h-7zM12.5 12.5h7v7h-7zM12.5 21h7v7h-7z"/>'
    b'<path fill="#fff" d="M21 4h7v7h-7zM21 12.5h7v7h-7zM21 21h7v7h-7z"/></svg>'
)


def page(
    title: str,
    *body: Child,
    style: str = "",
    scripts: Iterable[str] = (),
    data: Mapping[str, Any] | None = None,
    theme: str | None = None,
    policy: Mapping[str, str] | None = None,
) -> str:
    """Write a page.

    style: rules, after those of the colours (`web/colours.css`) and before those of the body's own style elements.
    scripts: JavaScript modules that import nothing (see `hubel.view.writers.linked`), run in order once the body
    stands. data: values, each as JSON in an element of that id.
    theme: the root's `data-theme`. policy: what else the page may do, such as {"connect-src": "'self'"} of a page that
    asks the service that it came from.
    """
    sheet = _Sheet(web_file("view", "colours.css") + style)
    elements = [*h("body", *body).children, *(held(value, name) for name, value in (data or {}).items())]
    whole = [sheet.moved(each) for each in elements]
    rules = h("style", sheet.text)
    programs = [h("script", f"\n{text}", type="module") for text in dict.fromkeys(scripts)]
    head = (
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=_policy(programs, rules, policy or {})),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("title", title),
        h("link", rel="icon", href=data_url(_ICON, "svg+xml")),  # or browsers ask for one that the policy refuses
        rules,
    )
    root = h("html", h("head", *head), h("body", whole, programs), lang="en", data_theme=theme)
    return f"<!doctype html>\n{text_of(root)}\n"


def finding_page(title: str, *body: Child, subtitle: str = "", style: str = "", **settings: Any) -> str:
    """Write the page of one finding: its title and what follows, in the style that such pages share. style: rules after
    those. The rest: as `page`.
    """
    head = h("h1", title), h("p", subtitle) if subtitle else None
    return page(title, h("main", head, body), style=web_file("view", "finding.css") + style, **settings)


def held(value: Any, name: str | None = None) -> Element:
    """A value as JSON within a page, for its scripts; words in it are shown as they are elsewhere in the page."""
    return h("script", json_text(value, compact=True, shown=True), type="application/json", id=name)


class _Sheet:
    """The page's one style sheet: rules, and what stands in style elements and attributes, which the policy forbids."""

    def __init__(self, style: str) -> None:
        self._parts = [style]
        self._names: dict[str, str] = {}

    @property
    def text(self) -> str:
        """All rules."""
        # ids that are nowhere make a rule weigh nearly as much as the attribute did
        own = [f":is(.{name},#_#_){{{declarations}}}" for declarations, name in self._names.items()]
        return "\n".join(["", *dict.fromkeys(self._parts), *own])

    def moved(self, node: Element | str) -> Element | str:
        """The element with its style as a class; a style element's rules are taken, and it leaves nothing."""
        if isinstance(node, str):
            return node
        if node.kind == "style":
            self._parts += [child for child in node.children if isinstance(child, str)]
            return ""
        attributes = dict(node.attributes)
        declarations = attributes.pop("style", None)
        if declarations:
            own = self._names.setdefault(str(declarations), f"s{len(self._names)}")
            attributes["class"] = f"{attributes.get('class') or ''} {own}".strip()
        return Element(node.kind, attributes, tuple(map(self.moved, node.children)))


def _policy(programs: Sequence[Element], rules: Element, more: Mapping[str, str]) -> str:
    rules_for = {
        "default-src": "'none'",
        "script-src": " ".join(map(_hash, programs)),
        "style-src": _hash(rules),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    for kind, allowed in more.items():  # a script stays known by its hash, whatever else it may do
        rules_for[kind] = f"{rules_for['script-src']} {allowed}" if kind == "script-src" else allowed
    return "; ".join(f"{kind} {allowed}" for kind, allowed in rules_for.items() if allowed)


def _hash(element: Element) -> str:
    text = "".join(child for child in element.children if isinstance(child, str))
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
