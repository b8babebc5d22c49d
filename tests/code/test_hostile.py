"""What a stranger's model file says is data in the programs written from it."""

from __future__ import annotations

import ast
import dataclasses
import re

import pytest
import torch
from torch import nn

from hubel.arch import Network, parse
from hubel.code import FRAMEWORKS, source
from hubel.code._text import literal

PLAIN = "8x8x1: conv 2 3x3 relu, maxpool 2, flatten, dense 3"
NAMES = [
    '"""\nimport os; os.system("echo run")\n"""',
    '"""; raise SystemExit(9)  #',
    "'''\nraise SystemExit(9)\n'''",
    '\\"""\nraise SystemExit(9)\n"""',
    'ends in a quote"',
    "ends in a backslash\\",
    "\\N{BELL} \\x \\u12 \\777",
    "# -*- coding: utf-7 -*-\r+AGEAYg-",
    "line\rline\u2028line\u2029line\x0bline\x0cline\x85line",
    "nul\x00escape\x1b[2Jbell\x07",
    "\u202eesrever\u2066\u200b\ufeff",
    "half \udc80 a pair \ud800",
    "{parameters} %s {0!r}",
    "x" * 100_000,
    "print",
    "ｐｒｉｎｔ",
    *("partial", "my functional.", "my Tensor", "Any", "torch", "nn", "jnp", "keras", "layers", "self"),
    *("class", "None", "super", "__import__", "²", "犬"),
]


def named(name: str) -> Network:
    return dataclasses.replace(parse(PLAIN), name=name)


def shape(program: str) -> str:
    """The syntax tree without docstrings, and without the name of the network's class or function."""
    tree = ast.parse(program)
    main = tree.body[-1]
    assert isinstance(main, ast.If)
    network = re.search(r"model = (\w+)\(", program)
    assert network is not None
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            del node.body[0]
    return re.sub(rf"(name|id)='{network[1]}'", r"\1='NETWORK'", ast.dump(tree))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_changes_nothing_but_words(name, framework):
    program = source(named(name), framework)
    assert shape(program) == shape(source(named("plain"), framework))
    assert len(program) < len(source(named("plain"), framework)) + 1000
    assert all(letter.isprintable() or letter == "\n" for letter in program)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_the_program_still_runs(name, capsys):
    exec(compile(source(named(name)), "program.py", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == "77 parameters, output (1, 3)\n"


def test_parts_may_be_called_as_modules_are():
    names = [name for name in dir(nn.Module()) if name.isidentifier()] + ["nn", "torch", "x", "self", "class", "_", "1"]
    branches = " | ".join(f"{name}=conv 1 1x1" for name in names if not name[0].isdigit())
    network = parse(f"4x4x1: concat({branches}), globalavgpool, dense 2")
    program: dict[str, object] = {}
    exec(compile(source(network), "program.py", "exec"), program)
    made = program["Network"]
    assert isinstance(made, type)
    module = made().eval()
    assert module(torch.zeros(1, 1, 4, 4)).shape == (1, 2)
    assert len(list(module.parameters())) == 2 * len(names)


@pytest.mark.parametrize(
    "name", ["self", "_modules", "__init__", "__class__", "__dict__", "cls", "_2a", "__", "Self", "super"]
)
@pytest.mark.parametrize("what", ["({})", "sum({} | identity)"])
def test_a_part_that_repeats_may_have_any_name(name, what, capsys):
    one, other = (f"{name}{number}={what.format('conv 3 3x3 same, relu')}" for number in ("", "2"))
    program = source(parse(f"8x8x3: {one}, {other}, flatten, dense 3"))
    exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == "747 parameters, output (1, 3)\n"
    assert all(name in program for name in (f"{name}:", f"{name}2:"))


def test_no_variable_hides_a_module():
    branches = " | ".join(f"{name}=conv 2 1x1" for name in ("keras", "layers", "ops", "range", "x", "inputs"))
    network = dataclasses.replace(parse(f"4x4x2: 2 * sum({branches}), flatten, dense 2"), name="net")
    tree = ast.parse(source(network, "keras"))
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert not assigned & {"keras", "layers", "ops", "range"}


@pytest.mark.parametrize("text", NAMES, ids=range(len(NAMES)))
def test_a_text_is_written_as_itself(text):
    written = literal(text)
    assert isinstance(written, str)
    assert written.isprintable()
    assert ast.literal_eval(written) == text
