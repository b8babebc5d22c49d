import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hubel
from hubel import arch, zoo
from hubel.base import errors
from hubel.base.errors import FileError, HubelError, UnknownNameError


def tree(kind: type[HubelError], depth: int = 0) -> Iterator[tuple[int, str]]:
    yield depth, kind.__name__
    for below in kind.__subclasses__():
        yield from tree(below, depth + 1)


def test_the_drawing_is_the_tree() -> None:
    for room in pkgutil.iter_modules(hubel.__path__, "hubel."):
        if room.name != "hubel.__main__":
            importlib.import_module(room.name)
    lines = [line for line in (errors.__doc__ or "").split("\n\n")[1].splitlines() if line]
    drawn = [((len(line) - len(line.lstrip())) // 2, line.split()[0]) for line in lines]
    for lazy in ("hubel.look.retrieve.index", "hubel.export.check", "hubel.cli._network"):
        importlib.import_module(lazy)
    parents = {name: parent(drawn, place) for place, (_, name) in enumerate(drawn)}
    real = list(tree(HubelError))
    assert {name: parent(real, place) for place, (_, name) in enumerate(real)} == parents


def parent(listed: list[tuple[int, str]], place: int) -> str:
    above = [name for depth, name in listed[:place] if depth == listed[place][0] - 1]
    return above[-1] if above else ""


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type)])
def test_each_says_its_message_and_travels_between_processes(kind: type[HubelError]) -> None:
    again = pickle.loads(pickle.dumps(kind("a 'quoted' message")))
    assert type(again) is kind
    assert str(again) == "a 'quoted' message"


def test_python_s_own_kinds_catch_them_too() -> None:
    with pytest.raises(ValueError, match="column 10"):
        arch.parse("28x28x1: konv 3 3x3")
    with pytest.raises(KeyError):
        zoo.get("lenet55555")
    with pytest.raises(UnknownNameError, match="no layer is called 'conv9'; did you mean 'conv"):
        arch.analyse(zoo.get("lenet5")).find("conv9")
    assert not issubclass(FileError, ValueError)  # a missing file is none


ANYONES = {
    "base/headers.py",
    "data/decode/tiff.py",
    "look/access/layers.py",
    "model/saving/keras_files.py",
    "nn/inspection/onnx/attention.py",
    "nn/inspection/onnx/fused.py",
    "nn/inspection/onnx/packed.py",
    "nn/inspection/onnx/unrolled.py",
    "nn/inspection/onnx/writing.py",
    "nn/inspection/shapes.py",
    "report/_page.py",
    "train/run/metrics.py",
    "view/writers/linked.py",
    "view/writers/markup.py",
}


def test_hubel_raises_its_own() -> None:
    """Except where PyTorch's errors are stood in for, where it is caught at once, and for faults in hubel itself."""
    root, own = Path(hubel.__path__[0]), re.compile(r"raise (ValueError|KeyError|LookupError|RuntimeError|Exception)\(")
    found = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if own.search(path.read_text("utf-8"))}
    assert found <= ANYONES


def test_the_root_is_at_hand() -> None:
    assert hubel.HubelError is HubelError
    with pytest.raises(hubel.HubelError):
        hubel.parse("nothing")
