"""The three shortcuts of the residual networks (He et al. 2015, section 4.1)."""

from __future__ import annotations

from hubel.arch import Chain, ChannelPadding, Identity, MaxPooling2D
from hubel.base.errors import SettingError
from hubel.zoo._blocks import conv_norm

SHORTCUTS = ("zero", "projection", "projection_everywhere")


def shortcut_branch(kind: str, channels: int, filters: int, strides: int) -> Chain:
    """The branch that passes the input of a block to its sum.

    `kind` says what happens where shapes change: "zero" takes every other position and fills up with zero channels
    (the paper's option A), "projection" convolves 1×1 (B). Elsewhere both are the identity. "projection_everywhere"
    convolves in every block (C).

    Raises:
        ValueError: for another kind.
    """
    if kind not in SHORTCUTS:
        raise SettingError(f"expected shortcut as one of {', '.join(SHORTCUTS)}, received {kind!r}.")
    changes = strides != 1 or channels != filters
    if kind == "projection_everywhere" or (kind == "projection" and changes):
        return Chain(conv_norm(filters, 1, strides=strides), name="shortcut")
    if not changes:
        return Chain(Identity(), name="shortcut")
    thinning = [MaxPooling2D(1, strides=strides)] if strides != 1 else []
    filling = [ChannelPadding(0, filters - channels)] if filters != channels else []
    return Chain(*thinning, *filling, name="shortcut")
