"""`hubel plan`: what training a network will take, before it is run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from hubel.arch import checked_shape, shape_text
from hubel.base.errors import SettingError
from hubel.cli._edits import add_set, edited
from hubel.cli._example import Input
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._measured import THIS, keep, measure, measured_device
from hubel.cli._network import NoTreeError, add_network, add_options, is_model, load_network
from hubel.cli._numbers import positive, whole
from hubel.cli._output import aside
from hubel.plan import (
    DEVICES,
    Device,
    Devices,
    GraphPlan,
    Held,
    Plan,
    StepPlan,
    Within,
    find_device,
    plan_run,
    plan_step,
)

DESCRIPTION = """Say what training takes before it is run: a step's time and memory, the largest batch, and with
--images and --epochs days and energy, on one device or on many. `--measure` measures this machine once and keeps what
it finds."""
EXAMPLES = """  hubel plan resnet50 --batch-size 64 --device a100
  hubel plan resnet50 --batch-size 256 --device h100 --devices 8 --images 1281167 --epochs 90 --precision autocast
  hubel plan resnet50 --batch-size 256 --device t4 --checkpoint stage1 --checkpoint stage2
  hubel plan lenet5 --batch-size 128 --measure
  hubel plan model.py:Two --input 224x224x3 --input 10 --device t4
  hubel plan pqn --data ale:Pong --hours 10 --batch-size 64 --optimizer adam
  hubel plan --measure --threads 2
  hubel plan --list
  hubel plan vgg16 --batch-size 32 --device rtx-4090 --json"""

# what each keeps of a weight, in the planner's words; muon's is of kernels, which are nearly all
OPTIMIZERS = {
    "adam": "adam",
    "adamw": "adam",
    "sgd": "momentum",
    "muon": "momentum",
    "momentum": "momentum",
    "plain-sgd": "sgd",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser, "network")
    parser._actions[-1].nargs = "?"
    parser.add_argument(
        "--batch-size",
        "--batch",
        dest="batch",
        type=int,
        default=32,
        metavar="N",
        help="images a step on each device (32)",
    )
    parser.add_argument("--device", metavar="NAME", help="one of --list, or `this`, as it was measured")
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="how many, 1 to 1,024 (1)")
    parser.add_argument("--precision", choices=("float32", "autocast", "bfloat16"), default="float32")
    parser.add_argument(
        "--optimizer",
        choices=tuple(OPTIMIZERS),
        default="sgd",
        help="as of `hubel train`, whose sgd has momentum (sgd); without momentum it is plain-sgd",
    )
    parser.add_argument("--channels-last", action="store_true", help="count memory for that layout")
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        metavar="PART",
        help="compute the inside of a part twice instead of keeping it, such as stage1; may be given again",
    )
    parser.add_argument("--images", type=int, metavar="N", help="images in the data set")
    parser.add_argument("--epochs", type=float, metavar="N", help="how often each is seen (1)")
    parser.add_argument("--hours", type=positive, metavar="N", help="say how many images are seen in so many hours")
    parser.add_argument(
        "--data",
        metavar="GAME",
        help="with --hours, a game that it is to learn: how many frames are played, at the pace that the game has here",
    )
    parser.add_argument("--measure", action="store_true", help="measure this machine first, in some ten seconds")
    parser.add_argument("--threads", type=whole(1, 1_000), default=1, metavar="N", help="threads to measure with (1)")
    parser.add_argument("--list", action="store_true", help="list the devices, with their makers' figures")
    add_output(parser, *TABLES)
    add_set(parser)
    add_options(parser, several=True)


def run(arguments: Namespace) -> int:
    """Print a plan, the devices, or what was measured."""
    if arguments.measure:
        if arguments.threads < 1:
            raise SettingError(f"expected --threads of 1 or more, received {arguments.threads}")
        keep(measure(arguments.threads))
    here = measured_device()
    known = {THIS: here} if here is not None else {}
    if arguments.list or arguments.network is None:
        if not arguments.list and not arguments.measure:
            raise SettingError("expected a NET to plan for, or --list, or --measure; received none")
        devices = {**known, **DEVICES} if arguments.list else known
        return finish(arguments, Answer.of(Devices(devices)))
    name = arguments.device or THIS
    if name == THIS and here is None:
        raise SettingError(
            f"this machine is not measured yet: add --measure, or choose a --device of {', '.join(DEVICES)}"
        )
    inputs: list[Input] = arguments.input or []
    plain = len(inputs) < 2 and all(len(given.shape) < 4 and not given.name and not given.kinds for given in inputs)
    if not plain and not is_model(arguments.network):
        raise SettingError(f"expected one --input as 32x32x3 for {arguments.network}, which has one")
    arguments.input = checked_shape(inputs[0].shape) if plain and inputs else None
    device = find_device(name, known)
    try:
        if not plain:
            raise NoTreeError(arguments.network, "a tree has one input, a picture, a sequence or a vector")
        network = edited(load_network(arguments.network, arguments), arguments)
    except NoTreeError as error:
        if not is_model(arguments.network):
            raise SettingError(f"{error}; hubel inspect tells what it takes to predict") from None
        plan = _by_graph(arguments, inputs, device, error.why)
        finish(arguments, Answer.of(plan))
        return 0 if plan.fits else 1
    step = plan_step(
        network,
        arguments.batch,
        device,
        devices=arguments.devices,
        precision=arguments.precision,
        optimizer=OPTIMIZERS[arguments.optimizer],
        channels_last=arguments.channels_last,
        checkpoint=arguments.checkpoint,
    )
    if arguments.epochs is not None and arguments.images is None:
        raise SettingError("expected --images with --epochs: how many images are seen so often")
    run = plan_run(step, arguments.images, arguments.epochs or 1.0) if arguments.images is not None else None
    planned = Plan(step, run, _within(arguments, step))
    finish(arguments, Answer.of(planned))
    return 0 if planned.fits else 1


def _by_graph(arguments: Namespace, inputs: Sequence[Input], device: Device, why: str) -> GraphPlan:
    """Plan for a model that is no tree: its memory, by what PyTorch keeps of it."""
    from hubel.cli._model_file import load_model
    from hubel.cli.inspect import inspected

    names = ("checkpoint", "images", "hours", "data", "set", "classes", "width", "option")
    asked = {"devices": 1, "precision": "float32", "channels_last": False, **dict.fromkeys(names)}
    for setting, usual in asked.items():
        if getattr(arguments, setting, usual) not in (usual, None, []):
            raise SettingError(
                f"{arguments.network} is no tree ({why}), so that a plan tells its memory alone: expected no "
                f"--{setting.replace('_', '-')}"
            )
    with aside():
        model = load_model(arguments.network)
        batches = (arguments.batch, 2 * arguments.batch)
        reports = [inspected(model, inputs, batch) for batch in batches]
    held = []
    for batch, report in zip(batches, reports, strict=True):
        memory = report.memory
        if memory is None or memory.gradients is None or memory.kept is None:
            raise SettingError(
                f"{arguments.network} is no tree ({why}), and {'; '.join(report.notes) or 'not trained'}"
            )
        numbers = memory.weights, memory.gradients, memory.kept, memory.activations, report.training_macs
        held.append(Held(batch, *numbers))
    optimizer = OPTIMIZERS[arguments.optimizer]
    return GraphPlan(reports[0].type, why, device, optimizer, held[0], held[1], reports[0].notes)


def _times(number: float) -> str:
    return f"{number:g} time{'s' * (number != 1)}"


def _within(arguments: Namespace, step: StepPlan) -> Within | None:
    """How much is seen in so many hours: images, or frames of a game, which are played as well."""
    hours, data = arguments.hours, arguments.data
    if hours is None:
        if data is not None:
            raise SettingError("expected --hours with --data: how long it is to learn")
        return None
    if data is None:
        pace = step.images_per_second
        return Within(hours, int(hours * 3600 * pace), "images", pace, "images of a step / its time")
    from hubel.tasks import task_of_source

    kind, _ = task_of_source(data)
    described = kind.describe(data).data()
    if "frames_per_second" not in described:
        raise SettingError(f"expected --data with a game, such as ale:Pong, received {data}, which is for {kind.name}")
    if step.devices > 1:
        raise SettingError(
            f"expected one device with --data, since games are played by one process, received {step.devices}"
        )
    looks, learned = kind.work(step.network)
    played, looked = 1 / described["frames_per_second"], looks * step.forward / step.batch
    learnt = learned * step.seconds / step.batch
    pace = 1 / (played + looked + learnt)
    how = (
        f"played {1e3 * played:.3g} ms (measured here) + looked at {_times(looks)} in {1e3 * looked:.3g} ms + learned "
        f"from {_times(learned)} in {1e3 * learnt:.3g} ms"
    )
    if (own := step.network.input) != (seen := tuple(described["picture"])):
        how += f"; the network takes {shape_text(own)}, the game's pictures are {shape_text(seen)}"
    return Within(hours, int(hours * 3600 * pace), kind.example[1], pace, how)
