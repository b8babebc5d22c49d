"""What terminals are shown: names from files do nothing there."""

from __future__ import annotations

import io
import time

import pytest
from rich.live import Live
from rich.text import Text

from hubel.view.words.terminal import Terminal, styled, table, with_progress
from tests.hostile import HIDDEN, NAMES
from tests.work import HANG

MARKED = ("[red]x[/red]", "[/]", "[bold", "[link=file:///etc/passwd]x[/link]", ":smile:", "back\\", "\\[x]", "{0} {}")


def shown(*parts: object, colour: bool = False, **settings: object) -> str:
    file = io.StringIO()
    screen = Terminal(file=file, force_terminal=colour, color_system="standard" if colour else None, width=200)
    for part in parts:
        screen.print(part, **settings)
    return file.getvalue()


@pytest.mark.parametrize("name", [*NAMES[:-1], *MARKED])
def test_names_are_only_words(name):
    plain = name if name.isprintable() else "a\\x00b\\x1b[2Jc\\u202ed\\u2066e\\u2028f\\u200bg"
    assert shown(name, soft_wrap=True) == f"{plain}\n"
    assert shown(Text(name), soft_wrap=True) == f"{plain}\n"
    assert shown(styled("[bold]{}[/]: {}", name, 1), soft_wrap=True) == f"{plain}: 1\n"
    assert plain in shown(table("class", rows=[[name]]))


def test_styles_are_styles_and_nothing_else_is():
    assert shown(styled("[bold]{:.1%}[/] of {}", 0.5, "[red]a"), colour=True) == "\x1b[1m50.0%\x1b[0m of [red]a\n"
    assert shown(f"12 True '{HIDDEN}'", colour=True) == f"12 True '{shown(HIDDEN).rstrip()}'\n"  # no highlighting


def test_a_live_line_still_moves_the_cursor():
    file = io.StringIO()
    screen = Terminal(file=file, force_terminal=True, width=40)
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        live.update(Text("a\x1b[2Jb"), refresh=True)
    assert "a\\x1b[2Jb" in file.getvalue()
    assert "\x1b[?25l" in file.getvalue()


def test_tables_set_numbers_right_and_cut_what_has_no_end():
    lines = shown(table("name", "#count", rows=[["a", 5], ["b", "1,000"], ["x" * 5000, 1]]), width=900).splitlines()
    assert lines[0].split() == ["name", "count"]
    assert lines[1].rstrip().endswith("    5")
    assert sum(line.count("x") for line in lines) == 399
    assert shown(table(rows=[("a", "b")])).split() == ["a", "b"]


def test_long_work_is_never_silent_in_a_pipe(capsys, monkeypatch):
    """Neither where it says how far it is, nor where it says nothing at all."""

    monkeypatch.setattr("hubel.view.words.terminal.QUIET", 0.05)

    def silent(show):
        until = time.monotonic() + HANG
        while "looking, " not in (said := capsys.readouterr().err) and time.monotonic() < until:
            time.sleep(0.01)
        return said

    assert "looking, 0 s\n" in with_progress("looking", silent)

    def telling(show):
        show("comparing", 12, 107)
        until = time.monotonic() + HANG
        while "comparing 12 of 107, 0 s" not in (said := capsys.readouterr().err) and time.monotonic() < until:
            time.sleep(0.01)
        show("packing", 0, 0)
        while "packing, " not in said and time.monotonic() < until:
            said += capsys.readouterr().err
            time.sleep(0.01)
        return said

    assert "packing, " in with_progress("looking", telling)


def test_short_work_says_nothing(capsys):
    assert with_progress("looking", lambda show: 3) == 3
    assert capsys.readouterr().err == ""
