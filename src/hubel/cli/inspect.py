"""`hubel inspect`: what a PyTorch model or an ONNX file costs, layer by layer; what a trained one says of itself."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from hubel.base.errors import SettingError
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._model_file import load_model
from hubel.cli._network import shape_argument
from hubel.cli._numbers import whole
from hubel.cli._output import aside
from hubel.cli._trained import is_model, open_model
from hubel.view import terminal
from hubel.view.tables import Table

if TYPE_CHECKING:
    from hubel.nn import Inspection

DESCRIPTION = """Work out what any PyTorch model or ONNX file costs: shapes, parameters, multiply-adds, layer by layer.
Of a run or a model file of hubel's, tell its task, classes, preprocessing, size and training.

A Python file is run, with your rights, to get the model; the model then runs on shapes alone: nothing is computed.
An ONNX file is only read."""
EXAMPLES = """  hubel inspect model.py:make_model --input 224x224x3
  hubel inspect model.py:Classifier --input 32x32x3 --batch-size 64
  hubel inspect package.models:resnet --input 224x224x3 --json | jq .macs
  hubel inspect model.onnx
  hubel inspect model.safetensors"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "model",
        metavar="FILE:NAME",
        help="a Python file (or an importable module), and what in it is the model, its class, or what makes it; "
        "an ONNX file; or a run or model file that hubel wrote",
    )
    parser.add_argument(
        "--input",
        type=shape_argument,
        metavar="HxWxC",
        action="append",
        help="one image's shape, such as 224x224x3, or a vector's length; once for each input",
    )
    parser.add_argument(
        "--batch-size",
        "--batch",
        dest="batch",
        type=whole(),
        default=1,
        metavar="N",
        help="how many images at once (1)",
    )
    add_output(parser, *TABLES)


def run(arguments: Namespace) -> int:
    """Print what a model costs."""
    if is_model(arguments.model):
        return finish(arguments, _trained(arguments))
    report = _onnx(arguments) if arguments.model.endswith(".onnx") else _model(arguments)
    return finish(arguments, Answer(report.to_dict, lambda width: [str(report)], lambda: [report.table()]))


def _trained(arguments: Namespace) -> Answer:
    from hubel.tasks.model import facts, facts_data

    if arguments.input:
        raise SettingError("--input is for a PyTorch model or an ONNX file; a trained model has its own")
    model = open_model(arguments.model)
    table = Table(
        ("what", "is"), facts(model), f"{model.network.name or arguments.model}: what the model says of itself"
    )
    return Answer(lambda: facts_data(model), lambda width: [terminal.table(rows=table.rows, gap=3)], lambda: [table])


def _model(arguments: Namespace) -> Inspection:
    if not arguments.input:
        raise SettingError("expected --input with the shape of one image, such as --input 224x224x3")
    from hubel.nn import inspect

    with aside():
        return inspect(load_model(arguments.model), arguments.input, batch=arguments.batch)


def _onnx(arguments: Namespace) -> Inspection:
    from hubel.nn import inspect_onnx

    if len(arguments.input or ()) > 1:
        raise SettingError("expected --input once for an ONNX file")
    return inspect_onnx(arguments.model, *(arguments.input or ()), batch=arguments.batch)
