"""Pages: their policy, and that what is asked of them works under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hubel.view.writers.markup import h
from hubel.view.writers.page import held, page
from tests.hostile import HIDDEN, NAMES, faults

DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def opened(browser_page: Any, folder: Path, text: str) -> Any:
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    browser_page.goto(path.as_uri())
    return browser_page


def test_a_page_does_what_it_was_given(browser_page: Any, tmp_path: Path) -> None:
    drawing = h("svg", h("style", "rect{fill:rgb(1,2,3)}"), h("rect", width=4, height=4, style="stroke:rgb(4,5,6)"))
    text = page(
        "A <page>",
        h("p", "words", id="p", class_="quiet", style="width:77px"),
        drawing,
        h("img", src=DOT, alt="dot"),
        style="#p.quiet{width:5px;color:rgb(7,8,9)}",
        scripts=[
            "window.first = JSON.parse(document.getElementById('numbers').textContent);",
            "window.then = first.a;",
        ],
        data={"numbers": {"a": [1, None, "</script>"]}},
        theme="dark",
    )
    shown = opened(browser_page, tmp_path, text)
    assert shown.title() == "A <page>"
    assert shown.evaluate("window.then") == [1, None, "</script>"]
    assert shown.evaluate("document.documentElement.dataset.theme") == "dark"
    style = "(kind, name) => getComputedStyle(document.querySelector(kind))[name]"
    assert shown.evaluate(f"({style})('#p', 'width')") == "77px"  # an element's own style outweighs the sheet's
    assert shown.evaluate(f"({style})('#p', 'color')") == "rgb(7, 8, 9)"
    assert shown.evaluate(f"({style})('rect', 'fill')") == "rgb(1, 2, 3)"
    assert shown.evaluate(f"({style})('rect', 'stroke')") == "rgb(4, 5, 6)"
    assert shown.evaluate("document.querySelector('img').naturalWidth") == 1


def test_names_from_files_do_nothing(browser_page: Any, tmp_path: Path) -> None:
    body = [h("p", name, title=name, id=name, data_name=name) for name in NAMES]
    script = "document.body.append(...JSON.parse(document.getElementById('names').textContent));window.ran = true"
    shown = opened(browser_page, tmp_path, page(NAMES[0], body, scripts=[script], data={"names": NAMES}))
    assert shown.evaluate("window.ran")
    assert faults(shown) == []
    assert shown.locator("p").all_text_contents()[:3] == list(NAMES[:3])


def test_scripts_and_styles_that_were_not_put_in_are_refused(browser_page: Any, tmp_path: Path) -> None:
    text = page("x", h("p", "words"), scripts=["window.ran = true"])
    bad = "<p id=q style='color:red' onclick='window.broken=1'>q</p><script>window.broken=1</script>"
    bad += "<style>p{color:red}</style><img src='https://example.org/x.png'>"
    bad += "<script src='data:text/javascript,window.broken=1'></script>"
    shown = opened(browser_page, tmp_path, text.replace("<p>words</p>", bad))
    shown.locator("#q").click()
    shown.evaluate("location.hash = 'x'")
    assert shown.evaluate("[window.ran, window.broken]") == [True, None]
    assert shown.evaluate("getComputedStyle(document.querySelector('#q')).color") != "rgb(255, 0, 0)"
    assert len(shown.forbidden) >= 5
    shown.forbidden.clear()


def test_the_policy_allows_no_more_than_is_needed() -> None:
    assert "script-src" not in page("x", h("p"))
    assert "img-src data:;" in page("x", h("p"), scripts=["1"])  # what is inside the file, its icon first


def test_a_page_brings_its_icon() -> None:
    """Else browsers ask its server for one, and Firefox says that the policy refuses it."""
    assert '<link rel="icon" href="data:image/svg+xml;base64,' in page("x", h("p"))


def test_data_shows_what_is_hidden() -> None:
    (text,) = held({"name": HIDDEN}).children
    assert "\\\\u202e" in text
    assert "\\u202e" not in text.replace("\\\\u202e", "")
