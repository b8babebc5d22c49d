"""Whether a tree learns as the model learns that it was read from: the gradients of both, on numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hubel.nn.inspection.clash import first_line

TOLERANCE = 0.05  # of a gradient's length: a picture's largest number in a window may be another after rounding
NOTHING = 1e-5  # of the longest gradient


class Learned(NamedTuple):
    """A parameter: what the model calls it, the tensor in its place there, and the one in the tree's module."""

    name: str
    theirs: Tensor
    ours: Tensor


def unlike_gradients(model: nn.Module, tree: nn.Module, input: Tensor, learned: Sequence[Learned]) -> Iterator[str]:
    """Yield what is to be said where the gradients of a model, which gives what its tree gives, are others."""
    wanted = [each for each in learned if each.ours.requires_grad]  # the model may have changed its own
    ours = _gradients(tree, input, [each.ours for each in wanted])
    try:
        theirs = _gradients(model, input, [each.theirs for each in wanted])
    except Exception as error:
        yield (
            "no gradient comes back through the model, as it does through its tree: "
            f"{type(error).__name__}: {first_line(error)}"
        )
        return
    longest = max((float(each.norm()) for each in (*ours, *theirs)), default=0.0)
    unlike: dict[str, list[str]] = {"no gradient": [], "another gradient": []}
    for name, own, given in zip(["its input", *(each.name for each in wanted)], ours, theirs, strict=True):
        if float((own - given).norm()) > TOLERANCE * max(float(own.norm()), float(given.norm())) + NOTHING * longest:
            unlike["another gradient" if float(given.norm()) > NOTHING * longest else "no gradient"].append(name)
    for which, names in unlike.items():
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield f"it learns otherwise than its tree: {which} comes to {', '.join(names[:3])}{more}"


def _gradients(module: nn.Module, input: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients of the input and of parameters, as vectors of 64 bits; zeros where none comes."""
    leaf = input.detach().clone().requires_grad_()
    with torch.enable_grad():
        output = module(leaf.clone())
        drawn = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(output.device, output.dtype)
        asked = [each for each in (leaf, *parameters) if each.requires_grad] if output.requires_grad else []
        found = torch.autograd.grad(output, asked, drawn, allow_unused=True) if asked else ()
    known = {id(each): gradient for each, gradient in zip(asked, found, strict=True) if gradient is not None}
    return [known.get(id(each), torch.zeros_like(each)).detach().double().flatten() for each in (leaf, *parameters)]
