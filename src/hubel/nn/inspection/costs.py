"""What PyTorch's operations cost in multiply-adds, forward and backward: the ones that multiply matrices.

Every operation here is one or two products of a left and a right operand. Backward, the gradient of each operand that
wants one is a product of the same size as the forward one, so that training costs up to three times the forward pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from hubel.nn.inspection import recurrent

Operands = tuple[Tensor, ...]
# (multiply-adds, left operand, right operand); an operand wants a gradient where one of its tensors does.
Product = tuple[int, Operands, Operands]
Rule = Callable[[Sequence[Any], Any], list[Product]]

aten = torch.ops.aten


def _matrices(left: int, right: int) -> Rule:
    """Two matrices, or stacks of them, at those places: …×n×k and …×k×m."""

    def rule(arguments: Sequence[Any], _: Any) -> list[Product]:
        a, b = arguments[left], arguments[right]
        columns = b.shape[-1] if b.dim() > 1 else 1
        return [(a.numel() * columns, (a,), (b,))]

    return rule


def _convolution(arguments: Sequence[Any], output: Any) -> list[Product]:
    """A convolution: each output is a dot product with a filter; transposed, each input meets a whole filter."""
    input, weight, transposed = arguments[0], arguments[1], arguments[6]
    meetings = input.numel() if transposed else output.numel()
    return [(meetings * prod(weight.shape[1:]), (input,), (weight,))]


def _attention(arguments: Sequence[Any], _: Any) -> list[Product]:
    """Scaled dot-product attention: queries by keys, then the weights by values. A causal mask saves nothing."""
    query, key, value = arguments[:3]
    pairs = prod(query.shape[:-1]) * key.shape[-2]
    return [
        (pairs * query.shape[-1], (query,), (key,)),
        (pairs * value.shape[-1], (query, key), (value,)),
    ]


def _bilinear(arguments: Sequence[Any], _: Any) -> list[Product]:
    """x·W·y for each output: x·W, then its product with y, as PyTorch's `bilinear` calls its one operation."""
    left, weight, right = arguments[:3]
    rows = prod(left.shape[:-1])
    return [
        (rows * weight.numel(), (left,), (weight,)),
        (rows * weight.shape[0] * weight.shape[2], (left, weight), (right,)),
    ]


def _grouped(arguments: Sequence[Any], _: Any) -> list[Product]:
    """Products with a matrix for each group of rows, or of columns of the right one; all of them in some group."""
    left, right = arguments[:2]
    groups = left.shape[0] if left.dim() == 3 and right.dim() == 2 else 1
    return [(left.numel() // groups * right.shape[-1], (left,), (right,))]


def _distances(arguments: Sequence[Any], output: Any) -> list[Product]:
    """Distances of all pairs of rows: one difference after the other is multiplied and added; of other powers than
    squares nothing is.
    """
    rows, others, *power = arguments[:3]
    if power not in ([], [2]):
        return []
    return [(output.numel() * rows.shape[-1], (rows,), (others,))]


RULES: dict[Any, Rule] = {
    aten.convolution: _convolution,
    aten.convolution_overrideable: _convolution,
    aten.mm: _matrices(0, 1),
    aten.bmm: _matrices(0, 1),
    aten.mv: _matrices(0, 1),
    aten.dot: _matrices(0, 1),
    aten.vdot: _matrices(0, 1),
    aten.addmm: _matrices(1, 2),
    aten.addmv: _matrices(1, 2),
    aten.addbmm: _matrices(1, 2),
    aten.baddbmm: _matrices(1, 2),
    aten._addmm_activation: _matrices(1, 2),
    aten._sparse_addmm: _matrices(1, 2),
    aten._int_mm: _matrices(0, 1),
    aten._scaled_mm: _matrices(0, 1),
    aten._grouped_mm: _grouped,
    aten._trilinear: _bilinear,
    aten._cdist_forward: _distances,
    aten._euclidean_dist: _distances,  # the same of more than 25 rows, as a product of matrices
    aten.mkldnn_rnn_layer: recurrent.products,
    aten._scaled_dot_product_flash_attention: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_efficient_attention: _attention,
    aten._scaled_dot_product_cudnn_attention: _attention,
    aten._scaled_dot_product_fused_attention_overrideable: _attention,
}

_MULTIPLIES = re.compile(
    r"mm(_|$)|matmul|conv(olution|_|\d|$)|attention|trilinear|rnn|lstm|gru|encoder_layer|fft_|dist_forward|"
    r"linalg(?!_vector_norm|_check_errors)|cholesky|triangular_solve|lstsq|geqrf|ormqr|orgqr|lu_(solve|unpack)|_lu_with"
)


def not_counted(function: Any, tensors: Iterable[Tensor]) -> str:
    """Say what of an operation's cost is not in its products, or not as it is; "" where all of it is."""
    for tensor in tensors:
        if tensor.is_nested:
            return "tensors of uneven lengths: their products are not counted"
        if tensor.layout != torch.strided and function.overloadpacket in RULES:
            return "sparse matrices count as if they were full"
    name = function.overloadpacket._qualified_op_name
    return f"{name}: what it costs is not counted" if _has_no_rule(function.overloadpacket) else ""


@cache
def _has_no_rule(packet: Any) -> bool:
    """Whether an operation may multiply matrices in a way that no rule is for: another's, or one of PyTorch's rarer."""
    space, _, name = packet._qualified_op_name.partition("::")
    foreign = space not in ("aten", "prim", "prims", "profiler")
    return packet not in RULES and (foreign or _MULTIPLIES.search(name) is not None)


def wants_gradient(operand: Operands) -> bool:
    """Whether training would ask for an operand's gradient."""
    return any(tensor.requires_grad for tensor in operand)
