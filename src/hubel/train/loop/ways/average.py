"""The weights' moving average: a network that is good at any time, before the learning rate has come down."""

from __future__ import annotations

import copy

import torch
from torch import nn

_SHARE = 10  # the newest weights count 10 / (steps + 10) at first: the average is of the last tenth of the steps


class MovingAverage(nn.Module):
    """Averages weights and the statistics of normalisation, which must fit the averaged weights.

    Each step the average moves towards the network by 1 - `decay`, or further while there are fewer steps than that
    looks back on, so that the start is soon forgotten. `module` is the average. The network's tensors must stay the
    ones they are: changed in place, not replaced.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(network).requires_grad_(False)
        for layer in self.module.modules():
            if isinstance(layer, nn.RNNBase):  # cuDNN wants their weights in one piece, which copying took apart
                layer.flatten_parameters()
        self.decay = decay
        # found once: looking through the modules takes longer than averaging a small network
        pairs = list(zip(_tensors(self.module), _tensors(network), strict=True))
        self._averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counted = [pair for pair in pairs if not pair[0].is_floating_point()]

    def share(self, step: int) -> float:
        """How much of the network goes into the average after step `step` (from 0)."""
        return max(1 - self.decay, _SHARE / (step + _SHARE))

    @torch.no_grad()
    def update(self, share: float | torch.Tensor) -> None:
        """Move towards the network, which was just trained, by this share of the way: a number, or a tensor of one."""
        averages, values = ([pair[which] for pair in self._averaged] for which in (0, 1))
        if isinstance(share, torch.Tensor):
            torch._foreach_lerp_(averages, values, [share] * len(averages))
        else:
            torch._foreach_lerp_(averages, values, share)
        for own, new in self._counted:
            own.copy_(new)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]
