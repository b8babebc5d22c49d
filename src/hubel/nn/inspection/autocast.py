"""What `torch.autocast` does before each operation, for tensors without numbers, at which it does not look.

The lists are PyTorch's own (https://docs.pytorch.org/docs/stable/amp.html#autocast-op-reference).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CellType, FunctionType
from typing import Any

import torch
from torch import Tensor

from hubel.nn.inspection.tensors import replaced, tensors_in

_BOTH_LOWER = "conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d prelu addmm addbmm \
 baddbmm bmm mm matmul __matmul__ linear linalg_vecdot vecdot einsum chain_matmul linalg_multi_dot multi_dot \
 scaled_dot_product_attention inner"
_LOWER = {
    "cpu": f"{_BOTH_LOWER} tensordot mkldnn_rnn_layer",
    "cuda": f"{_BOTH_LOWER} addmv addr mv",
}
_BOTH_FULL = "binary_cross_entropy binary_cross_entropy_with_logits cdist cosine_embedding_loss hinge_embedding_loss \
 huber_loss kl_div l1_loss margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss nll_loss nll_loss2d \
 poisson_nll_loss prod smooth_l1_loss soft_margin_loss triplet_margin_loss"
_FULL = {
    "cpu": f"{_BOTH_FULL} adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d max_pool3d cross_entropy_loss ctc_loss \
 fractional_max_pool2d fractional_max_pool3d max_unpool2d max_unpool3d reflection_pad1d reflection_pad2d \
 replication_pad1d replication_pad2d replication_pad3d grid_sampler grid_sampler_2d grid_sampler_3d polar quantile \
 nanquantile stft trace view_as_complex fake_quantize_per_tensor_affine fft_fft fft_fft2 fft_fftn fft_hfft fft_ifft \
 fft_ifft2 fft_ifftn fft_ihfft fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn linalg_cholesky linalg_inv \
 linalg_solve linalg_svd linalg_eigh linalg_eig linalg_qr inverse cholesky pinverse qr svd",
    "cuda": f"{_BOTH_FULL} acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow __pow__ \
 softplus layer_norm native_layer_norm rms_norm group_norm norm frobenius_norm nuclear_norm cosine_similarity dist \
 pdist renorm logsumexp upsample_nearest1d _upsample_nearest_exact1d upsample_nearest2d _upsample_nearest_exact2d \
 upsample_nearest3d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa \
 upsample_trilinear3d upsample_bicubic2d _upsample_bicubic2d_aa softmax log_softmax cumprod cumsum \
 linalg_vector_norm linalg_matrix_norm sum",
}
_WIDEST = {
    "cpu": "stack cat index_copy",
    "cuda": "addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put tensordot scatter_add",
}
_ASKING = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def _nobody(*_: Any) -> bool:
    return False


class Casts:
    """Casts what functions are given, while autocast is on for a device; weights once, as long as that is so."""

    def __init__(self, device: torch.device) -> None:
        self._kind = device.type
        lists = "cpu" if self._kind == "cpu" else "cuda"
        self._rules: dict[str, Callable[[list[Tensor]], torch.dtype]] = {
            **dict.fromkeys(_FULL[lists].split(), lambda _: torch.float32),
            **dict.fromkeys(_WIDEST[lists].split(), _widest),
            **dict.fromkeys(_LOWER[lists].split(), lambda _: torch.get_autocast_dtype(self._kind)),
        }
        self._weights: dict[tuple[int, torch.dtype], tuple[Tensor, Tensor]] = {}

    @property
    def on(self) -> bool:
        """Whether autocast is on now."""
        on = torch.is_autocast_enabled(self._kind)
        if not on:
            self._weights.clear()
        return on

    def __call__(self, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return a function's arguments as it would be given them."""
        rule = self._rules.get(func.__name__)
        if func.__name__ == "pad" and args[2:3] in (("reflect",), ("replicate",)):
            rule = self._rules.get("reflection_pad2d")
        if rule is None:
            return args, dict(kwargs)
        kind: torch.dtype = rule([each for each in tensors_in((args, dict(kwargs))) if _may_be_cast(each)])
        cast: tuple[Any, dict[str, Any]] = replaced((args, dict(kwargs)), lambda each: self._to(each, kind))
        return cast

    def _to(self, tensor: Tensor, kind: torch.dtype) -> Tensor:
        if not _may_be_cast(tensor) or tensor.dtype == kind:
            return tensor
        lower = kind == torch.get_autocast_dtype(self._kind) and tensor.dtype == torch.float32
        own = tensor.requires_grad and tensor.is_leaf and not tensor._is_view()
        if not (lower and own and torch.is_autocast_cache_enabled()):
            return tensor.to(kind)
        if (id(tensor), kind) not in self._weights:
            self._weights[id(tensor), kind] = tensor, tensor.to(kind)
        return self._weights[id(tensor), kind][1]


def _may_be_cast(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dtype != torch.float64


def _widest(tensors: list[Tensor]) -> torch.dtype:
    kinds = {tensor.dtype for tensor in tensors}
    return torch.float32 if len(kinds) != 1 else kinds.pop()


def opened(func: Any) -> Any:
    """Return a function of PyTorch's that is written in Python so that what it calls is seen, too; else None.

    Such begin by asking whether somebody sees the function as a whole, and so do those that they wrap.
    """
    if not isinstance(func, FunctionType):
        return None
    cells = tuple(CellType(opened(each.cell_contents) or each.cell_contents) for each in func.__closure__ or ())
    copy = FunctionType(
        func.__code__, {**func.__globals__, **dict.fromkeys(_ASKING, _nobody)}, func.__name__, func.__defaults__, cells
    )
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy
