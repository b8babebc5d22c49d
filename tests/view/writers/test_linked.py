"""Modules put together into one program, run in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from hubel.view.writers.linked import linked
from hubel.view.writers.page import page

MODULES = {
    "start": 'import { twice, Pair as Two } from "sums";\nimport "said";\nimport { LIMIT } from "sums";\n'
    "const hidden = new Two(twice(4), LIMIT);\ndocument.title = `${said.join()} ${hidden.a} ${hidden.b}`;",
    "sums": 'import {\n  base,\n} from "base";\nexport const LIMIT = 9;\nconst hidden = 2;\n'
    "export function twice(x) { return hidden * x + base(); }\n"
    "export class Pair { constructor(a, b) { this.a = a; this.b = b; } }",
    "base": "const hidden = 100;\nexport const base = () => hidden;",
    "said": 'import { base } from "base";\nglobalThis.said = ["once", base()];',
}


def test_each_runs_once_with_names_of_its_own(browser_page: Any, tmp_path: Any) -> None:
    (tmp_path / "page.html").write_text(page("-", scripts=[linked(["start", "said"], MODULES.__getitem__)]))
    browser_page.goto((tmp_path / "page.html").as_uri())
    assert browser_page.title() == "once,100 108 9"


@pytest.mark.parametrize(
    "text",
    ['import x from "base";', 'import * as x from "base";', "export default 3;", "export let x = 1;", "export { x };"],
)
def test_forms_that_are_not_understood_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="start: expected imports of names"):
        linked(["start"], {**MODULES, "start": text}.__getitem__)


def test_circles_are_named() -> None:
    with pytest.raises(ValueError, match="a → b → a"):
        linked(["a"], {"a": 'import { b } from "b";', "b": 'import { a } from "a";'}.__getitem__)


def test_a_missing_module_is_an_error() -> None:
    with pytest.raises(KeyError):
        linked(["a"], {"a": 'import { b } from "b";'}.__getitem__)
