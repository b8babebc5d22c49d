"""Which of the numbers that an ONNX file has stored are learned: its format does not say."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from hubel.base.numbers import counted
from hubel.nn.inspection.onnx.parts import KINDS
from hubel.nn.inspection.onnx.writing import WORKED_OUT

FLOATING = (1, 10, 11, 16)  # float, float16, double, bfloat16, as ONNX numbers its types
# Inputs that training does not learn: statistics, factors, sizes, limits, scales and zero points of integers.
NOT_LEARNED = {
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "Dropout": (1,),
    "Pad": (1, 2),
    "Resize": (1, 2, 3),
    "Upsample": (1,),
    "Range": (0, 1, 2),
    "RotaryEmbedding": (1, 2, 3),
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "MatMulInteger": (2, 3),
    "ConvInteger": (2, 3),
}
# Where one number alone is a weight, and no factor or limit.
ALONE: dict[str, tuple[int, ...]] = dict.fromkeys(
    ("Conv", "ConvTranspose", "Gemm", "BatchNormalization", "InstanceNormalization"), (1, 2)
)
ALONE |= {"LayerNormalization": (1, 2), "PRelu": (1,), "MatMul": (0, 1)}
# Where integers are weights.
INTEGER_WEIGHTS = {"QLinearConv": (3, 8), "QLinearMatMul": (3,), "MatMulInteger": (1,), "ConvInteger": (1,)}
INTEGER_WEIGHTS["DequantizeLinear"] = (0,)
RECURRENT, STATES = {"LSTM", "GRU", "RNN"}, (5, 6)
LARGEST_STATE = 2**22  # numbers


class Constant:
    """A stored tensor, or one worked out of such alone; `sources` are those that hold learned numbers, with sizes.

    `zeros` are sources that are 0 everywhere, and `alone` those of one number, which is learned in few places.
    `integers` are those of whole numbers, which are learned where a quantised operator takes them as weights.
    """

    def __init__(self, tensor: Any = None) -> None:
        size = prod(tensor.dims) if tensor is not None else 0
        floating = tensor is not None and tensor.data_type in FLOATING
        self.sources: dict[str, int] = {tensor.name: size} if floating and size > 1 else {}
        self.alone: dict[str, int] = {tensor.name: 1} if floating and size == 1 else {}
        self.zeros = {tensor.name} if self.sources and is_zero(tensor) else set[str]()
        self.integers: dict[str, int] = {tensor.name: size} if size > 1 and not floating else {}


def constant_of(tensor: Any) -> Constant:
    """Return a stored tensor as what it holds of learned numbers: none if the graph works it out of sizes."""
    return Constant() if tensor.doc_string == WORKED_OUT else Constant(tensor)


def is_zero(tensor: Any) -> bool:
    """Whether a stored tensor has its numbers in the file, and all are 0."""
    raw = tensor.raw_data
    if any(raw[:64]) or raw.count(0) < len(raw):
        return False
    return not (any(tensor.float_data) or any(tensor.double_data) or tensor.external_data)


def with_first_states(graph: Any, stored: Mapping[str, Any], folder: Path) -> None:
    """Fetch the numbers from a file beside this one with which sequences begin: zeros are not learned."""
    first = {
        name
        for node in graph.node
        for place, name in enumerate(node.input)
        if node.op_type in KINDS or (node.op_type in RECURRENT and place in STATES)
    }
    for name in first & stored.keys():
        if stored[name].data_location and prod(stored[name].dims) <= LARGEST_STATE:
            other = importlib.import_module("onnx.external_data_helper")
            try:
                other.load_external_data_for_tensor(stored[name], str(folder))
            except Exception:  # it is not there, or damaged: then they count as learned
                continue
            stored[name].data_location = 0
            del stored[name].external_data[:]


def exported(graph: Any) -> Iterator[str]:
    """Say what an exporter has made of a model's parameters, as far as the file shows it: normalisation folded into the
    convolution before, biases of zeros left out. PyTorch's newer one notes its rules and what they were applied to, the
    older one calls such weights by numbers; TensorFlow's keeps the normalisation's name.
    """
    folded = dropped = 0
    for node in graph.node:
        told = {each.key.rpartition(".")[2]: each.value for each in node.metadata_props}
        rules, called = told.get("rule_name", ""), told.get("fx_node", "")
        convolution = node.op_type in ("Conv", "ConvTranspose")
        numbered = len(node.input) > 2 and all(name.startswith("onnx::Conv") for name in node.input[1:])
        fused = "FuseBatchNorm" in rules or (convolution and (numbered or "/batchnorm/" in node.output[0]))
        folded += fused
        dropped += "RemoveOptionalBias" in rules and not fused and _BIASED.search(called) is not None
    if folded:
        yield (
            f"the exporter has folded a normalisation into {counted(folded, 'convolution')}: the parameters are those "
            "of the file, fewer than the model's"
        )
    if dropped:
        yield f"the exporter has left {counted(dropped, 'bias', 'biases')} of zeros out: the model has more parameters"


_BIASED = re.compile(r"\(args = \(%\w+, %\w+, %\w+")
