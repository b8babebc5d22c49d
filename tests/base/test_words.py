"""Names from files are data: shown, they do nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hubel.base.words import json_text, printable, writable

HIDDEN = [
    "\x00", "\x07", "\b", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\x9b", "\xad", "\u061c", "\u200b", "\u200e",
    "\u2028", "\u2029", "\u202e", "\u2060", "\u2066", "\u2069", "\ufeff", "\ufffe", "\ud800", "\U000e0041",
]  # fmt: skip
SEEN = ["cat", "Größe", "犬", "نعم", "3 × 4", "a\u00a0b", "e\u0301", "می\u200cخواهم", "👨\u200d👩\u200d👧", "क्\u200dष"]


@pytest.mark.parametrize("letter", HIDDEN)
def test_what_is_hidden_is_shown_as_an_escape(letter):
    shown = printable(f"a{letter}b")
    assert shown.isascii()
    assert shown.isprintable()
    assert shown.encode("ascii").decode("unicode_escape") == f"a{letter}b"


@pytest.mark.parametrize("letter", HIDDEN)
def test_json_has_no_hidden_letter_and_reads_the_same(letter):
    value = {f"a{letter}b": [letter, "<script>"]}
    assert json_text(value).isascii()
    assert json_text(value).isprintable()
    assert "<" not in json_text(value)
    assert json.loads(json_text(value)) == value


@pytest.mark.parametrize("text", SEEN)
def test_words_of_all_languages_stay(text):
    assert printable(text) == text
    assert json_text(text) == f'"{text}"'


def test_joiners_that_join_nothing_are_shown():
    assert printable("a\u200db") == "a\\u200db"
    assert printable("\u200cم") == "\\u200cم"
    assert printable("م\u200d\u200dم") == "م\\u200d\\u200dم"


def test_lines_are_kept_where_they_are_wanted():
    assert printable("one\ntwo\x1b[2J", keep="\n") == "one\ntwo\\x1b[2J"


def test_what_is_very_long_is_cut():
    assert printable("x" * 50_000, longest=80) == "x" * 79 + "…"
    assert printable("x" * 80, longest=80) == "x" * 80


def test_json_holds_what_arrays_and_figures_hold():
    value = {"a": np.float32(0.5), 3: np.arange(2), "none": float("nan"), "inf": -np.inf, "deep": ({"x": np.nan},)}
    found = json.loads(json_text(value, compact=True))
    assert found == {"a": 0.5, "3": [0, 1], "none": None, "inf": None, "deep": [{"x": None}]}
    with pytest.raises(TypeError, match="received object"):
        json_text({"a": object()})


def test_what_stands_for_bytes_of_a_file_name_can_be_written():
    told = {
        b"caf\xc3\xa9": "café",  # as a locale without UTF-8 gives it
        b"\xff": "\\xff",
        b"a\x80b": "a\\x80b",
        b"plain": "plain",
    }
    for stored, shown in told.items():
        read = stored.decode("ascii", "surrogateescape")
        assert writable(read) == shown
        assert printable(read) == shown
    assert writable("日本 \n") == "日本 \n"
    assert writable("\ud83d\udc80") == "\\ud83d\\udc80"
    assert writable("\ud800") == "\\ud800"
