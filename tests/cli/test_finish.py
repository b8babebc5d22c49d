"""What a command writes and prints: one rule for all."""

from __future__ import annotations

import csv
import io
import json
import os
from argparse import ArgumentParser
from pathlib import Path

import pytest

from hubel.cli import main
from hubel.cli._finish import FIGURES, TABLES, Answer, add_output, finish
from hubel.view.words.tables import Table


class Drawn:
    def written(self, ending: str, theme: str) -> str:
        return f"{ending} in {theme}"


ANSWER = Answer(
    data=lambda: {"name": "<a\u202e>", "none": float("nan")},
    lines=lambda width: ["first", f"second of {width}"],
    tables=lambda: [Table(("name", "#n"), (("a", 1),), "one"), Table(("b",), ((None,),), "two")],
    figure=lambda: Drawn(),  # type: ignore[arg-type,return-value]
    notes=["to be known"],
    summary="in short",
)


def run(capsys: pytest.CaptureFixture[str], *words: object, answer: Answer = ANSWER) -> tuple[str, str]:
    parser = ArgumentParser()
    add_output(parser, *FIGURES, *TABLES, theme=True)
    parser.set_defaults(command="ask")
    assert finish(parser.parse_args(list(map(str, words))), answer) == 0
    out, err = capsys.readouterr()
    return out, err


def test_lines_are_printed_and_notes_told(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run(capsys) == ("in short\nfirst\nsecond of 160\n", "to be known\n")
    monkeypatch.setenv("COLUMNS", "70")
    assert run(capsys)[0] == "in short\nfirst\nsecond of 70\n"


def test_json_is_alone_on_standard_output(capsys, tmp_path):
    out, err = run(capsys, "--json")
    assert json.loads(out) == {"name": "<a\u202e>", "none": None}
    assert out.isascii()
    assert err == "to be known\nin short\n"
    out, err = run(capsys, "--json", "-o", tmp_path / "a.csv")
    assert json.loads(out)["none"] is None
    assert err.endswith(f"wrote {tmp_path / 'a.csv'}\n")


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".svg", ".svg in dark"),
        (".PNG", ".png in dark"),
        (".html", ".html in dark"),
        (".csv", 'name,n\na,1\n\nb\n""\n'),
        (".md", "| name | n |\n| --- | --: |\n| a | 1 |\n\n| b |\n| --- |\n|  |\n"),
        (".txt", "in short\nfirst\nsecond of 160\n"),
    ],
)
def test_the_ending_says_what_is_written(capsys, tmp_path, ending, content):
    target = tmp_path / f"file{ending}"
    assert run(capsys, "-o", target, "--theme", "dark")[0] == f"in short\nwrote {target}\n"
    assert target.read_text(encoding="utf-8") == content
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_table_is_a_page_where_nothing_is_drawn(capsys, tmp_path):
    plain = Answer(ANSWER.data, tables=ANSWER.tables)
    run(capsys, "-o", tmp_path / "a.html", answer=plain)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<table>") == 2
    assert "Content-Security-Policy" in page
    assert "<h1>hubel ask</h1>" in page


def test_a_page_of_tables_has_the_words_beside_them_once(capsys, tmp_path):
    def parts(name: str, *rows: tuple[str, int]) -> Table:
        return Table(("name", "#n"), rows, name)

    tables = [parts("net: a step", ("a", 1)), parts("net: memory", ("of a", 1998))]
    lines = [tables[0], "→ of a", "one is held out"]
    found = Answer(ANSWER.data, lambda width: lines, lambda: tables, notes=["read so"], summary="in short")
    run(capsys, "-o", tmp_path / "a.html", answer=found)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    titles = ("<h1>net</h1>", "<caption>a step</caption>", "<caption>memory</caption>")
    assert [page.count(words) for words in titles] == [1, 1, 1]
    told = ("in short", "one is held out", "read so", "→ of a")
    assert [page.count(f">{words}</p>") for words in told] == [1, 1, 1, 0]


def test_a_line_stands_for_standard_output(capsys):
    assert run(capsys, "-o", "-") == (".svg in auto", "to be known\n")


def test_other_endings_are_refused_before_any_work(capsys):
    for word in ("a.doc", "plain", ".", "a.svgz"):
        with pytest.raises(SystemExit):
            run(capsys, "-o", word)
        assert "expected a file that ends with .svg, .png" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_leaves_what_was_there(capsys, tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")

    def fails() -> None:
        raise OSError("nothing comes")

    with pytest.raises(OSError, match="nothing comes"):
        run(capsys, "-o", target, answer=Answer(fails, tables=fails))
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


PLACES = {
    "no/a": "no folder no; make it first",
    "file/a": "file is a file, no folder",
    "folder": "is a folder; name a file",
    "no/more/a": "no folder no/more; make it first",
}
WRITING = [
    (["explain", "lenet5"], ".csv"),
    (["draw", "lenet5"], ".svg"),
    (["code", "lenet5"], ".py"),
    (["convolve", "5x5", "3x3"], ".png"),
    (["data", "mnist", "--sheet", "a.png"], ".json"),
    (["predict", "none", "none.png"], ".jsonl"),
    (["report", "none"], ".html"),
    (["look", "maps", "none", "none.png"], ".svg"),
    (["find", "none", "none.png"], ".svg"),
    (["evaluate", "none"], ".csv"),
]


@pytest.mark.parametrize(("words", "ending"), WRITING, ids=[" ".join(words) for words, _ in WRITING])
@pytest.mark.parametrize("place", PLACES)
def test_where_nothing_can_be_put_is_said_before_any_work(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    ending: str,
    place: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path(f"folder{ending}").mkdir()
    with pytest.raises(SystemExit) as stopped:
        main([*words, "-o", f"{place}{ending}"])
    said = capsys.readouterr()
    assert (stopped.value.code, said.out) == (2, "")
    assert PLACES[place] in said.err
    assert sorted(os.listdir()) == ["file", f"folder{ending}"]


def test_a_folder_that_may_not_be_written_to_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = os.path.realpath(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: not (os.fspath(path) == closed and mode & os.W_OK))
    with pytest.raises(SystemExit):
        run(capsys, "-o", tmp_path / "a.csv")
    assert f"{tmp_path}: nothing may be written to this folder; name another" in capsys.readouterr().err
    (tmp_path / "open").mkdir()
    run(capsys, "-o", tmp_path / "open" / "a.csv")


VERBS = [
    (["explain", "lenet5"], 7),
    (["explain", "lenet5", "conv1"], 10),
    (["compare", "lenet5", "alexnet"], 10),
    (["advise", "vgg16"], 1),
    (["zoo"], 30),
    (["zoo", "lenet5"], 1),
    (["plan", "resnet18", "--device", "a100"], 10),
    (["plan", "--list"], 10),
]


@pytest.mark.parametrize(("words", "least"), VERBS, ids=[" ".join(words) for words, _ in VERBS])
def test_verbs_write_their_tables(capsys, tmp_path, monkeypatch, words, least):
    monkeypatch.delenv("COLUMNS", raising=False)  # which is set where tests run beside each other
    written: dict[str, Path] = {}
    for ending in ("csv", "json", "md", "tex", "html", "txt"):
        written[ending] = tmp_path / f"a.{ending}"
        assert main([*words, "-o", str(written[ending])]) in (0, 1)
    rows = list(csv.reader(io.StringIO(written["csv"].read_text(encoding="utf-8"))))
    assert len(rows) > least
    capsys.readouterr()
    assert main([*words, "--json"]) in (0, 1)
    assert json.loads(written["json"].read_text(encoding="utf-8")) == json.loads(capsys.readouterr().out)
    assert main(words) in (0, 1)
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert written["txt"].read_text(encoding="utf-8").split() == " ".join(printed).split()
