"""Markup as a type of its own: elements are built, and words in them are words, whatever stands in them.

>>> text_of(h("p", h("b", "1 < 2"), " & so on", class_="note"))
'<p class="note"><b>1 &lt; 2</b> &amp; so on</p>'

HTML, SVG and notebook output of all rooms are written here, so that no other place escapes anything.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import TypeAlias

from hubel.base.words import printable

Attribute: TypeAlias = "str | int | float | bool | None"
Child: TypeAlias = "Element | str | Iterable[Child] | None"

QUOTE = '"'
_VOID = frozenset(("br", "col", "img", "input", "link", "meta", "wbr"))
_VERBATIM = frozenset(("script", "style"))
_LINED = frozenset(("html", "head", "body", "main", "section", "svg", "table", "tbody", "ul"))  # a child a line


@dataclass(frozen=True, slots=True)
class Element:
    """An element of HTML or SVG."""

    kind: str
    attributes: Mapping[str, Attribute]
    children: tuple[Element | str, ...]

    def walk(self) -> Iterator[Element]:
        """The element and all within it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()


def h(kind: str, *children: Child, **attributes: Attribute) -> Element:
    """An element. Children are elements, words (never markup), None (nothing), and lists of these.

    Attributes are written as Python has room for them: `class_="note"`, `aria_label="close"`, `data_row=3`. True stands
    for one without a value; one that is None or False is left out.
    """
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return Element(kind, named, tuple(_flat(children)))


def _flat(children: Iterable[Child]) -> Iterator[Element | str]:
    for child in children:
        if isinstance(child, (Element, str)):
            yield child
        elif child is not None:
            yield from _flat(child)


def with_attributes(element: Element, **attributes: Attribute) -> Element:
    """The element with more attributes, or others."""
    return replace(element, attributes={**element.attributes, **h("", **attributes).attributes})


def data_url(content: bytes, kind: str = "png") -> str:
    """A picture's file as an address that has it inside; kind: "png", "webp" …"""
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def text_of(*nodes: Child) -> str:
    """Write elements and words as HTML, or as SVG. What cannot be seen is shown as in `hubel.base.words.printable`."""
    return "".join(_written(node, xml=False) for node in _flat(nodes))


def _written(node: Element | str, xml: bool) -> str:
    if isinstance(node, str):
        return escape(printable(node, keep="\n\t"), quote=False)
    xml = xml or node.kind == "svg"
    start = f"<{node.kind}{''.join(_attribute(name, value) for name, value in node.attributes.items())}"
    if node.kind in _VERBATIM:
        inside = _verbatim(node)
    else:
        line = "\n" if node.kind in _LINED else ""
        inside = line + line.join(_written(child, xml) for child in node.children) + line if node.children else ""
    if not inside and (xml or node.kind in _VOID):
        return f"{start}/>" if xml else f"{start}>"
    return f"{start}>{inside}</{node.kind}>"


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    shown = f"{value:g}" if isinstance(value, float) else printable(str(value), keep="\n")
    return f' {name}="{escape(shown, quote=False).replace(QUOTE, "&quot;")}"'


def _verbatim(node: Element) -> str:
    """A script's or a style's text, which cannot be escaped, and so must not end its element."""
    text = "".join(child for child in node.children if isinstance(child, str))
    if f"</{node.kind}" in text.lower() or "<!--" in text:
        raise ValueError(f"expected a {node.kind} that does not end itself, received {text[:80]!r}")
    return text
