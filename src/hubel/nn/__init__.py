"""A network in PyTorch: `build` makes an ordinary `nn.Module` of a tree; `inspect` says what any module costs."""

from hubel.nn._build import NetworkModule, build, run_call
from hubel.nn._inspect import Inspection, ModuleRow, inspect
from hubel.nn._inspect_network import network_of

__all__ = ["Inspection", "ModuleRow", "NetworkModule", "build", "inspect", "network_of", "run_call"]
