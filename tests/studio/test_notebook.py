"""The studio in a notebook: the page in its frame, in a real browser, with Python behind messages; and the widget."""

import base64

import numpy as np
import pytest

import hubel
from hubel.base.errors import SettingError
from hubel.look.byhand.convolve import convolve
from hubel.studio.digits import DIGIT_FILES, digits_file
from hubel.studio.notebook import live, replied
from hubel.studio.page import notebook_page
from hubel.view.writers.linked import web_file

NETWORK = "28x28x1: conv 4 3x3 relu, flatten, dense 10 softmax"
# what a notebook gives a widget: values, messages out, messages in
HOST = """([page, esm]) => {
  const heard = {};
  window.tell = (content) => heard["msg:custom"]?.(content); // an answer may come when all is closed
  window.model = {
    get: (name) => ({ page, height: 600 })[name],
    on: (name, act) => { heard[name] = act; },
    off: (name) => { delete heard[name]; },
    send: async (content) => window.tell(await window.python(content)),
  };
  const script = document.createElement("script");
  script.textContent = esm.replace("export default", "window.made =");
  document.head.append(script);
  window.away = window.made.render({ model: window.model, el: document.body });
}"""


def shown(page, tmp_path, begin):
    """A page as a notebook shows it, and the texts of networks that Python is told of."""
    texts = []
    page.expose_function("python", lambda message: replied(message, texts.append))
    (tmp_path / "notebook.html").write_text("<!doctype html><title>a notebook</title>", encoding="utf-8")
    page.goto((tmp_path / "notebook.html").as_uri())
    page.evaluate(HOST, [notebook_page(begin), web_file("studio", "widget.js")])
    return page.frame_locator("iframe"), texts


@pytest.mark.walk
def test_edits_go_to_python_and_come_from_there(browser_page, tmp_path):
    frame, texts = shown(browser_page, tmp_path, "room=design&net=lenet5")
    frame.get_by_text("61,706").first.wait_for()
    editor = frame.locator("textarea").first
    editor.fill("28x28x1: conv 4 3x3 relu, fla")
    frame.locator(".wrong").first.wait_for()
    editor.fill(NETWORK)
    frame.get_by_text("27,090").first.wait_for()
    assert texts[0] == "lenet5"
    assert texts[-1] == NETWORK
    assert all("fla," not in each and not each.endswith("fla") for each in texts)  # only what is a network
    browser_page.evaluate("window.tell({ address: 'room=design&net=softmax' })")
    frame.get_by_text("7,850").first.wait_for()
    assert texts[-1] == "softmax"
    browser_page.evaluate("window.away()")


def test_a_convolution_begins_with_its_numbers(browser_page, tmp_path):
    made = convolve([[0, 1, 2], [1, 1, 1], [2, 0, 5]], [[1, 0], [0, -1]], bias=3.5)
    from hubel.studio.notebook import _of_convolution

    frame, _ = shown(browser_page, tmp_path, _of_convolution(made))
    frame.get_by_text("3×3×1 → 2×2×1").wait_for()
    outputs = frame.locator(".part").last.locator("button, [role=gridcell], td, .cell")
    told = [each.replace("−", "-") for each in outputs.all_inner_texts()]
    assert {f"{float(value):g}" for value in np.ravel(made.output)} <= set(told)


def test_what_is_no_question_is_refused_in_words():
    assert replied({"number": 1, "question": "nope"})["refused"].startswith("no question is called 'nope'")
    assert "refused" in replied({"number": 2, "file": "../../etc/passwd"})
    assert "refused" in replied({"number": 3, "question": "design", "values": {"text": 5}})
    assert "refused" in replied({"number": 4, "question": "design", "values": [1]})
    name = next(iter(DIGIT_FILES))
    assert base64.b64decode(replied({"number": 5, "file": name})["answer"]) == digits_file(name)
    for message in (None, "x", {}, {"number": "1"}, []):
        with pytest.raises(SettingError, match="a message of the studio's page"):
            replied(message)


@pytest.mark.parametrize("file", [[], {}, None, 3, "../digits", ["digits/images.bin"]])
def test_no_other_file_is_given_whatever_is_asked(file):
    assert "no question is called" in replied({"number": 1, "file": file, "question": "x"})["refused"]


def test_without_anywidget_it_is_said_what_to_install(monkeypatch):
    import sys

    from hubel.studio import notebook

    monkeypatch.setitem(sys.modules, "anywidget", None)
    notebook._kind.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hubel\[notebook\]'"):
        live("lenet5")


@pytest.mark.peers
def test_the_widget_keeps_what_was_changed():
    pytest.importorskip("anywidget")
    widget, sent = hubel.live("lenet5"), []
    widget.send = lambda content, buffers=None: sent.append(content)
    assert widget.network.name == "lenet5"
    widget._handle_custom_msg({"number": 1, "question": "design", "values": {"text": NETWORK, "width": 600}}, [])
    assert sent[-1]["answer"]["text"] == NETWORK
    assert str(widget.network) == NETWORK
    widget.network = hubel.zoo.get("softmax")
    assert sent[-1]["address"].startswith("room=design&net=28x28x1")
    assert widget.network.input == (28, 28, 1)
    assert "room=convolve" in live(convolve([[1, 2], [3, 4]], [[1]])).page
    for wrong in (3.5, convolve(np.ones((30, 30)).tolist(), [[1]])):
        with pytest.raises(SettingError, match="expected"):
            live(wrong)
