"""Limits: one table, the same in the documentation, each with a setting."""

from pathlib import Path

import pytest

from hubel.base.errors import LimitError, SettingError
from hubel.base.limits import LIMITS, check, ignores_damage, looked_through, most, setting

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def test_the_page_has_every_limit_as_it_is():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `HUBEL_MOST_")]
    assert rows == [f"| `{setting(name)}` | {each.of} | {each.most:,} | {each.why} |" for name, each in LIMITS.items()]


def test_a_setting_raises_a_limit_and_the_error_names_it(monkeypatch):
    with pytest.raises(
        LimitError, match=r"conv1: expected at most 262,144 .*, received 300,000; .*HUBEL_MOST_ROWS=300"
    ):
        check("rows", 300_000, "conv1")
    monkeypatch.setenv("HUBEL_MOST_ROWS", "300000")
    check("rows", 300_000, "conv1")
    with pytest.raises(LimitError, match="at most 300,000"):
        check("rows", 300_001, "conv1")


@pytest.mark.parametrize("value", ["", "0", "-1", "1e6", "many", "٣", "1" * 31])
def test_a_setting_that_is_no_number_is_refused(monkeypatch, value):
    monkeypatch.setenv("HUBEL_MOST_ROWS", value)
    with pytest.raises(SettingError, match="HUBEL_MOST_ROWS: expected a whole number above 0"):
        most("rows")


def test_a_variable_that_is_no_setting_is_told_with_the_nearest(monkeypatch):
    assert looked_through() == []
    monkeypatch.setenv("HUBEL_MOST_ROW", "3")
    monkeypatch.setenv("HUBEL_MOST_STEPS", "3")
    assert looked_through() == [
        "HUBEL_MOST_ROW: there is no such setting, so it changes nothing; did you mean 'HUBEL_MOST_ROWS'?"
    ]
    monkeypatch.setenv("HUBEL_MOST_STEPS", "three")
    with pytest.raises(SettingError, match="HUBEL_MOST_STEPS: expected a whole number"):
        looked_through()


@pytest.mark.parametrize(("value", "ignored"), [("", False), ("0", False), ("1", True)])
def test_damage_is_ignored_where_that_is_said(monkeypatch, value, ignored):
    monkeypatch.setenv("HUBEL_IGNORE_DAMAGE", value)
    assert ignores_damage() is ignored


def test_damage_is_not_ignored_by_another_word(monkeypatch):
    monkeypatch.setenv("HUBEL_IGNORE_DAMAGE", "false")
    with pytest.raises(SettingError, match="HUBEL_IGNORE_DAMAGE: expected 1 or 0, received 'false'"):
        looked_through()
