"""A network in PyTorch: `build` makes an ordinary `nn.Module` of a tree; `inspect` says what any module costs."""

from hubel.nn._build import NetworkModule, build, run_call
from hubel.nn._evaluation import device_of, evaluation_mode, input_gradients
from hubel.nn._given import SoftmaxWarning, without_softmax
from hubel.nn._randomness import drawing, own_randomness
from hubel.nn._training import step_first
from hubel.nn.device import check_device, chosen_device, device_named, own_processor
from hubel.nn.inspection.inspect import Inspection, ModuleRow, inspect, steps_first
from hubel.nn.inspection.onnx.costs import inspect_onnx
from hubel.nn.reading.onnx.read import network_of_onnx
from hubel.nn.reading.torch import network_of, translate
from hubel.nn.weights.load import Pretrained, load_pretrained, load_weights
from hubel.nn.weights.matching import head_layers, match_weights
from hubel.nn.weights.read import find_weights, read_weights

__all__ = [
    "Inspection",
    "ModuleRow",
    "NetworkModule",
    "Pretrained",
    "SoftmaxWarning",
    "build",
    "check_device",
    "chosen_device",
    "device_named",
    "device_of",
    "drawing",
    "evaluation_mode",
    "find_weights",
    "head_layers",
    "input_gradients",
    "inspect",
    "inspect_onnx",
    "load_pretrained",
    "load_weights",
    "match_weights",
    "network_of",
    "network_of_onnx",
    "own_processor",
    "own_randomness",
    "read_weights",
    "run_call",
    "step_first",
    "steps_first",
    "translate",
    "without_softmax",
]
