"""Nobody asks for a layer's class: outside `arch/` and `zoo/` there are operations, and a new layer is one file."""

from __future__ import annotations

import ast
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
)
WORDS_OF_OTHERS = (  # strings here are what other programs call things
    "code/",  # names in the programs that are written
    "nn/reading/",
    "nn/inspection/",
    "export/",
)


def offenders(path: str, source: str) -> Iterator[str]:
    """Give each place where a source names a layer's class: `path:line: name`."""
    tree = ast.parse(source)
    public = {id(node) for node in ast.walk(tree) if isinstance(node, ast.Assign) and _is_all(node)}
    exported = {id(inner) for node in ast.walk(tree) if id(node) in public for inner in ast.walk(node)}
    compared = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Compare) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hubel.arch"):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ROOTS:
            names = [node.attr]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exported:
            telling = id(node) in compared or sum(letter.isupper() for letter in node.value) > 1
            names = [node.value] if telling and not path.startswith(WORDS_OF_OTHERS) else []
        yield from (f"{path}:{node.lineno}: {name}" for name in names if name in NAMES)


ROOTS = ("arch", "hubel", "layers")


def _is_all(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)


def test_no_layer_is_asked_for_by_its_class() -> None:
    found: list[str] = []
    for file in sorted(SOURCE.rglob("*.py")):
        path = file.relative_to(SOURCE).as_posix()
        if not path.startswith((*OWN, *MAKERS)):
            found += offenders(path, file.read_text(encoding="utf-8"))
    assert found == [], "these know a layer by its class; ask for its operation (hubel.arch.ops) instead"


def test_the_check_finds_what_it_looks_for() -> None:
    source = """
from hubel.arch import Conv2D, Row
import hubel.arch as arch

def kind(row):  # "Scale" alone is a word as well
    if isinstance(row.node, arch.Dense):
        return row.type == "Flatten"
    return {"MaxPooling2D": 1, "Scale": 2}
"""
    assert sorted(offenders("plan/x.py", source)) == [
        "plan/x.py:2: Conv2D",
        "plan/x.py:6: Dense",
        "plan/x.py:7: Flatten",
        "plan/x.py:8: MaxPooling2D",
    ]


def test_makers_are_still_there_and_layers_have_names_to_look_for() -> None:
    assert all((SOURCE / maker).exists() for maker in MAKERS)
    assert all(isinstance(getattr(layers, name), type) and issubclass(getattr(layers, name), Layer) for name in NAMES)
