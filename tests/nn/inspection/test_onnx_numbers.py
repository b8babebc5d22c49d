"""ONNX files in which numbers decide how much there is: counted up to there, and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hubel.cli import main
from hubel.nn import inspect_onnx
from tests.nn.inspection.test_onnx_odd import FLOAT, floats, node, saved, whole

CONV, BEHIND = node("Conv", ["x", "w"], ["a"]), node("MatMul", ["f", "v"], ["y"])
STORED = {"w": floats(4, 3, 3, 3), "v": floats(4, 3), "zero": whole(0), "one": whole(1), "four": whole(4)}
COUNT = [  # a number that depends on what is given
    node("ReduceMax", ["a"], ["m"], keepdims=0),
    node("Cast", ["m"], ["n"], to=TensorProto.INT64),
    node("Unsqueeze", ["n", "zero"], ["k"]),
]


@pytest.mark.parametrize(
    ("nodes", "who"),
    [
        ([node("NonZero", ["a"], ["i"]), node("Transpose", ["i"], ["t"]), node("Cast", ["t"], ["f"], to=FLOAT)],
         "nonzero1, a NonZero"),
        ([node("Greater", ["a", "half"], ["b"]), node("Reshape", ["b", "all"], ["c"]),
          node("Reshape", ["a", "all"], ["d"]), node("Compress", ["d", "c"], ["e"]),
          node("Reshape", ["e", "rows"], ["f"])], "compress1, a Compress"),
        ([node("Reshape", ["a", "all"], ["d"]), node("Unique", ["d"], ["e"]), node("Reshape", ["e", "rows"], ["f"])],
         "unique1, a Unique"),
        ([*COUNT, node("Reshape", ["a", "all"], ["d"]), node("TopK", ["d", "k"], ["e", "i"]),
          node("Reshape", ["e", "rows"], ["f"])], "topk1, a TopK"),
        ([*COUNT, node("Concat", ["k", "four"], ["s"], axis=0), node("ConstantOfShape", ["s"], ["z"]),
          node("Add", ["z", "half"], ["f"])], "constantofshape1, a ConstantOfShape"),
        ([*COUNT, node("Reshape", ["a", "rows"], ["d"]), node("Slice", ["d", "zero", "k", "zero"], ["f"])],
         "slice1, a Slice"),
        ([*COUNT, node("Concat", ["k", "one"], ["s"], axis=0), node("Reshape", ["a", "rows"], ["d"]),
          node("Tile", ["d", "s"], ["f"])], "tile1, a Tile"),
        ([*COUNT, node("Range", ["nil", "n", "unit"], ["r"]), node("Gather", ["table", "r"], ["f"])],
         "range1, a Range"),
    ],
)  # fmt: skip
def test_it_is_counted_up_to_there(nodes: list[Any], who: str, tmp_path: Path) -> None:
    own = {
        "half": np.float32(0),
        "all": whole(-1),
        "rows": whole(-1, 4),
        "nil": np.int64(0),
        "unit": np.int64(1),
        "table": floats(9, 4),
    }
    report = inspect_onnx(saved(tmp_path / "n.onnx", [CONV, *nodes, BEHIND], [1, 3, 8, 8], STORED | own, opset=13))
    assert report.macs == 4 * 27 * 36
    assert report.parameters >= 108 + 12
    assert report.stopped == report.notes[0] == report.to_dict()["stopped"]
    assert report.stopped.startswith(f"{who} of ONNX: how much it gives depends on numbers")
    assert "matmul1" in report.stopped
    assert (report.output_shape, report.memory) == (None, None)
    assert any(note.startswith(f"no memory is told: the size of what {who}") for note in report.notes)


def test_boxes_that_are_chosen(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("NonMaxSuppression", ["boxes", "scores", "most"], ["i"]),
        node("Cast", ["i"], ["f"], to=FLOAT),
        node("MatMul", ["f", "u"], ["y"]),
    ]
    stored = {"w": floats(4, 3, 3, 3), "u": floats(3, 2), "most": np.int64(5)}
    stored |= {"boxes": floats(1, 10, 4)}
    file = saved(tmp_path / "nms.onnx", nodes, [1, 3, 8, 8], stored)
    model = onnx.load(str(file))
    model.graph.input.append(helper.make_tensor_value_info("scores", FLOAT, [1, 1, 10]))
    onnx.save(model, str(file))
    report = inspect_onnx(file)
    assert report.macs == 4 * 27 * 36
    assert "nonmaxsuppression1, a NonMaxSuppression of ONNX" in report.stopped
    shapes = {stop.type: stop.shape for stop in report.stops}
    assert shapes["NonMaxSuppression"] is None
    assert next(stop for stop in report.stops if stop.type == "NonMaxSuppression").to_dict()["shape"] is None
    assert main(["inspect", str(file), "-o", str(tmp_path / "nms.svg")]) == 0
    drawn = (tmp_path / "nms.svg").read_text(encoding="utf-8")
    assert "a number" not in drawn
    assert "—" in drawn


def test_a_file_of_which_nothing_can_be_counted_is_refused(tmp_path: Path) -> None:
    nodes = [
        node("NonZero", ["x"], ["i"]),
        node("Transpose", ["i"], ["t"]),
        node("Cast", ["t"], ["f"], to=FLOAT),
        node("MatMul", ["f", "u"], ["y"]),
    ]
    with pytest.raises(ValueError, match="nonzero1, a NonZero of ONNX: how much it gives depends on numbers"):
        inspect_onnx(saved(tmp_path / "z.onnx", nodes, [4, 5], {"u": floats(2, 3)}))


def test_what_has_no_rule_is_no_matter_of_numbers(tmp_path: Path) -> None:
    """And the first that gives no shape is named, not the last."""
    nodes = [
        node("Foo", ["x"], ["a"], domain="acme"),
        node("Relu", ["a"], ["b"]),
        node("Cast", ["b"], ["c"], to=FLOAT),
        node("MatMul", ["c", "u"], ["y"]),
    ]
    with pytest.raises(ValueError, match="foo1, a Foo of acme, has no rule for it in ONNX"):
        inspect_onnx(saved(tmp_path / "f.onnx", nodes, [4, 5], {"u": floats(2, 3)}, ("acme",)))
