"""Tables as files: what stands in them comes back, and is nothing else."""

from __future__ import annotations

import csv
import io
import re

import pytest

from hubel.view.words.tables import Table
from hubel.view.writers.markup import text_of
from tests.hostile import MARKUP

FOUND = Table(
    ("class", "#images", "#share", "told"),
    (
        ("cat, or dog", 1200, 0.25, 'a "b"'),
        ("line\nbreak", -3, None, "x|y"),
        ("=1+1", 0, 1.0, "@SUM(A1)"),
        ("+", 1, 2.0, "-"),
    ),
    "classes",
)


def test_csv_comes_back_as_it_was():
    rows = list(csv.reader(io.StringIO(FOUND.csv())))
    assert rows[0] == ["class", "images", "share", "told"]
    assert rows[1] == ["cat, or dog", "1200", "0.25", 'a "b"']
    assert rows[2] == ["line\\nbreak", "-3", "", "x|y"]


def test_no_cell_of_csv_is_a_formula():
    rows = list(csv.reader(io.StringIO(FOUND.csv())))[1:]
    assert rows[2][0] == "'=1+1"
    assert rows[2][3] == "'@SUM(A1)"
    assert rows[3][0] == "'+"
    hostile = Table(("a",), tuple((f"{start}HYPERLINK(1)",) for start in ("=", "+", "-", "@", "\t=", "\r=")))
    assert not re.search(r"^[=+\-@\t\r]", hostile.csv(), re.MULTILINE)


def test_markdown():
    assert FOUND.markdown().splitlines()[:4] == [
        "| class | images | share | told |",
        "| --- | --: | --: | --- |",
        '| cat, or dog | 1,200 | 0.25 | a "b" |',
        "| line break | −3 |  | x\\|y |",
    ]


@pytest.mark.parametrize(
    "text",
    [
        '"><img src=x onerror=alert(1)>',
        "</script><script>run()</script>",
        "[here](javascript:run)",
        "![seen](http://elsewhere.org/x.png)",
        "<http://elsewhere.org>",
        "`code` **strong** _leaning_ ~~struck~~",
        "&lt;b&gt; &#60;",
        "a | b \\| c \\",
        "__init__ and conv1_tanh",
        "see https://elsewhere.org or www.elsewhere.org",
        "| --- | $x$",
    ],
)
def test_words_are_words_in_markdown(text):
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    inline = [token for token in reader.parse(Table(("word",), ((text,),)).markdown()) if token.type == "inline"]
    assert len(inline) == 2
    parts = inline[1].children or []
    assert {part.type for part in parts} <= {"text", "text_special"}
    assert "".join(part.content for part in parts) == text
    assert not re.search(r"(?<!\\)://|www\.", Table(("word",), ((text,),)).markdown())


def test_latex_means_what_it_says():
    text = Table(("a_b", "#%"), (("\\input{/etc/passwd}", 3), ("$x^2$ & ~ # {", 4), ("28×28", 5))).latex()
    assert text.splitlines()[0] == "\\begin{tabular}{lr}"
    assert "a\\_b & \\% \\\\" in text
    assert "\\textbackslash{}input\\{/etc/passwd\\} & 3 \\\\" in text
    assert "\\$x\\textasciicircum{}2\\$ \\& \\textasciitilde{} \\# \\{ & 4 \\\\" in text
    assert "28$\\times$28 & 5 \\\\" in text


@pytest.mark.parametrize("name", MARKUP, ids=range(len(MARKUP)))
def test_html_has_words(name):
    text = text_of(Table(("class", "#n"), ((name, 1),), name).html())
    assert re.findall(r"<([a-z]+)", text) == ["table", "caption", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
