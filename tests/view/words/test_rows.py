"""Tables in little room: no word is broken, nothing is lost, no line is too long."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.text import Text

from hubel.draw.terminal import layer_parts, network_parts
from hubel.view.words.rows import folded
from hubel.view.words.terminal import Terminal, table
from hubel.view.words.told import Columns, Styled
from hubel.zoo import analyse

LINES = {
    "resnet18": list(network_parts(analyse("resnet18"), 80)),
    "googlenet": list(network_parts(analyse("googlenet"), 80)),
    "lenet5": list(network_parts(analyse("lenet5"), 160)),
    "a layer": list(layer_parts(analyse("lenet5").rows[:1])),
}
TABLES = {
    **{name: [each.__rich__() for each in lines if isinstance(each, Columns)] for name, lines in LINES.items()},
    "words": [
        table(
            "name", "#n", "of what", rows=[["efficientnet_lite0", "1,234,567", "He et al. 2015, in a folder/of.files"]]
        )
    ],
}


def parts(word: str) -> set[str]:
    """A word, and what is left of it where lines may end in it: after a dot or a slash between two words."""
    pieces = re.split(r"(?<=\w[./])(?=[A-Za-z])", word)
    return {"".join(pieces[i:j]) for i in range(len(pieces)) for j in range(i + 1, len(pieces) + 1)}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_word_is_broken_and_none_is_lost(name: str, width: int) -> None:
    for rows in TABLES[name]:
        wide = [line.plain for line in rows.lines(1000)]
        narrow = [line.plain for line in rows.lines(width)]
        words = {word for line in wide for word in line.split()}
        allowed = {part for word in words for part in parts(word)}
        assert {word for line in narrow for word in line.split()} <= allowed
        assert max(map(len, narrow)) <= max(width, *map(len, words))
        assert not [line for line in narrow if line != line.rstrip()]
        whole = re.sub(r"[\s·]", "", "".join(narrow))
        for row in rows.rows:
            for cell in row:
                for word in cell.plain.split():
                    assert word == "·" or any(part.replace("·", "") in whole for part in parts(word))


MORE = [
    Styled("[bold]{}[/]: {:.1%}, [dim]{}[/]", "[bold]a[/]", 0.5, "x\u202ey"),
    Columns(("what", "#n"), [("a", 1), (Styled("[dim]{}[/]", "longer"), 1000), (" b ",)], gap=3),
    Columns((), []),
]


@pytest.mark.parametrize("line", [each for lines in (*LINES.values(), MORE) for each in lines if each])
def test_what_is_one_line_is_written_as_rich_lays_it_out(line: Styled | Columns) -> None:
    written = StringIO()
    Terminal(file=written, width=160).print(line)
    assert line.plain(160) == written.getvalue().removesuffix("\n")


@pytest.mark.parametrize("words", ["two\nlines", "漢字", "e\u0301", "x" * 161])
def test_rich_lays_out_what_is_not(words: str) -> None:
    assert Styled("{}", words).plain(160) is None
    assert Columns((), [(words,)]).plain(160) is None


def test_where_there_is_room_a_table_is_as_it_was() -> None:
    rows = table("what", "#n", rows=[["one", 1], ["eleven", "1,000"]], gap=3)
    assert [line.plain for line in rows.lines(80)] == ["what         n", "one          1", "eleven   1,000"]


def test_a_word_longer_than_the_terminal_is_broken_and_colours_stay() -> None:
    lines = folded(Text("a" * 25 + " b", "bold"), 10)
    assert [line.plain for line in lines] == ["a" * 10, "a" * 10, "aaaaa b"]
    assert all(line.style == "bold" or line.spans for line in lines)
