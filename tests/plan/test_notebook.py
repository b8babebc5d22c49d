"""A plan, a run and what a module costs show themselves in notebooks."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from torch import nn

from hubel import zoo
from hubel.arch import figures_html
from hubel.nn import inspect
from hubel.plan import find_device, plan_run, plan_step


class Words(HTMLParser):
    """The rows of a page's tables, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.words, self.inside = "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.inside:
            self.rows[-1][-1] += data


def test_a_plan_shows_times_memory_and_assumptions():
    step = plan_step(zoo.get("lenet5"), 128, find_device("rtx-4090"), devices=2)
    page = Words(step._repr_html_())
    first = {row[0]: row[1] for row in page.rows}
    assert first["efficiency"] == f"{step.efficiency:.1%}"
    assert first["largest batch"] == f"{step.largest_batch:,}"
    assert {"forward", "backward", "update", "sent by each device", "on their way"} <= first.keys()
    for words in ("lenet5: batch 128 on 2 × GeForce RTX 4090", "nothing is fused", "Ada architecture paper"):
        assert words in page.words
    assert re.search(r"most time: \w+", page.words)


def test_a_run_shows_time_and_energy():
    whole = plan_run(plan_step(zoo.get("lenet5"), 100, find_device("t4")), 60_000, 2)
    rows = {row[0]: row[1] for row in Words(whole._repr_html_()).rows}
    assert rows["steps"] == "1,200"
    assert rows.keys() == {"a run", "steps", "time", "energy"}


def test_what_a_module_costs_shows_its_table():
    report = inspect(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 10)), (8, 8, 3))
    page = Words(report._repr_html_())
    assert page.rows[0] == ["module", "type", "output", "parameters", "MACs", "backward", "calls"]
    assert [row[:4] for row in page.rows[1:]] == [
        ["0", "Conv2d", "1×8×6×6", "224"],
        ["1", "Flatten", "1×288", "·"],
        ["2", "Linear", "1×10", "2,890"],
    ]
    assert "parameters  3,114" in page.words
    assert "MACs        10,656 forward" in page.words


def test_what_is_shown_is_escaped():
    page = figures_html("<b>", [(("<i>", "#n"), [("<script>", "1")])], ["a & b"])
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
