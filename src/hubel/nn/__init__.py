"""A network in PyTorch: `build` makes an ordinary `nn.Module` of a tree; `inspect` says what any module costs."""

from hubel.nn._build import NetworkModule, build, run_call
from hubel.nn._inspect import Inspection, ModuleRow, inspect
from hubel.nn._inspect_network import network_of, translate
from hubel.nn._inspect_onnx import inspect_onnx
from hubel.nn._inspect_onnx_network import network_of_onnx
from hubel.nn._rest import at_rest, device_of
from hubel.nn._weights import Pretrained, load_pretrained, load_weights
from hubel.nn._weights_matching import head_layers, match_weights
from hubel.nn._weights_reading import read_weights

__all__ = [
    "Inspection",
    "ModuleRow",
    "NetworkModule",
    "Pretrained",
    "at_rest",
    "build",
    "device_of",
    "head_layers",
    "inspect",
    "inspect_onnx",
    "load_pretrained",
    "load_weights",
    "match_weights",
    "network_of",
    "network_of_onnx",
    "read_weights",
    "run_call",
    "translate",
]
