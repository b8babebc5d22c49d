"""What a step and a count are written with: nothing in them fetches a number from the device, also where no test goes.

That nothing waits when they run is tried in `test_recorded.py` and `tests/gpu/on_pretended.py`.
"""

import ast
from pathlib import Path

import pytest

import hubel

SOURCE = Path(hubel.__file__).parent
WHOLE = [
    *(f"train/loop/{name}.py" for name in ("optimizers", "parameter_groups", "machine/recorded")),
    *(f"train/loop/ways/{name}.py" for name in ("supervised", "average")),
    *sorted(str(path.relative_to(SOURCE)) for path in (SOURCE / "nn/modules").glob("*.py")),
    "nn/_training.py",
    "tasks/cross_entropy.py",
]
IN_A_STEP = {"loss", "losses", "peaks", "focal", "forward", "on_the_way", "add"}  # of tasks: objectives and counts
FETCHES = {"item", "tolist", "cpu", "numpy", "nonzero", "synchronize"}
TRUTHS = {"any", "all", "isfinite", "isnan", "equal", "allclose", "sum", "max", "min", "mean", "norm"}


def called(node, names):
    """Whether a method of one of these names is called anywhere in it."""
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in names
        for each in ast.walk(node)
    )


def waits(node):
    """Places where a number is fetched: by name, or since Python asks whether it is true. Not what is done on a
    processor alone, or once something went wrong.
    """
    if isinstance(node, ast.ExceptHandler):
        return
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) and "device.type == 'cpu'" in ast.unparse(node):
        return
    if isinstance(node, ast.If) and "device.type == 'cpu'" in ast.unparse(node.test):
        for each in node.orelse:
            yield from waits(each)
        return
    name = getattr(getattr(node, "func", None), "attr", None) or getattr(getattr(node, "func", None), "id", None)
    truths = [getattr(node, "test", None)]
    if name in ("bool", "int", "float"):
        truths += node.args
    if isinstance(node, ast.BoolOp):
        truths += node.values
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        truths.append(node.operand)
    found = [each for each in truths if each is not None and "device.type == 'cpu'" not in ast.unparse(each)]
    if name in FETCHES or any(called(each, TRUTHS) for each in found):
        yield node.lineno
    for each in ast.iter_child_nodes(node):
        yield from waits(each)


@pytest.mark.parametrize("name", WHOLE)
def test_no_number_is_fetched_in_a_step(name):
    assert list(waits(ast.parse((SOURCE / name).read_text()))) == []


def parts_of(path):
    tree = ast.parse(path.read_text())
    return [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name in IN_A_STEP]


PARTS = {str(path.relative_to(SOURCE)): parts_of(path) for path in sorted((SOURCE / "tasks").rglob("*.py"))}


@pytest.mark.parametrize("name", [name for name, parts in PARTS.items() if parts])
def test_no_number_is_fetched_by_objectives_and_counts(name):
    assert [line for part in PARTS[name] for line in waits(part)] == []


def test_objectives_and_counts_of_every_task_are_looked_at():
    folders = {name.split("/")[1] for name in PARTS if name.endswith("/task.py")}
    shared = {"language", "speech"}  # whose objective is that of `tasks/steps.py`
    assert folders - shared <= {name.split("/")[1] for name, parts in PARTS.items() if parts}
    assert all(PARTS[f"tasks/{name}.py"] for name in ("steps", "marks"))


@pytest.mark.parametrize(
    "text",
    [
        "x.item()",
        "y = x.cpu()",
        "if x.isfinite().all(): pass",
        "bool(x.any())",
        "a = 1 if x.sum() > 0 else 2",
        "a = known and not x.any()",
    ],
)
def test_the_check_sees(text):
    assert list(waits(ast.parse(text)))
