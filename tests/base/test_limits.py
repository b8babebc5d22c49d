"""Limits: one table, the same in the documentation, each with a setting."""

from pathlib import Path

import pytest

from hubel.base.errors import LimitError, SettingError
from hubel.base.limits import LIMITS, check, most, setting

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
