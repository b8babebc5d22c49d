"""Modules of sequences: what is looked up, and states carried along the steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hubel.base.errors import NetworkError
from hubel.nn.modules.carrying import Carrying
from hubel.nn.modules.own import Own

# oneDNN's, which needs AVX-512
HAS_LSTM_OF_BFLOAT16 = bool(getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)())


class Embedding(nn.Embedding):
    """A vector for each whole number, the features first: N×T → N×features×T."""

    def forward(self, input: Tensor) -> Tensor:
        """Look up; numbers of any type will do that are whole. Raises `NetworkError` for others; not on a GPU, where to
        look at them means to wait.
        """
        numbers = input if input.dtype in (torch.int32, torch.int64) else input.long()
        if numbers is not input and input.device.type == "cpu" and not torch.equal(numbers.to(input.dtype), input):
            raise NetworkError("expected whole numbers to look up, received numbers between them")
        try:
            return super().forward(numbers).transpose(1, 2)
        except IndexError:
            received = f"{int(numbers.min())} … {int(numbers.max())}"
            known = f"0 to {self.num_embeddings - 1}"
            raise NetworkError(f"expected whole numbers from {known} to look up, received {received}") from None


class OverSteps(Carrying):
    """What runs along steps: N×C×T → N×units, the last state, or N×units×T with `sequences`.

    `backwards` starts at the last step. Where one bias a gate says all, there is one: the other stays zero.
    known: N×T, False where a step is to be passed over: the state before it stays, and comes out once more, or zeros
    where the layer is `silent` there.
    """

    one_bias = True
    known = Own[Tensor | None](None)
    silent = Own(False)

    def __init__(self: Any, input_size: int, hidden_size: int, sequences: bool, backwards: bool, **more: Any) -> None:
        super().__init__(input_size, hidden_size, batch_first=True, **more)  # type: ignore[call-arg]
        self.sequences, self.backwards = sequences, backwards
        if self.one_bias and self.bias:
            del self.bias_hh_l0
            self._keep_zero()

    def _keep_zero(self: Any) -> None:
        self.register_buffer("bias_hh_l0", torch.zeros_like(self.bias_ih_l0.detach()), persistent=False)
        self._init_flat_weights()

    def _apply(self: Any, *given: Any, **settings: Any) -> Any:
        self._make_zero()
        applied = super()._apply(*given, **settings)  # type: ignore[misc]
        if self.one_bias and self.bias and not self.bias_hh_l0.is_meta:
            self.bias_hh_l0.zero_()  # where its new place has been filled with nothing yet
        return applied

    def _make_zero(self: Any) -> None:
        """Give the other bias numbers, where the layer was built without and has its weights since."""
        if self.one_bias and self.bias and self.bias_hh_l0.is_meta and not self.bias_ih_l0.is_meta:
            self._keep_zero()

    def forward(self: Any, input: Tensor, hx: Any = None) -> Any:
        """Bring the steps before the channels, run along them, and back."""
        self._make_zero()
        if self.known is not None:
            return self._over_known(input, self.known)
        steps = input.transpose(1, 2)
        if self.carries and (memory := self.recalled(len(steps))) is not None:
            hx = tuple(each.unsqueeze(0) for each in memory)
            hx = hx if len(hx) > 1 else hx[0]
        states, last = super().forward(steps.flip(1) if self.backwards else steps, hx)  # type: ignore[misc]
        if self.carries:
            self.memory = tuple(each[0].detach() for each in (last if isinstance(last, tuple) else (last,)))
        if self.sequences:
            return states.transpose(1, 2)
        return (last[0] if isinstance(last, tuple) else last).squeeze(0)

    def _over_known(self: Any, input: Tensor, known: Tensor) -> Any:
        """Run along the known steps, brought to the front: what comes after them changes nothing before."""
        steps = input.transpose(1, 2)
        if self.backwards:
            steps, known = steps.flip(1), known.flip(1)
        front = (~known).to(torch.uint8).argsort(dim=1, stable=True)
        states, _ = super().forward(steps.gather(1, front.unsqueeze(-1).expand_as(steps)))  # type: ignore[misc]
        seen = known.cumsum(1).unsqueeze(-1)
        states = states.gather(1, (seen - 1).clamp(min=0).expand_as(states)) * (seen > 0)
        states = states * known.unsqueeze(-1) if self.silent else states
        return states.transpose(1, 2) if self.sequences else states[:, -1]


class SimpleRNN(OverSteps, nn.RNN):  # type: ignore[misc]
    """A state and one product of it."""


class LSTM(OverSteps, nn.LSTM):
    """A state and a cell with four gates."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:  # type: ignore[override]
        """Run along the steps; under autocast in single precision where the processor has no LSTM in bfloat16, which
        PyTorch would fail at.
        """
        if HAS_LSTM_OF_BFLOAT16 or input.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(input, hx)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float(), hx)


class GRU(OverSteps, nn.GRU):  # type: ignore[misc]
    """A state with two gates, each with both its biases."""

    one_bias = False
