"""`hubel inspect`: what a PyTorch model or an ONNX file costs, layer by layer; what a trained one says of itself."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.arch import order_note
from hubel.base.errors import NetworkError, SettingError
from hubel.base.exported import is_package, usable
from hubel.cli._example import Input, example, input_argument, moves
from hubel.cli._finish import FIGURES, TABLES, Answer, add_output, finish
from hubel.cli._model_file import is_code, load_model
from hubel.cli._network import named_network
from hubel.cli._numbers import whole
from hubel.cli._output import aside
from hubel.cli._trained import is_model, open_model
from hubel.view.words import terminal
from hubel.view.words.tables import Table

if TYPE_CHECKING:
    from torch import nn

    from hubel.nn import Inspection

DESCRIPTION = """Work out what any PyTorch model or ONNX file costs: shapes, parameters, multiply-adds, layer by layer.
Of a run or a model file of hubel's, tell its task, classes, preprocessing, size and training.

A Python file is run, with your rights, to get the model; the model then runs on shapes alone: nothing is computed.
An ONNX file is only read."""
EXAMPLES = """  hubel inspect model.py:make_model --input 224x224x3
  hubel inspect model.py:Classifier --input 32x32x3 --batch-size 64
  hubel inspect package.models:resnet --input 224x224x3 --json | jq .macs
  hubel inspect model.py:Classifier --input 32x32x3 -o classifier.svg
  hubel inspect model.py:Encoder --input ids=128:int --input mask=128:bool
  hubel inspect model.py:Wave --input 16000x1
  hubel inspect resnet18
  hubel inspect model.onnx
  hubel inspect model.safetensors"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "model",
        metavar="FILE:NAME",
        help="a Python file (or an importable module), and what in it is the model, its class, or what makes it; "
        "an ONNX file; a run or model file that hubel wrote; or a network of hubel's: a word of the zoo, a text form",
    )
    parser.add_argument(
        "--input",
        type=input_argument,
        metavar="SHAPE",
        action="append",
        help="one image's shape, such as 224x224x3, a vector's length, steps and features of a sequence (16000x1), or "
        "a volume's sizes (16x64x64x1); NAME= before it where the model's forward has names, :int or :bool after it "
        "for such numbers (128:int for token ids, t=:int for one number an example, such as a time step), :as-is for "
        "axes in PyTorch's own order; once for each input",
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
    parser.add_argument(
        "--flops", action="store_true", help="say floating-point operations too, two for each multiply-add"
    )
    parser.add_argument(
        "--depth",
        type=whole(),
        metavar="N",
        help="of the drawing: parts that lie deeper in the model than N names are one row each (all that fit 150 rows)",
    )
    add_output(parser, *FIGURES, *TABLES, theme=True)


def run(arguments: Namespace) -> int:
    """Print what a model costs."""
    if is_package(Path(arguments.model)):
        arguments.model = str(usable(Path(arguments.model)))
    if is_model(arguments.model) and not arguments.model.endswith(".onnx"):
        return finish(arguments, _trained(arguments))
    report = _onnx(arguments) if arguments.model.endswith(".onnx") else _model(arguments)
    told = [f"FLOPs       {2 * report.macs:,} forward (2 × MACs)"] if arguments.flops else []
    answer = Answer(report.to_dict, lambda width: [str(report), *told], tables=lambda: [report.table()])
    output = arguments.output
    if output is None or output.suffix.lower() not in FIGURES:
        if arguments.depth:
            raise SettingError("--depth is of a drawing, and none is asked for; add -o FILE.svg")
        return finish(arguments, answer if output is None else replace(answer, notes=report.told))
    figure = report.figure(arguments.depth or 0, arguments.theme)
    return finish(arguments, replace(answer, figure=lambda: figure, notes=report.told))


def _trained(arguments: Namespace) -> Answer:
    from hubel.tasks.model import facts, facts_data

    if arguments.input or arguments.flops or arguments.depth:
        raise SettingError(
            "--input, --flops and --depth are for a PyTorch model or an ONNX file; hubel explain tells what this costs"
        )
    model = open_model(arguments.model)
    table = Table(("what", "is"), facts(model), f"{model.network.title}: what the model says of itself")
    return Answer(lambda: facts_data(model), lambda width: [terminal.table(rows=table.rows, gap=3)], lambda: [table])


def _network(arguments: Namespace) -> Inspection:
    """Of a word of the zoo or a text form, for its own input or the one that is given."""
    from hubel.nn import build

    inputs: list[Input] = arguments.input or []
    if len(inputs) > 1 or not all(given.is_plain for given in inputs):
        raise SettingError(f"expected one --input as 224x224x3 for {arguments.model}, which has one")
    network = named_network(arguments.model, input=inputs[0].shape) if inputs else named_network(arguments.model)
    if network.reads_whole_numbers:
        raise SettingError(
            f"{network.title} looks whole numbers up, and inspect has shapes alone; hubel explain tells what it costs"
        )
    given = Input("x".join(map(str, network.input)), network.input)
    return replace(inspected(build(network), [given], arguments.batch), type=network.title)


def _model(arguments: Namespace) -> Inspection:
    if not is_code(arguments.model):
        return _network(arguments)
    if not arguments.input:
        raise SettingError("expected --input with the shape of one image, such as --input 224x224x3")
    from hubel.nn import steps_first

    with aside():
        model = load_model(arguments.model)
        inputs = arguments.input
        found: Inspection | None = None
        try:
            found = inspected(model, inputs, arguments.batch)
        except NetworkError:
            if not any(moves(given, arguments.batch) for given in inputs):
                raise
            inputs = [replace(given, kinds=("as-is",)) if moves(given, arguments.batch) else given for given in inputs]
            with suppress(NetworkError):
                found = inspected(model, inputs, arguments.batch)
            if found is None:
                raise
    said = [moves(given, arguments.batch) for given in inputs]
    if not any(given.kinds for given in arguments.input):
        said += steps_first(model, found.rows, arguments.batch)
    said += [
        f"{given.text}: its axes are left in the order given, since the model does not run where the last of them, "
        "which --input has for channels or features, is put first"
        for given, own in zip(inputs, arguments.input, strict=True)
        if given is not own
    ]
    return replace(found, notes=(*found.notes, *filter(None, said)))


def inspected(model: nn.Module, inputs: Sequence[Input], batch: int) -> Inspection:
    """Inspect a model given inputs of any kind."""
    from hubel.nn import inspect

    if all(given.is_plain for given in inputs):
        return inspect(model, [given.shape for given in inputs], batch=batch)
    found = inspect(model, example=example(model, inputs, batch))
    orders = [order_note(given.shape) for given in inputs if not given.kinds]
    return replace(found, notes=(*found.notes, *filter(None, orders)))


def _onnx(arguments: Namespace) -> Inspection:
    from hubel.nn import inspect_onnx

    inputs: list[Input] = arguments.input or []
    left = next((given for given in inputs if given.kinds), None)
    if left is not None:
        raise SettingError(
            f"expected --input as 224x224x3, 16000x1, a vector's length or NAME=224x224x3 for an ONNX file, which says "
            f"itself what type its inputs have and how they lie, received {left.text}"
        )
    if len({bool(given.name) for given in inputs}) > 1:
        raise SettingError("expected a name before every --input of the ONNX file, or before none")
    shapes = {given.name: given.shape for given in inputs} if inputs and inputs[0].name else [g.shape for g in inputs]
    return inspect_onnx(arguments.model, shapes or None, batch=arguments.batch)
