"""Nobody asks for a layer's class: outside `arch/` and `zoo/` there are operations, and a new layer is one file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import hubel
from hubel.arch import Layer, layers

SOURCE = Path(hubel.__file__).parent
NAMES = frozenset(layers.__all__)
OWN = ("arch/", "zoo/")  # the tree, and the networks written in it
MAKERS = (  # these make layers of something else, and so have to say which
    "advise/",  # proposes layers in place of others
    "nn/reading/",  # what modules, graphs and ONNX files are in the tree
    "nn/inspection/clash.py",  # asks the tree's rule for a module of PyTorch
    "model/layers/",  # Keras's layers, which are the tree's by Keras's arguments
    "look/byhand/convolve.py",  # a window's way by hand
    "tasks/synthesis/critic.py",  # a network for any generator
)
WORDS_OF_OTHERS = (  # strings here are what other programs call things
    "code/",  # names in the programs that are written
    "nn/reading/",
    "nn/inspection/",
    "export/",
)


def offenders(path: str, source: str) -> Iterator[str]:
    """Give each place where a source names a layer's class, or asks for its word: `path:line: name`."""
    if not WORTH_PARSING.search(source):
        return
    tree = ast.parse(source)
    exported = {id(part) for node in ast.walk(tree) if _is_all(node) for part in ast.walk(node)}
    asked = {id(part) for node in ast.walk(tree) for asking in _asking(node) for part in ast.walk(asking)}
    roots = {"arch", "hubel", "layers", *_roots(tree)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hubel.arch"):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in roots:
            names = [node.attr]
        elif isinstance(node, ast.Attribute) and node.attr == "word" and id(node) in asked:
            names = [".word"]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exported:
            telling = id(node) in asked or sum(letter.isupper() for letter in node.value) > 1
            names = [node.value] if telling and not path.startswith(WORDS_OF_OTHERS) else []
        yield from (f"{path}:{node.lineno}: {name}" for name in names if name in NAMES or name == ".word")


def _roots(tree: ast.AST) -> Iterator[str]:
    """Give the names under which a source has hubel's tree."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            home = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            yield from (alias.asname or alias.name for alias in node.names if f"{home}{alias.name}" in HOMES)


def _asking(node: ast.AST) -> Iterator[ast.AST]:
    """Give what a value is compared with: in comparisons, as keys of a table, in patterns."""
    if isinstance(node, (ast.Compare, ast.MatchValue)):
        yield node
    elif isinstance(node, ast.Dict):
        yield from (key for key in node.keys if key is not None)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
        yield node


WORTH_PARSING = re.compile(rf"\b(?:{'|'.join(NAMES)})\b|\.word\b")
HOMES = ("hubel.arch", "hubel.arch.layers")
SCRIPT_NAMES = re.compile(r"""["'`](\w+)["'`]""")


def _is_all(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
    )


def test_no_layer_is_asked_for_by_its_class() -> None:
    found: list[str] = []
    for file in sorted(SOURCE.rglob("*.py")):
        path = file.relative_to(SOURCE).as_posix()
        if not path.startswith((*OWN, *MAKERS)):
            found += offenders(path, file.read_text(encoding="utf-8"))
    assert found == [], "these know a layer by its class; ask for its operation (hubel.arch.ops) instead"


def test_no_page_asks_for_a_layer_by_its_class() -> None:
    found = [
        f"{file.relative_to(SOURCE).as_posix()}: {name}"
        for file in sorted([*SOURCE.rglob("*.js"), *SOURCE.rglob("*.html")])
        for name in SCRIPT_NAMES.findall(file.read_text(encoding="utf-8"))
        if name in NAMES
    ]
    assert found == []


def test_the_check_finds_what_it_looks_for() -> None:
    source = """
from hubel.arch import Conv2D, Row
import hubel.arch as a, hubel.arch as arch

def kind(row):  # "Scale" alone is a word as well
    if isinstance(row.node, arch.Dense):
        return row.type == "Flatten"
    if row.node.word == "conv":
        return a.Dropout
    return {"MaxPooling2D": 1, "Scale": 2}[row.type]
"""
    assert sorted(offenders("plan/x.py", source)) == [
        "plan/x.py:10: MaxPooling2D",
        "plan/x.py:10: Scale",
        "plan/x.py:2: Conv2D",
        "plan/x.py:6: Dense",
        "plan/x.py:7: Flatten",
        "plan/x.py:8: .word",
        "plan/x.py:9: Dropout",
    ]


def test_makers_are_still_there_and_layers_have_names_to_look_for() -> None:
    assert all((SOURCE / maker).exists() for maker in MAKERS)
    assert all(isinstance(getattr(layers, name), type) and issubclass(getattr(layers, name), Layer) for name in NAMES)
