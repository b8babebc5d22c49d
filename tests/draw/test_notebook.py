"""What a network, a report and a layer show in a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from hubel import zoo
from hubel.arch import Network, analyse, parse

EMPTY = ("br", "hr", "img", "meta")
SMALL = "32x32x3: conv 8 5x5, sum(conv 8 3x3 same | identity), norm, conv 4 3x3/2, flatten, dense 10 softmax"


class Page(HTMLParser):
    """A page's rows of cells, hover titles and text; fails where a tag is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.titles: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.titles += [value for name, value in attrs if name == "title"]
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def shown(thing: object) -> Page:
    return Page(thing._repr_html_())


def test_table_has_every_layer_with_its_figures():
    report = analyse(parse(SMALL))
    page = shown(report)
    assert page.rows[0] == ["layer", "what", "output", "parameters", "MACs", "field", "how"]
    assert [row[0] for row in page.rows[1:]] == [row.path for row in report.rows]
    assert page.rows[1][1:6] == ["conv 8 5x5", "28×28×8", "608", "470,400", "5×5"]
    assert page.rows[4][1] == "sum of 2 branches"
    assert page.rows[-1][1:5] == ["dense 10 softmax", "10", "6,770", "6,760"]


def test_formulas_are_a_hover_and_a_click_away():
    page = shown(analyse(parse(SMALL)))
    how = page.rows[1][6]
    assert how.startswith("(5·5·3 + 1)·8 = 608")
    assert "(kernel height·kernel width·channels + 1)·filters" in how
    assert "numbers in one dot product: 5·5·3 = 75" in how
    assert "parameters: (kernel height·kernel width·channels + 1)·filters\n= (5·5·3 + 1)·8 = 608" in page.titles
    assert any("(32 − 5)/1 + 1 = 28" in title for title in page.titles)
    assert {"details", "summary"} <= page.tags


def test_totals_and_notes():
    words = shown(analyse(parse(SMALL))).words
    assert "parameters 8,270" in words  # 608 + 584 + 16 + 292 + 6,770
    assert f"MACs {analyse(parse(SMALL)).macs:,} forward" in words
    assert "conv2: (28 − 3)/2 + 1 = 13.5: the last row of 28 not covered, dropped" in words


def test_frozen_parameters_are_told():
    assert "60,840, 60,000 of them trained" in shown(zoo.get("lenet5_1998")).words


def test_network_shows_its_text_form_and_its_report():
    network = parse(SMALL)
    assert network._repr_html_() == analyse(network)._repr_html_()
    assert SMALL in shown(network).words


def test_misfit_shows_what_is_wrong():
    network = parse("7x7x1: conv 4 3x3, conv 8 9x9")
    words = shown(network).words
    assert "7x7x1: conv 4 3x3, conv 8 9x9" in words
    assert "conv2: Conv2D expected an input of at least 9×9, received 5×5" in words
    assert "(5 − 9)/1 + 1 = −3" in words
    assert "what would fit: kernel_size 5 → 1" in words


@pytest.mark.parametrize("text", [SMALL, "7x7x1: conv 8 9x9"])
def test_everything_is_escaped(text):
    plain = parse(text)
    name = "<script>alert(1)</script> & <b>'\"</b>"
    page = shown(Network(plain.input, plain.body, name))
    assert name in page.words
    assert not {"script", "b"} & page.tags


def test_one_layer_shows_its_formulas():
    words = shown(analyse(parse(SMALL)).find("conv1")[0]).words
    assert "conv1 Conv2D: conv 8 5x5 32×32×3 → 28×28×8" in words
    assert "parameters: (5·5·3 + 1)·8 = 608" in words


@pytest.mark.parametrize("name", ["lenet5_1998", "googlenet", "unet"])
def test_nothing_from_outside_and_no_colour_of_its_own(name):
    text = zoo.get(name)._repr_html_()
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & page.tags
    assert not {"href", "src", "onclick"} & page.attributes
    assert not re.search(r"https?:|url\(|@import", text)
    style = text[: text.index("</style>")]
    assert set(re.findall(r"background(?:-color)?: *(\w+)", style)) == {"none"}
    assert not re.search(r"(?<!-)color:", style)
    assert all(".hubel-figures" in rule for rule in re.findall(r"^[^ ].*\{", style, re.MULTILINE))


def test_layers_that_repeat_write_their_formulas_once():
    page = shown(zoo.get("resnet152"))
    assert len(page.rows) == 1 + len(analyse(zoo.get("resnet152")).rows)
    assert sum("the same as " in row[-1] for row in page.rows) > 400
    assert len(zoo.get("resnet152")._repr_html_()) < 400_000


def test_showing_is_loaded_when_it_is_asked_for():
    code = "import sys, hubel.arch as a; a.analyse(a.parse('3x3x1: conv 1 3x3'));"
    code += "print('hubel.draw.notebook' in sys.modules, 'hubel.view.words.notebook' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
