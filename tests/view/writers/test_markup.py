"""Elements: words in them are words."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from hubel.view.writers.markup import Element, h, text_of, with_attributes
from tests.hostile import HIDDEN, NAMES


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("name", NAMES[:-2], ids=range(len(NAMES) - 2))
def test_words_are_words_in_text_and_attributes(name):
    seen = Seen(text_of(h("p", name, title=name)))
    assert seen.tags == [("p", {"title": name})]
    assert seen.words == name
    root = ET.fromstring(text_of(h("svg", h("text", name, id=name))))
    assert (root[0].text, root[0].get("id")) == (name, name)


def test_what_is_hidden_is_shown():
    assert text_of(h("p", HIDDEN, title=HIDDEN)).isprintable()
    assert "\\u202e" in text_of(HIDDEN)
    assert text_of(h("pre", "one\ntwo")) == "<pre>one\ntwo</pre>"


def test_children_may_be_lists_and_nothing():
    made = h("ul", [h("li", "a"), None], (h("li", each) for each in "bc"), None, class_="plain")
    assert text_of(made) == '<ul class="plain">\n<li>a</li>\n<li>b</li>\n<li>c</li>\n</ul>'
    assert text_of("1 < 2", [None, h("br")]) == "1 &lt; 2<br>"


def test_attributes():
    made = h("input", type="range", min=0, hidden=True, disabled=False, id=None, aria_label="x & y", data_at=1.5)
    assert text_of(made) == '<input type="range" min="0" hidden aria-label="x &amp; y" data-at="1.5">'
    assert text_of(with_attributes(h("p", id="a", class_="b"), class_="c")) == '<p id="a" class="c"></p>'


def test_empty_elements_of_svg_close_themselves():
    assert text_of(h("svg", h("g", h("path", d="M0 0")))) == '<svg>\n<g><path d="M0 0"/></g>\n</svg>'


@pytest.mark.parametrize("text", ["a</script>b", "a</SCRIPT", "<!-- x"])
def test_a_script_that_would_end_itself_is_refused(text):
    with pytest.raises(ValueError, match="does not end itself"):
        text_of(h("script", text))


def test_walking_gives_every_element():
    made = h("a", h("b", h("c"), "words"), h("d"))
    assert [each.kind for each in made.walk()] == ["a", "b", "c", "d"]
    assert all(isinstance(each, Element) for each in made.walk())
