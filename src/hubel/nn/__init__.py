"""A network in PyTorch: `build` makes an ordinary `nn.Module` of a tree."""

from hubel.nn._build import NetworkModule, build, run_call

__all__ = ["NetworkModule", "build", "run_call"]
